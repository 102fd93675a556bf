//! `cargo lab export --gradescope`, `--github`, and `--prairielearn`: writes graders for platforms that courses use.
//!
//! Each platform's grader includes a copy of this kit, with which the platform's machines grade submissions. The copy
//! contains the solutions only on platforms that show them to nobody but the instructor. There, they are removed once
//! the finished programs have been built.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::class::settings::Settings;
use crate::cli::exported::{Audience, exported, tidy_lock_file};
use crate::cli::target::lab_number;
use crate::kit::files;
use crate::submission::handed_in::Files;
use crate::submission::zipped;

/// The folder with the scripts.
const SCRIPTS: &str = "tests/platforms";

/// The options.
#[derive(clap::Args)]
pub struct Platforms {
    /// Writes an autograder for Gradescope to this zip file instead
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "control", "github", "prairielearn"])]
    gradescope: Option<PathBuf>,
    /// Writes graders for GitHub Actions and Classroom 50 to this folder instead
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["folder", "control", "prairielearn"])]
    github: Option<PathBuf>,
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["folder", "control"])]
    #[arg(help = "Writes a PrairieLearn question and its image to this folder instead")]
    prairielearn: Option<PathBuf>,
    /// Makes the platform grade only this lab. May be given several times
    #[arg(long = "lab", value_name = "LAB", value_parser = lab_number, conflicts_with_all = ["folder", "control"])]
    labs: Vec<u32>,
    /// The settings for the platform, in the format of grading.toml
    #[arg(long, value_name = "FILE", conflicts_with_all = ["folder", "control"])]
    settings: Option<PathBuf>,
}

impl Platforms {
    /// Writes the requested files. Returns whether any files were requested.
    ///
    /// # Errors
    /// Returns an error if a file cannot be read or written.
    pub fn write(&self, kit: &Path) -> Result<bool> {
        if let Some(file) = &self.gradescope {
            self.gradescope(kit, file)?;
        } else if let Some(folder) = &self.github {
            self.github(kit, &new(folder)?)?;
        } else if let Some(folder) = &self.prairielearn {
            self.prairielearn(kit, &new(folder)?)?;
        } else {
            ensure!(
                self.labs.is_empty() && self.settings.is_none(),
                "--lab and --settings work only with --gradescope, --github, or --prairielearn"
            );
            return Ok(false);
        }
        Ok(true)
    }

    /// Fills a folder with the copy of the kit with which a platform's machines grade submissions.
    fn kit(&self, kit: &Path, folder: &Path, with_solutions: bool) -> Result<()> {
        let mut made = exported(kit, Audience::Graders)?;
        if with_solutions {
            for path in files::below(&kit.join("solutions"))? {
                let path = Path::new("solutions").join(path);
                made.insert(path.clone(), fs::read_to_string(kit.join(path))?);
            }
        } else if let Some(manifest) = made.get_mut(Path::new("Cargo.toml")) {
            // Cargo does not accept a workspace member that does not exist.
            *manifest = manifest.replace("    \"solutions/*/*\",\n", "");
        }
        let labs = self.labs.iter().map(|lab| format!("--lab {lab}"));
        let options: Vec<_> = ["--jobs 1".to_owned()].into_iter().chain(labs).collect();
        made.insert("options".into(), options.join(" ") + "\n");
        if let Some(file) = &self.settings {
            Settings::read(file)?;
            made.insert("grading.toml".into(), fs::read_to_string(file)?);
        }
        for (path, text) in &made {
            files::write(&folder.join(path), text)
                .with_context(|| format!("cannot write {}", folder.join(path).display()))?;
        }
        tidy_lock_file(folder)
    }

    fn gradescope(&self, kit: &Path, file: &Path) -> Result<()> {
        let folder = TempDir::new()?;
        self.kit(kit, &folder.path().join("kit"), true)?;
        let mut made = Files::new();
        for path in files::below(folder.path())? {
            made.insert(path.clone(), fs::read(folder.path().join(path))?);
        }
        for name in ["setup.sh", "run_autograder"] {
            made.insert(name.into(), fs::read(kit.join(SCRIPTS).join("gradescope").join(name))?);
        }
        zipped::write(&made, file)?;
        println!("wrote an autograder to {}; upload this file to Gradescope", file.display());
        println!("It contains the solutions, so do not show it to students.");
        Ok(())
    }

    fn github(&self, kit: &Path, folder: &Path) -> Result<()> {
        let scripts = kit.join(SCRIPTS);
        let grader = folder.join("grader");
        self.kit(kit, &grader, false)?;
        copy(&scripts.join("github/action.yml"), &grader.join("action.yml"), &[])?;
        for name in ["feedback.yml", "class.yml"] {
            copy(&scripts.join("github").join(name), &folder.join(name), &[])?;
        }
        let bundle = folder.join("classroom50");
        copy(&scripts.join("classroom50/autograder.py"), &bundle.join("autograder.py"), &[])?;
        packed(&grader, &bundle.join("kit.tar.gz"))?;
        let shown = folder.display();
        println!(
            "wrote to {shown}: grader/ (the repository of an action), feedback.yml, class.yml, and classroom50/"
        );
        Ok(())
    }

    fn prairielearn(&self, kit: &Path, folder: &Path) -> Result<()> {
        let scripts = kit.join(SCRIPTS).join("prairielearn");
        let (question, image) = (folder.join("question"), folder.join("image"));
        let id = uuid(rand::random());
        copy(&scripts.join("info.json"), &question.join("info.json"), &[("UUID", &id)])?;
        copy(&scripts.join("question.html"), &question.join("question.html"), &[])?;
        copy(&scripts.join("Containerfile"), &image.join("Containerfile"), &[])?;
        self.kit(kit, &image.join("kit"), true)?;
        let shown = folder.display();
        println!("wrote to {shown}: question/ and image/; build the image from image/");
        println!("image/ contains the solutions, so do not show it to students.");
        Ok(())
    }
}

/// Creates a folder. If the folder already exists, it must be empty.
fn new(folder: &Path) -> Result<PathBuf> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {shown}"))?;
    ensure!(fs::read_dir(folder)?.next().is_none(), "{shown} is not empty; choose a new folder");
    Ok(folder.to_owned())
}

/// Copies a text file and replaces some words.
fn copy(from: &Path, to: &Path, words: &[(&str, &str)]) -> Result<()> {
    let text =
        fs::read_to_string(from).with_context(|| format!("cannot read {}", from.display()))?;
    let text = words.iter().fold(text, |text, (word, instead)| text.replace(word, instead));
    files::write(to, &text).with_context(|| format!("cannot write {}", to.display()))
}

/// Packs a folder into a `.tar.gz`.
fn packed(folder: &Path, file: &Path) -> Result<()> {
    let shown = || format!("cannot write {}", file.display());
    let out = GzEncoder::new(File::create(file).with_context(shown)?, Compression::best());
    let mut tar = tar::Builder::new(out);
    tar.append_dir_all("", folder).with_context(shown)?;
    tar.into_inner().and_then(GzEncoder::finish).with_context(shown)?;
    Ok(())
}

/// Returns a random UUID (version 4).
fn uuid(random: u128) -> String {
    let random = random & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{random:032x}");
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn a_uuid_says_that_it_is_random() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}

//! A workspace that contains one program of a kit and the libraries of its lab, but none of the other programs.
//!
//! Cargo reads all packages of a workspace before it builds any of them. So if one `Cargo.toml` is broken, cargo builds
//! nothing. A broken file does not affect programs in other workspaces.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{self, Path, PathBuf};

use crate::kit::files::PRISTINE;

/// The folders with the exercises and the finished programs.
const AUTHORS: [&str; 2] = ["labs", "solutions"];

/// The names of a lab's programs. A lab's other packages are libraries.
const PROGRAMS: [&str; 2] = ["server", "client"];

/// A workspace of symbolic links to the kit, below the kit's `target/`.
pub struct Apart {
    kit: PathBuf,
    folder: PathBuf,
    program: PathBuf,
}

impl Apart {
    /// Creates the workspace for one program, such as `labs/lab3-length-header/client`. Replaces any earlier workspace,
    /// so that cargo finds the shared libraries in the same place and builds them only once.
    pub fn new(kit: &Path, program: &Path) -> io::Result<Self> {
        let kit = path::absolute(kit)?;
        let folder = kit.join("target/apart");
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&folder)?,
        }
        link_all(&kit, &folder, |name| {
            !AUTHORS.iter().chain(&["target", "Cargo.lock"]).any(|other| name == *other)
        })?;
        // Cargo may change `Cargo.lock`, so the workspace contains a copy instead of a link.
        if kit.join("Cargo.lock").exists() {
            fs::copy(kit.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        }
        for author in AUTHORS {
            // The workspace lists the packages as `labs/*/*`. Cargo reports an error if such a pattern matches nothing,
            // so each folder gets an entry that is not a package.
            fs::create_dir_all(folder.join(author).join("none"))?;
            fs::write(folder.join(author).join("none/none"), "")?;
        }
        let lab = program.parent().unwrap_or(program);
        fs::create_dir_all(folder.join(lab))?;
        link_all(&kit.join(lab), &folder.join(lab), |name| {
            Some(name) == program.file_name() || !PROGRAMS.iter().any(|other| name == *other)
        })?;
        Ok(Self { kit, folder, program: program.to_owned() })
    }

    /// The workspace folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns whether cargo's error concerns the program or one of its lab's libraries.
    pub fn blames_packages(&self, said: &str) -> bool {
        let lab = self.folder.join(self.program.parent().unwrap_or(&self.program));
        said.contains(&*lab.to_string_lossy()) || said.contains("did not match any packages")
    }

    /// Explains why the package cannot be built and what the student can do.
    pub fn explain(&self, package: &str, said: &str) -> String {
        let said = said.replace(&*self.folder.to_string_lossy(), &self.kit.to_string_lossy());
        let manifest = self.program.join("Cargo.toml");
        let within: PathBuf = manifest.iter().skip(1).collect();
        format!(
            "cargo cannot build the package {package} from\n{}\nCorrect this file, or copy it from \
             {}.\nCargo says:\n{}",
            manifest.display(),
            Path::new(PRISTINE).join(within).display(),
            said.trim()
        )
    }
}

/// Creates a link in the folder `to` for each entry of the folder `from` that `is_wanted` accepts.
fn link_all(from: &Path, to: &Path, is_wanted: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if is_wanted(&entry.file_name()) {
            symlink(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

//! Finds a class's submissions and the students' names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::class::settings::Settings;
use crate::kit::files;
use crate::submission::handed_in::Source;

/// A string that is part of the name of every folder and file from Moodle. A typical name is
/// `Ann Lee_12345_assignsubmission_file_chat.zip`.
const MOODLE: &str = "_assignsubmission_";

/// A submission and the student who handed it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handed {
    /// The student's name, which is made unique within the class.
    pub name: String,
    /// The number that Moodle has assigned to the student.
    number: Option<String>,
    /// The file or folder name, without an archive's extension.
    stem: String,
    /// The folder or archive, or `None` if a student on the roster has handed in nothing.
    pub source: Option<Source>,
}

/// Finds the submissions at these paths. Each path refers to a submission or a folder of submissions. `roster` is a CSV
/// file with a `name` column.
///
/// # Errors
/// Returns an error if a path does not exist or the roster cannot be read.
pub fn find(paths: &[PathBuf], settings: &Settings, roster: Option<&Path>) -> Result<Vec<Handed>> {
    let mut found = Vec::new();
    for path in paths {
        let shown = path.display();
        fs::metadata(path).with_context(|| format!("there is no submission {shown}"))?;
        let path = fs::canonicalize(path)?;
        let source = Source::at(&path);
        match source
            .with_context(|| format!("{shown} is neither a folder nor a .zip or .tar.gz"))?
        {
            Source::Folder(folder) if !is_submission(&folder, settings) => {
                let before = found.len();
                found.extend(of_class(&folder)?);
                ensure!(
                    found.len() > before,
                    "{shown} holds no submissions: no folder, .zip, or .tar.gz, and no labs/"
                );
            }
            source => found.push(handed(&path, source)),
        }
    }
    if let Some(roster) = roster {
        name(&mut found, roster).with_context(|| format!("the roster {}", roster.display()))?;
    }
    tell_apart(&mut found);
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Returns whether a folder is a single submission rather than a collection of a class's submissions.
fn is_submission(folder: &Path, settings: &Settings) -> bool {
    let folders = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir())
    };
    // A name such as `lab2` is not enough, because a student's folder may also have this name.
    let is_lab = |folder: &PathBuf| {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_lab = files::lab_of(Path::new(&name)).is_some();
        name == "labs" || is_lab && folders(folder).any(|package| package.join("src").is_dir())
    };
    let has_file = settings.language.iter().any(|language| folder.join(&language.file).is_file());
    has_file || folders(folder).any(|folder| is_lab(&folder))
}

/// Returns the submissions in a folder. Each folder or archive in it is a submission.
fn of_class(folder: &Path) -> Result<Vec<Handed>> {
    let mut found = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if let Some(source) = Source::at(&path).filter(|_| !is_hidden) {
            found.push(handed(&path, source));
        }
    }
    Ok(found)
}

fn handed(path: &Path, source: Source) -> Handed {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = if matches!(source, Source::Folder(_)) { file } else { without_extension(&file) };
    let moodle = stem.split_once(MOODLE).and_then(|(student, _)| student.rsplit_once('_'));
    let (name, number) = match moodle {
        Some((name, number)) => (name.to_owned(), Some(number.to_owned())),
        None => (stem.clone(), None),
    };
    Handed { name, number, stem, source: Some(only_archive(source)) }
}

/// Returns the name without its extension, for example `chat` for `chat.tar.gz`.
fn without_extension(file: &str) -> String {
    let stem =
        |name: &str| Path::new(name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let first = stem(file).unwrap_or_default();
    if first.to_lowercase().ends_with(".tar") { stem(&first).unwrap_or(first) } else { first }
}

/// If a folder contains nothing but an archive, returns the archive, because each student's archive may be in a
/// separate folder.
fn only_archive(source: Source) -> Source {
    let Source::Folder(folder) = &source else { return source };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_shown = |path: &PathBuf| {
        !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
    };
    let paths: Vec<_> = entries.map(|entry| entry.path()).filter(is_shown).collect();
    match paths.as_slice() {
        [one] => match Source::at(one) {
            Some(Source::Folder(_)) | None => source,
            Some(archive) => archive,
        },
        _ => source,
    }
}

/// Replaces the submissions' names with the names from a roster. A row belongs to a submission if one of its cells
/// contains the folder name, the file name, or the student's name or number in Moodle. Adds the students on the roster
/// who have no submission.
fn name(found: &mut Vec<Handed>, roster: &Path) -> Result<()> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(roster)?;
    let headers = reader.headers()?.clone();
    let column = headers.iter().position(|header| {
        header.trim_start_matches('\u{feff}').trim().eq_ignore_ascii_case("name")
    });
    let column = column.context("there is no column with the header `name` in the first line")?;
    for row in reader.records() {
        let row = row?;
        let name = row.get(column).unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        let is_theirs = |handed: &&mut Handed| {
            let own = [Some(&handed.stem), handed.number.as_ref(), Some(&handed.name)];
            row.iter()
                .any(|cell| own.iter().flatten().any(|own| own.eq_ignore_ascii_case(cell.trim())))
        };
        match found.iter_mut().find(is_theirs) {
            Some(handed) => name.clone_into(&mut handed.name),
            None => found.push(Handed {
                name: name.to_owned(),
                number: None,
                stem: name.to_owned(),
                source: None,
            }),
        }
    }
    Ok(())
}

/// Adds the student's number or the submission's path to each name that several students share.
fn tell_apart(found: &mut [Handed]) {
    let names = |found: &[Handed]| {
        let mut names = BTreeMap::new();
        for handed in found {
            *names.entry(handed.name.clone()).or_insert(0) += 1;
        }
        names
    };
    let twice = names(found);
    for handed in found.iter_mut().filter(|handed| twice[&handed.name] > 1) {
        handed.name = match &handed.number {
            Some(number) => format!("{} ({number})", handed.name),
            None => format!("{} ({})", handed.name, where_from(handed)),
        };
    }
    let twice = names(found);
    for handed in found.iter_mut().filter(|handed| twice[&handed.name] > 1) {
        handed.name = format!("{} ({})", handed.name, where_from(handed));
    }
}

/// Returns a submission's path.
fn where_from(handed: &Handed) -> String {
    match &handed.source {
        Some(
            Source::Folder(path) | Source::Zip(path) | Source::TarGz(path) | Source::Other(path),
        ) => path.to_string_lossy().into_owned(),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::{Handed, find};
    use crate::class::settings::Settings;
    use crate::submission::handed_in::Source;

    fn class(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            crate::kit::files::write(&folder.path().join(file), "").unwrap();
        }
        folder
    }

    fn names(found: &[Handed]) -> Vec<&str> {
        found.iter().map(|handed| handed.name.as_str()).collect()
    }

    fn found(folder: &Path) -> Vec<Handed> {
        find(&[folder.to_owned()], &Settings::default(), None).unwrap()
    }

    #[test]
    fn a_folder_is_a_submission_or_a_class() {
        let one = class(&["labs/lab1-one-to-one/server/src/main.rs"]);
        let only_labs = class(&["lab1-one-to-one/server/src/main.rs", "lab1.zip"]);
        for folder in [&one, &only_labs] {
            assert_eq!(found(folder.path()).len(), 1);
        }
        let many = class(&[
            "ann/labs/x",
            "lab2/labs/x",
            "bob.zip",
            "carol.tar.gz",
            "grades.csv",
            ".DS_Store",
        ]);
        assert_eq!(names(&found(many.path())), ["ann", "bob", "carol", "lab2"]);
        let empty = class(&["grades.csv"]);
        let error = find(&[empty.path().to_owned()], &Settings::default(), None).unwrap_err();
        assert!(error.to_string().contains("holds no submissions"), "{error}");
    }

    #[test]
    fn the_names_of_moodle_are_understood() {
        let class = class(&[
            "Ann Lee_17_assignsubmission_file_/chat.zip",
            "Bo_18_assignsubmission_file_chat.tar.gz",
            "Bo_19_assignsubmission_file/labs/x",
        ]);
        let found = found(class.path());
        assert_eq!(names(&found), ["Ann Lee", "Bo (18)", "Bo (19)"]);
        assert!(matches!(found[0].source, Some(Source::Zip(_))));
    }

    #[test]
    fn a_roster_names_submissions_and_those_who_handed_in_nothing() {
        let class = class(&["al17.zip", "Bo_18_assignsubmission_file_/labs/x", "eve.zip"]);
        let roster = class.path().join("roster.csv");
        let rows = "\u{feff}Login,Name,Moodle\nAL17,Ann Lee,17\n,\"Berg, Bo\",18\ncc,Carol,19\n";
        fs::write(&roster, rows).unwrap();
        let found = find(&[class.path().to_owned()], &Settings::default(), Some(&roster)).unwrap();
        assert_eq!(names(&found), ["Ann Lee", "Berg, Bo", "Carol", "eve"]);
        assert_eq!(found[2].source, None);
        fs::write(&roster, "Login;Names\n").unwrap();
        let error = find(&[class.path().to_owned()], &Settings::default(), Some(&roster));
        assert!(format!("{:#}", error.unwrap_err()).contains("no column with the header `name`"));
    }

    #[test]
    fn the_same_file_name_in_two_folders_is_told_apart() {
        let two = class(&["a/ann.zip", "b/ann.zip"]);
        let paths = [two.path().join("a"), two.path().join("b")];
        let found = find(&paths, &Settings::default(), None).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].name.ends_with("a/ann.zip)") && found[1].name.ends_with("b/ann.zip)"));
    }
}

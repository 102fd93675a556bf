//! Takes only a student's sources from a submission.
//!
//! The grader, the libraries, the manifests, and cargo's settings come from the instructor's kit. Only the
//! `src/**/*.rs` files of the lab packages and the names of dependencies that the kit also has are taken from the
//! student's submission.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

use crate::kit::files;
use crate::submission::handed_in::{Files, Source};

/// The maximum size of a source file, in bytes.
pub const MAX_SOURCE: u64 = 1024 * 1024;

/// A package in the kit's labs.
#[derive(Clone, Debug)]
pub struct Package {
    /// The name, such as `lab2-server`.
    pub name: String,
    /// The lab number.
    pub lab: u32,
    /// The folder, such as `lab2-nick-group/server`.
    pub folder: PathBuf,
    /// The instructor's manifest.
    manifest: String,
}

/// The parts of a submission that the grader uses.
#[derive(Debug, Default)]
pub struct Sources {
    /// The files under `labs/`. A package has no files here if none of its source files were handed in.
    pub files: Files,
    /// The reasons why packages are not built, by package name.
    pub refused: BTreeMap<String, String>,
    /// The files that were left out of packages that are otherwise accepted, by package name.
    pub left_out: BTreeMap<String, String>,
}

/// Returns the labs' packages in `starters`.
///
/// # Errors
/// Returns an error if the kit cannot be read.
pub fn packages(starters: &Path) -> Result<Vec<Package>> {
    let mut packages = Vec::new();
    for path in files::below(starters)? {
        let lab = files::lab_of(&path);
        if let (Some(lab), true) = (lab, path.ends_with("Cargo.toml")) {
            let manifest = fs::read_to_string(starters.join(&path))?;
            let table: Table = manifest.parse()?;
            let name = table.get("package").and_then(|package| package.get("name"));
            let name = name.and_then(Value::as_str).context("a package without a name")?.to_owned();
            let folder = path.parent().unwrap_or(&path).to_owned();
            packages.push(Package { name, lab, folder, manifest });
        }
    }
    Ok(packages)
}

/// Takes the packages' sources from a submission. `kit` is the manifest of the kit's workspace.
///
/// # Errors
/// Returns an error if the submission cannot be read or contains no lab.
pub fn take(source: &Source, packages: &[Package], kit: &Table) -> Result<Sources> {
    let listed = source.list()?;
    let top = top(&listed)?;
    take_below(source, &listed, &top, packages, kit)
}

/// Takes the sources from a `labs` folder. Ignores everything else in the folder.
///
/// # Errors
/// Returns an error if the folder cannot be read.
pub fn take_labs(labs: &Path, packages: &[Package], kit: &Table) -> Result<Sources> {
    let source = Source::Folder(labs.to_owned());
    take_below(&source, &source.list()?, Path::new(""), packages, kit)
}

fn take_below(
    source: &Source,
    listed: &[PathBuf],
    top: &Path,
    packages: &[Package],
    kit: &Table,
) -> Result<Sources> {
    let place = |path: &Path| place(path.strip_prefix(top).ok()?, packages);
    let is_wanted = |path: &Path| {
        place(path).is_some_and(|(_, file)| is_source(&file) || file == Path::new("Cargo.toml"))
    };
    let mut read = source.read(MAX_SOURCE, is_wanted)?;
    let mut taken = Sources::default();
    for path in listed {
        let Some((package, file)) = place(path) else { continue };
        if is_source(&file)
            && let Some(bytes) = read.remove(path)
        {
            taken.files.insert(package.folder.join(file), bytes);
        } else if file == Path::new("Cargo.toml") {
            let text = read.get(path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let shown = Path::new("labs").join(&package.folder).join("Cargo.toml");
            match manifest(package, &text.unwrap_or_default(), kit) {
                Ok(None) => {}
                Ok(Some(text)) => {
                    taken.files.insert(package.folder.join("Cargo.toml"), text.into_bytes());
                }
                Err(why) => {
                    let why = format!("{} needs {why}", shown.display());
                    taken.refused.insert(package.name.clone(), why);
                }
            }
        } else if file.starts_with("src") {
            let why =
                if is_source(&file) { "longer than 1 MiB" } else { "only .rs files are accepted" };
            let line = format!("not taken from the submission ({why}): {}\n", file.display());
            taken.left_out.entry(package.name.clone()).or_default().push_str(&line);
        }
    }
    for package in packages {
        let has_source = |path: &PathBuf| path.starts_with(package.folder.join("src"));
        if !taken.files.keys().any(has_source) {
            taken.files.remove(&package.folder.join("Cargo.toml"));
        }
    }
    refuse_users(&mut taken.refused, packages);
    Ok(taken)
}

/// Returns whether a file in a package is a source file. The grader accepts source files that are not too long.
pub fn is_source(file: &Path) -> bool {
    file.starts_with("src") && file.extension().is_some_and(|extension| extension == "rs")
}

/// Returns the folder in the submission that contains the labs. If there are several such folders, returns the topmost,
/// because the others may be copies.
fn top(listed: &[PathBuf]) -> Result<PathBuf> {
    let mut tops: Vec<PathBuf> = Vec::new();
    for path in listed {
        let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
        // `lab2-nick-group/server/src/main.rs` has four parts.
        let is_package = |at: usize| {
            let lab = Path::new(&*parts[at]).to_string_lossy().to_lowercase();
            let is_inside =
                parts.get(at + 2).is_some_and(|part| part == "src" || part == "Cargo.toml");
            files::lab_of(Path::new(&lab)).is_some() && is_inside
        };
        if let Some(at) = (0..parts.len()).find(|at| is_package(*at)) {
            let top: PathBuf = path.iter().take(at).collect();
            let is_other = top.iter().any(|part| part == "solutions" || part == "starters");
            if !is_other && !tops.contains(&top) {
                tops.push(top);
            }
        }
    }
    let is_labs =
        |top: &PathBuf| top.file_name().is_some_and(|name| name.eq_ignore_ascii_case("labs"));
    tops.sort_by_key(|top| (!is_labs(top), top.iter().count()));
    let first = tops.first().context(
        "it holds no labs: there is no folder such as labs/lab1-one-to-one/server/src/ with .rs files",
    )?;
    if let Some(second) = tops.get(1)
        && is_labs(second) == is_labs(first)
        && second.iter().count() == first.iter().count()
    {
        bail!("it holds several kits, {} and {}; hand in one", first.display(), second.display());
    }
    Ok(first.clone())
}

/// Splits a path under `labs/` into the package and the rest of the path.
fn place<'a>(path: &Path, packages: &'a [Package]) -> Option<(&'a Package, PathBuf)> {
    let mut parts = path.iter();
    let lab = parts.next()?.to_string_lossy().to_lowercase();
    let lab = files::lab_of(Path::new(&lab))?;
    let program = parts.next()?;
    let package = packages.iter().find(|package| {
        package.lab == lab && package.folder.file_name().is_some_and(|name| name == program)
    });
    Some((package?, parts.collect()))
}

/// Returns the instructor's manifest with the dependencies that the student has added. Returns `None` if the student
/// has added no dependencies. If the kit does not have one of these dependencies, returns an error that names it.
fn manifest(package: &Package, text: &str, kit: &Table) -> Result<Option<String>, String> {
    // Mistakes in a manifest do not matter, because only its dependencies are used.
    let Ok(theirs) = text.parse::<Table>() else { return Ok(None) };
    let Ok(mut own) = package.manifest.parse::<Table>() else { return Ok(None) };
    let Some(Value::Table(wanted)) = theirs.get("dependencies") else { return Ok(None) };
    let known = kit.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let known = known.and_then(Value::as_table);
    let entry = own.entry("dependencies").or_insert_with(|| Value::Table(Table::new()));
    let Value::Table(dependencies) = entry else { return Ok(None) };
    let mut is_changed = false;
    for (name, dependency) in wanted {
        if dependencies.get(name) == Some(dependency) {
            continue;
        }
        let is_renamed =
            dependency.get("package").is_some_and(|other| other.as_str() != Some(name));
        if is_renamed || !known.is_some_and(|known| known.contains_key(name)) {
            let name = dependency.get("package").and_then(Value::as_str).unwrap_or(name);
            let known: Vec<_> =
                known.into_iter().flat_map(Table::keys).map(String::as_str).collect();
            let name: String = name.chars().take(60).collect();
            return Err(format!(
                "`{name}`, which is not among the kit's dependencies; these are {}",
                known.join(", ")
            ));
        }
        let mut ours = Table::from_iter([("workspace".to_owned(), Value::Boolean(true))]);
        if let Some(features) = dependency.get("features").filter(|features| features.is_array()) {
            ours.insert("features".to_owned(), features.clone());
        }
        dependencies.insert(name.clone(), Value::Table(ours));
        is_changed = true;
    }
    Ok(is_changed.then(|| own.to_string()))
}

/// Refuses the programs of each lab whose library is refused, because they cannot be built without the library.
fn refuse_users(refused: &mut BTreeMap<String, String>, packages: &[Package]) {
    let is_program =
        |package: &&Package| ["server", "client"].iter().any(|name| package.folder.ends_with(name));
    for library in packages.iter().filter(|package| !is_program(package)) {
        let Some(why) = refused.get(&library.name).cloned() else { continue };
        for program in packages.iter().filter(is_program).filter(|one| one.lab == library.lab) {
            refused.entry(program.name.clone()).or_insert_with(|| why.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Package, Sources, packages, take};
    use crate::kit::files::{self, PRISTINE};
    use crate::submission::handed_in::Source;

    const SERVER: &str = "lab2-nick-group/server";

    fn all() -> Vec<Package> {
        packages(&crate::kit::root().join(PRISTINE)).unwrap()
    }

    fn taken(handed_in: &[(&str, &str)]) -> Result<Sources, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in handed_in {
            files::write(&folder.path().join(path), text).unwrap();
        }
        let kit = std::fs::read_to_string(crate::kit::root().join("Cargo.toml")).unwrap();
        take(&Source::Folder(folder.path().to_owned()), &all(), &kit.parse().unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_sources_of_packages_are_taken() {
        let taken = taken(&[
            ("my kit/labs/LAB2-nick-group/server/src/main.rs", "a"),
            ("my kit/labs/lab2-nick-group/server/src/sub/b.rs", "b"),
            ("my kit/labs/lab2-nick-group/server/src/c.txt", "c"),
            ("my kit/labs/lab2-nick-group/server/src/long.rs", &" ".repeat(1 << 21)),
            ("my kit/labs/lab2-nick-group/server/build.rs", "d"),
            ("my kit/labs/lab2-nick-group/server/.cargo/config.toml", "e"),
            ("my kit/labs/lab2-nick-group/other/src/main.rs", "f"),
            ("my kit/solutions/lab2-nick-group/client/src/main.rs", "g"),
            ("my kit/tests/starters/lab2-nick-group/client/src/main.rs", "h"),
            ("my kit/common/src/lib.rs", "i"),
            ("my kit/Cargo.toml", "j"),
        ])
        .unwrap();
        let paths: Vec<_> = taken.files.keys().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(
            paths,
            ["lab2-nick-group/server/src/main.rs", "lab2-nick-group/server/src/sub/b.rs"]
        );
        let left_out = &taken.left_out["lab2-server"];
        assert!(left_out.contains("(only .rs files are accepted): src/c.txt"), "{left_out}");
        assert!(left_out.contains("(longer than 1 MiB): src/long.rs"), "{left_out}");
    }

    #[test]
    fn labs_without_a_kit_are_taken() {
        let main = format!("{SERVER}/src/main.rs");
        assert!(taken(&[(&main, "")]).unwrap().files.contains_key(Path::new(&main)));
        let error = taken(&[("main.rs", "")]).unwrap_err();
        assert!(error.contains("it holds no labs"), "{error}");
        let twice = [("a/labs/lab1-x/server/src/x.rs", ""), ("b/labs/lab1-x/server/src/x.rs", "")];
        assert_eq!(
            taken(&twice).unwrap_err(),
            "it holds several kits, a/labs and b/labs; hand in one"
        );
    }

    fn with_manifest(text: &str) -> Sources {
        let (main, manifest) = (format!("{SERVER}/src/main.rs"), format!("{SERVER}/Cargo.toml"));
        taken(&[(&main, ""), (&manifest, text)]).unwrap()
    }

    #[test]
    fn the_kits_dependencies_may_be_added() {
        let text = "[package]\nname = \"x\"\nbuild = \"b.rs\"\n[dependencies]\nanyhow.workspace = true\n\
                    nix = { workspace = true, features = [\"poll\"] }\n";
        let taken = with_manifest(text);
        assert!(taken.refused.is_empty());
        let written = &taken.files[&Path::new(SERVER).join("Cargo.toml")];
        let written = String::from_utf8(written.clone()).unwrap();
        assert!(
            written.contains("name = \"lab2-server\"") && !written.contains("build"),
            "{written}"
        );
        assert!(written.contains("[\"poll\"]"), "{written}");
        for broken in ["[dependencies", "", "[dependencies]\nanyhow.workspace = true\n"] {
            assert_eq!(with_manifest(broken).files.len(), 1, "{broken}");
        }
    }

    #[test]
    fn other_dependencies_are_refused_in_words() {
        for (line, name) in [
            ("tokio = \"1\"", "tokio"),
            ("anyhow = { package = \"evil\", path = \"../x\" }", "evil"),
            ("x = { path = \"/etc\" }", "x"),
        ] {
            let taken = with_manifest(&format!("[dependencies]\n{line}\n"));
            let why = &taken.refused["lab2-server"];
            let start = format!(
                "labs/{SERVER}/Cargo.toml needs `{name}`, which is not among the kit's dep"
            );
            assert!(why.starts_with(&start), "{why}");
        }
    }
}

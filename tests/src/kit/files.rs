//! A kit's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder with the unchanged starter files. Students' files are compared with these files and can be reset to
/// them.
pub const PRISTINE: &str = "tests/starters";

/// Returns the paths of all files below the folder, sorted and relative to the folder. Returns no paths if the folder
/// does not exist.
pub fn below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let entries = match fs::read_dir(folder.join(&below)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    Ok(found)
}

/// Returns the number of the lab that a path belongs to, for example 2 for `lab2-nick-group/…`.
pub fn lab_of(path: &Path) -> Option<u32> {
    let folder = path.components().next()?.as_os_str().to_str()?;
    let digits = folder.strip_prefix("lab")?.split(|char: char| !char.is_ascii_digit()).next();
    digits?.parse().ok()
}

/// Returns the path of a package, for example `labs/lab2-nick-group/server` for the arguments `"labs"`, `2`, and
/// `"server"`.
pub fn package(kit: &Path, folder: &str, lab: u32, name: &str) -> Option<PathBuf> {
    let labs = fs::read_dir(kit.join(folder)).ok()?.filter_map(Result::ok);
    let mut labs = labs.filter(|entry| lab_of(Path::new(&entry.file_name())) == Some(lab));
    let package = labs.next()?.path().join(name);
    package.join("Cargo.toml").is_file().then_some(package)
}

/// Returns the content of the file, if the file exists.
///
/// # Errors
/// Returns an error if the file cannot be read or is not UTF-8.
pub fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}

/// Writes the file and creates its folder if necessary. Makes scripts executable.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, text)?;
    if text.starts_with("#!") { make_executable(path) } else { Ok(()) }
}

/// Makes the file executable for everyone who can read it.
pub fn make_executable(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

//! The files and folders that a program under test may read and execute outside its own folder.

use std::collections::BTreeSet;
use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::{self, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The system's programs and libraries, and the files that they need to start.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/gnu/store",
    "/run/current-system",
    "/snap",
    "/home/linuxbrew",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
];

/// The files in `/proc` from which language runtimes get information about the machine. A program's own folder in
/// `/proc` is added when the program starts.
const PROC: &[&str] =
    &["cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version", "vmstat"];

/// Programs may read the files and folders in `/etc` whose names start with these prefixes.
const ETC: &[&str] = &[
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "gai.conf",
    "gnutls",
    "group",
    "host",
    "inputrc",
    "java",
    "ld.so.",
    "locale",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "openssl",
    "passwd",
    "perl",
    "pki",
    "protocols",
    "python",
    "resolv.conf",
    "services",
    "ssl",
    "terminfo",
    "timezone",
];

/// The folders of a kit that contain other people's work, the grader, and build results.
const OTHERS: &[&str] = &["solutions", "tests", "labs", "target", ".git"];

/// Additional paths that programs may read, from the option `--read`.
static MORE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A submission's folder. The contents of the files in this folder must not give programs access to additional files.
static DISTRUSTED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Ensures that no file in this folder gives programs access to other files, such as the target of a link or the
/// interpreter of a script.
pub fn distrust(folder: &Path) {
    *DISTRUSTED.lock().unwrap_or_else(PoisonError::into_inner) = fs::canonicalize(folder).ok();
}

fn is_distrusted(path: &Path) -> bool {
    let distrusted = DISTRUSTED.lock().unwrap_or_else(PoisonError::into_inner);
    // The path is not resolved as a whole, because the file and the folders in the path may be symbolic links that lead
    // out of the submission's folder.
    let absolute = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    distrusted.as_ref().is_some_and(|folder| {
        absolute.ancestors().any(|above| {
            above == folder || fs::canonicalize(above).is_ok_and(|above| above == *folder)
        })
    })
}

/// Allows all programs that are started from now on to read these additional paths.
pub fn allow(paths: impl IntoIterator<Item = PathBuf>) {
    MORE.lock().unwrap_or_else(PoisonError::into_inner).extend(paths);
}

/// Returns the paths that every program may read. Some of the returned paths may not exist.
pub fn of_system() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    all.extend(PROC.iter().map(|name| Path::new("/proc").join(name)));
    let is_needed = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Files such as `passwd-` and `group-` are backups, which no program needs.
        !name.ends_with('-') && ETC.iter().any(|begin| name.starts_with(begin))
    };
    all.extend(entries(Path::new("/etc")).filter(is_needed));
    all.extend(MORE.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
    all
}

/// Returns the paths that a program started by this command line may read: the current folder, the files named on the
/// command line, the folders that contain them, and the interpreters in the search path.
pub fn of_command(command: &str) -> Vec<PathBuf> {
    let mut all = BTreeSet::new();
    all.extend(env::current_dir().into_iter().flat_map(folder));
    all.extend(of_search_path());
    if let Some(home) = env::home_dir() {
        // The libraries that users install for themselves, for example with `pip install --user`.
        all.insert(home.join(".local/lib"));
    }
    let search = search_path();
    let mut words = words(command);
    let mut next = 0;
    while let Some(word) = words.get(next).cloned() {
        next += 1;
        let named = (word.contains('/') || Path::new(&word).exists()).then(|| word.clone().into());
        let found = search.iter().map(|folder| folder.join(&word)).find(|path| path.is_file());
        for path in [named, found].into_iter().flatten().filter(|path| !is_distrusted(path)) {
            let target = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            all.extend([path, target.clone()].iter().flat_map(|path| around(path)));
            // A script names its interpreter, which may itself be a script. Without this limit, a chain of scripts
            // could be endless.
            if next < 100 {
                words.extend(interpreter(&target));
            }
        }
    }
    all.into_iter().collect()
}

/// Returns the files and folders that belong to the programs in the search path.
pub fn of_search_path() -> Vec<PathBuf> {
    search_path().iter().filter(|one| one.is_absolute()).flat_map(|one| installation(one)).collect()
}

fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// Extracts everything from a command line that may be a path: its words, their parts, and quoted strings.
fn words(command: &str) -> Vec<String> {
    let separates = |char: char| {
        char.is_whitespace()
            || matches!(char, '=' | ':' | ',' | ';' | '&' | '|' | '(' | ')' | '<' | '>')
    };
    let quoted = command.split(['"', '\'']);
    let parts = quoted.clone().flat_map(|part| part.split(separates));
    let lists = quoted.clone().flat_map(|part| part.split(':'));
    let whole = command.split_whitespace().map(|word| word.trim_matches(['"', '\'']));
    let all: BTreeSet<_> = quoted.chain(parts).chain(lists).chain(whole).collect();
    all.into_iter().filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// Returns the words of a script's first line, if that line names an interpreter.
fn interpreter(script: &Path) -> Vec<String> {
    let mut begin = Vec::new();
    let is_read = script.is_file()
        && File::open(script).is_ok_and(|file| file.take(256).read_to_end(&mut begin).is_ok());
    let text = String::from_utf8_lossy(&begin);
    let line = text.lines().next().and_then(|line| line.strip_prefix("#!")).filter(|_| is_read);
    line.map(|line| line.split_whitespace().map(ToOwned::to_owned).collect()).unwrap_or_default()
}

/// Returns a path and related paths: a file named on a command line may need other files in its folder, and a program
/// may need the files that were installed with it.
fn around(path: &Path) -> Vec<PathBuf> {
    let mut all = vec![path.to_owned()];
    if path.is_dir() {
        return folder(path.to_owned());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        all.extend(installation(parent));
        all.extend(folder(parent.to_owned()));
    }
    all
}

/// Returns the files and folders that belong to the programs in a folder such as `~/.pyenv/shims`.
pub fn installation(bin: &Path) -> Vec<PathBuf> {
    let is_for_programs = ["bin", "sbin", "shims"].iter().any(|name| bin.ends_with(name));
    let prefix = bin.parent().filter(|_| is_for_programs).filter(|prefix| {
        // `.cargo` and `.local` contain much more than programs.
        ![".cargo", ".local"].iter().any(|name| prefix.ends_with(name))
    });
    [Some(bin), prefix].into_iter().flatten().flat_map(|path| folder(path.to_owned())).collect()
}

/// Returns the folder. If the folder is a kit, returns only some of its entries. If the folder contains the home folder
/// or the folder for temporary files, returns nothing.
fn folder(folder: PathBuf) -> Vec<PathBuf> {
    let Ok(real) = fs::canonicalize(&folder) else { return Vec::new() };
    let is_too_much =
        |other: PathBuf| fs::canonicalize(other).is_ok_and(|other| other.starts_with(&real));
    if env::home_dir().is_some_and(is_too_much) || is_too_much(env::temp_dir()) {
        return Vec::new();
    }
    let is_kit = real.join("labs").is_dir() && real.join("tests/src").is_dir();
    if !is_kit {
        return vec![folder];
    }
    let is_free = |path: &PathBuf| !OTHERS.iter().any(|name| path.ends_with(name));
    entries(&real).filter(is_free).collect()
}

/// Returns the paths of a folder's entries.
pub fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{of_command, words};

    #[test]
    fn the_words_of_a_command_line_may_be_paths() {
        let words = words("exec java -cp 'a b:c' --conf=/x/y server.jar 1234");
        for word in ["java", "a b", "c", "/x/y", "server.jar"] {
            assert!(words.iter().any(|other| other == word), "{word} in {words:?}");
        }
    }

    #[test]
    fn the_home_and_the_folders_of_the_kit_are_not_read() {
        let all = of_command("sh -c 'exec cat' ~ /");
        let home = std::env::home_dir().unwrap();
        assert!(!all.contains(&home) && !all.contains(&"/".into()), "{all:?}");
        assert!(!all.iter().any(|path| path.ends_with("solutions")), "{all:?}");
        assert!(all.iter().any(|path| Path::new("/bin/sh").starts_with(path)), "{all:?}");
    }
}

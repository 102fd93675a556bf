//! Reads a submission, which is a folder or an archive, and enforces limits. Nothing is unpacked to disk.
//!
//! Only regular files are read. Links, devices, pipes, and paths that lead outside the submission are skipped.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use zip::ZipArchive;

/// The bits of a file mode that contain the file type; see inode(7). In a zip file, these bits are the same on every
/// system.
const KIND: u32 = 0o170_000;

/// The value of the [`KIND`] bits for a regular file.
const REGULAR: u32 = 0o100_000;

/// The maximum number of files to read.
const MAX_FILES: usize = 1000;

/// The maximum size of all files together, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The maximum number of entries in a submission. This limit is higher than [`MAX_FILES`], because most entries are not
/// read: a build folder alone can have a few thousand entries.
const MAX_ENTRIES: usize = 100_000;

/// The maximum size of an unpacked `.tar.gz`, in bytes. The archive must be unpacked as a whole, even if most of its
/// files are not read.
const MAX_UNPACKED: u64 = 256 * 1024 * 1024;

/// The maximum number of bytes that are read in order to open a zip file. The central directory of a zip file with
/// [`MAX_ENTRIES`] entries takes up about half as many bytes as this limit allows.
const MAX_DIRECTORY: u64 = 32 * 1024 * 1024;

/// The names of folders whose files are generated and may be large.
pub const MADE: [&str; 5] = ["target", ".git", "node_modules", "__MACOSX", "__pycache__"];

/// The contents of files, by path within a submission.
pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A submission as it was handed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// A folder.
    Folder(PathBuf),
    /// A `.zip`.
    Zip(PathBuf),
    /// A `.tar.gz`.
    TarGz(PathBuf),
    /// A file that cannot be read, such as a `.rar`.
    Other(PathBuf),
}

/// The function that is called for each file. This function does not have to read the file.
type Each<'a> = dyn FnMut(PathBuf, &mut dyn Read) -> Result<()> + 'a;

impl Source {
    /// Returns the submission at a path. If the path is a file, the file's extension determines the kind of archive.
    /// Returns `None` if the path is neither a folder nor an archive.
    pub fn at(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        let path = path.to_owned();
        match path.symlink_metadata().ok()?.file_type() {
            kind if kind.is_dir() => Some(Self::Folder(path)),
            kind if !kind.is_file() => None,
            _ if ends(&[".zip"]) => Some(Self::Zip(path)),
            _ if ends(&[".tar.gz", ".tgz"]) => Some(Self::TarGz(path)),
            _ if ends(&[".rar", ".7z", ".tar", ".tar.xz", ".tar.bz2"]) => Some(Self::Other(path)),
            _ => None,
        }
    }

    /// Returns the paths of all regular files.
    ///
    /// # Errors
    /// Returns an error if the source cannot be read or has too many entries.
    pub fn list(&self) -> Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        self.each(&mut |path, _| {
            paths.push(path);
            Ok(())
        })?;
        paths.sort();
        paths.dedup();
        Ok(paths)
    }

    /// Reads each file if `is_wanted` returns true for its path. A file that is longer than `longest` bytes is left
    /// out.
    ///
    /// # Errors
    /// Returns an error if the submission cannot be read or has too many entries, if there are too many files to read,
    /// or if the files to read are too large in total.
    pub fn read(&self, longest: u64, is_wanted: impl Fn(&Path) -> bool) -> Result<Files> {
        let (mut files, mut total) = (Files::new(), 0);
        self.each(&mut |path, reader| {
            if !is_wanted(&path) {
                return Ok(());
            }
            ensure!(files.len() < MAX_FILES, "it holds more than {MAX_FILES} files");
            let mut bytes = Vec::new();
            // This limit is needed because the size that an archive states may be wrong.
            let limit = longest.min(MAX_BYTES - total);
            reader
                .take(limit + 1)
                .read_to_end(&mut bytes)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let length = bytes.len() as u64;
            if length > longest {
                return Ok(());
            }
            total += length;
            ensure!(total <= MAX_BYTES, "it holds more than {} MiB", MAX_BYTES / 1024 / 1024);
            files.insert(path, bytes);
            Ok(())
        })?;
        Ok(files)
    }

    fn each(&self, each: &mut Each) -> Result<()> {
        let open = |path: &Path| File::open(path).map_err(|error| anyhow!("{error}"));
        match self {
            Self::Folder(folder) => of_folder(folder, each),
            Self::Zip(path) => of_zip(open(path)?, each),
            Self::TarGz(path) => of_tar_gz(open(path)?, each),
            Self::Other(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                bail!("{name} cannot be unpacked; hand in a folder, a .zip file, or a .tar.gz file")
            }
        }
    }
}

fn of_folder(folder: &Path, each: &mut Each) -> Result<()> {
    let mut folders = vec![PathBuf::new()];
    let mut entries = 0;
    while let Some(below) = folders.pop() {
        let read = fs::read_dir(folder.join(&below));
        for entry in read.with_context(|| format!("cannot read {}", below.display()))? {
            let entry = entry?;
            entries = counted(entries)?;
            let path = below.join(entry.file_name());
            // `file_type` does not follow links, so a link is not read.
            let kind = entry.file_type()?;
            if kind.is_dir() && !is_made(&path) {
                folders.push(path);
            } else if kind.is_file()
                && let Some(clean) = clean(&path.to_string_lossy())
            {
                // The file may have been replaced in the meantime, and opening a pipe without a writer would block
                // forever.
                let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW;
                let opened = File::options().read(true).custom_flags(flags).open(entry.path());
                let mut file = match opened.and_then(|file| Ok((file.metadata()?, file))) {
                    Ok((data, file)) if data.is_file() => file,
                    Ok(_) => continue,
                    Err(error) => {
                        return Err(error).context(format!("cannot read {}", path.display()));
                    }
                };
                each(clean, &mut file)?;
            }
        }
    }
    Ok(())
}

/// A reader that fails after a certain number of bytes.
struct Limited<R> {
    reader: R,
    left: Rc<Cell<u64>>,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(bytes)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("its directory cannot be found"))?);
        Ok(count)
    }
}

impl<R: Seek> Seek for Limited<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.reader.seek(to)
    }
}

fn of_zip(file: File, each: &mut Each) -> Result<()> {
    // A zip file can contain many end-of-central-directory records. The crate tries each record, and each can make it
    // read a large part of the file, so the time to open the file could grow with the square of the file's length.
    let limit = MAX_DIRECTORY.min(64 * 1024 + 4 * file.metadata()?.len());
    let left = Rc::new(Cell::new(limit));
    let reader = Limited { reader: BufReader::new(file), left: Rc::clone(&left) };
    let mut zip = ZipArchive::new(reader).map_err(|error| anyhow!("not a zip: {error}"))?;
    left.set(u64::MAX);
    ensure!(zip.len() <= MAX_ENTRIES, "it has more than {MAX_ENTRIES} entries");
    for at in 0..zip.len() {
        let mut entry = match zip.by_index(at) {
            Ok(entry) => entry,
            Err(error) => bail!("the zip cannot be read: {error}"),
        };
        if !entry.is_file() || entry.is_symlink() {
            continue;
        }
        // A zip file that was created on Unix may also contain other types of files.
        let kind = entry.unix_mode().unwrap_or(0) & KIND;
        let is_regular = kind == 0 || kind == REGULAR;
        let path = clean(entry.name()).filter(|path| is_regular && !is_made(path));
        if let Some(path) = path {
            each(path, &mut entry)?;
        }
    }
    Ok(())
}

fn of_tar_gz(file: File, each: &mut Each) -> Result<()> {
    let unpacked = MultiGzDecoder::new(BufReader::new(file)).take(MAX_UNPACKED);
    let mut tar = tar::Archive::new(unpacked);
    let read = of_tar(&mut tar, each);
    let megabytes = MAX_UNPACKED / 1024 / 1024;
    ensure!(tar.into_inner().limit() > 0, "it holds more than {megabytes} MiB; leave out target/");
    read
}

fn of_tar(tar: &mut tar::Archive<impl Read>, each: &mut Each) -> Result<()> {
    let mut count = 0;
    let wrong = |error: io::Error| anyhow!("the .tar.gz cannot be read: {error}");
    for entry in tar.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        count = counted(count)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        if let Some(path) = path.filter(|path| !is_made(path)) {
            each(path, &mut entry)?;
        }
    }
    Ok(())
}

fn counted(entries: usize) -> Result<usize> {
    ensure!(entries < MAX_ENTRIES, "it has more than {MAX_ENTRIES} entries");
    Ok(entries + 1)
}

fn is_made(path: &Path) -> bool {
    path.iter().any(|part| MADE.iter().any(|made| part == *made))
}

/// Returns an entry's path if it does not lead outside the submission. Some programs on Windows use `\` to separate the
/// parts of a path.
fn clean(name: &str) -> Option<PathBuf> {
    let name = if name.contains('/') { name.to_owned() } else { name.replace('\\', "/") };
    if name.starts_with('/') || name.contains('\0') {
        return None;
    }
    let parts: Vec<_> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let is_fine = !parts.is_empty() && parts.iter().all(|part| *part != ".." && part.len() < 256);
    is_fine.then(|| parts.iter().collect())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::{self, Read, Write};
    use std::path::{Path, PathBuf};

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::{Files, MAX_FILES, Source, clean};

    fn read(source: &Source) -> Result<Files, String> {
        source
            .read(1000, |path| path.extension().is_some_and(|end| end == "rs"))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn paths_stay_within_the_submission() {
        assert_eq!(clean("a/./b//c.rs"), Some(PathBuf::from("a/b/c.rs")));
        assert_eq!(clean("a\\b.rs"), Some(PathBuf::from("a/b.rs")));
        for path in ["/etc/passwd", "a/../../b", "..", "..\\b", "", "/", "a\0b"] {
            assert_eq!(clean(path), None, "{path}");
        }
    }

    #[test]
    fn only_regular_files_of_a_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("src/target")).unwrap();
        for name in ["src/a.rs", "src/target/b.rs", "src/c.txt"] {
            fs::write(at(name), name).unwrap();
        }
        fs::write(at("src/long.rs"), " ".repeat(1001)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", at("src/link.rs")).unwrap();
        std::os::unix::fs::symlink("/", at("src/all")).unwrap();
        nix::unistd::mkfifo(&at("src/pipe.rs"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let files = read(&Source::at(folder.path()).unwrap()).unwrap();
        assert_eq!(files, Files::from([("src/a.rs".into(), b"src/a.rs".to_vec())]));
    }

    fn zipped(path: &Path, entries: impl IntoIterator<Item = (String, Vec<u8>)>) -> Source {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (name, bytes) in entries {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
        Source::at(path).unwrap()
    }

    #[test]
    fn only_regular_files_of_a_zip_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Ann.ZIP");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        let options = SimpleFileOptions::default();
        zip.add_symlink("link.rs", "/etc/passwd", options).unwrap();
        zip.start_file("../out.rs", options).unwrap();
        zip.start_file("in.rs", options).unwrap();
        zip.finish().unwrap();
        let files = read(&Source::at(&path).unwrap()).unwrap();
        assert_eq!(files, Files::from([("in.rs".into(), Vec::new())]));
    }

    #[test]
    fn bombs_are_refused_or_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![b' '; 50_000_000];
        let one = zipped(&folder.path().join("one.zip"), [("a.rs".to_owned(), long.clone())]);
        assert_eq!(read(&one), Ok(Files::new()));
        let many = (0..=MAX_FILES).map(|at| (format!("{at}.rs"), Vec::new()));
        let many = zipped(&folder.path().join("many.zip"), many);
        assert_eq!(read(&many).unwrap_err(), format!("it holds more than {MAX_FILES} files"));
        let parts = (0..20).map(|at| (format!("{at}.rs"), vec![b' '; 1_000_000]));
        let large = zipped(&folder.path().join("large.zip"), parts);
        let error = large.read(2_000_000, |_| true).unwrap_err();
        assert_eq!(error.to_string(), "it holds more than 16 MiB");

        let path = folder.path().join("bomb.tar.gz");
        let packed = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(packed);
        let mut header = tar::Header::new_gnu();
        header.set_size(300_000_000);
        tar.append_data(&mut header, "a.rs", io::repeat(0).take(300_000_000)).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        let error = read(&Source::at(&path).unwrap()).unwrap_err();
        assert_eq!(error, "it holds more than 256 MiB; leave out target/");
    }

    /// The fuzzer found a zip file with many broken central directories.
    #[test]
    fn a_zip_with_many_broken_directories_is_refused_early() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.zip");
        zipped(&path, [("a.rs".to_owned(), Vec::new())]);
        let mut bytes = fs::read(&path).unwrap();
        let entry = bytes.windows(4).position(|word| word == b"PK\x01\x02").unwrap();
        let mut directory = bytes.split_off(entry);
        // The entry claims that its comment is longer than the file.
        directory[32..34].copy_from_slice(&[0xff; 2]);
        bytes.extend(directory.repeat(500));
        fs::write(&path, bytes).unwrap();
        let error = read(&Source::at(&path).unwrap()).unwrap_err();
        assert!(error.ends_with("its directory cannot be found"), "{error}");
    }

    #[test]
    fn broken_archives_are_named() {
        let folder = tempfile::tempdir().unwrap();
        for (name, says) in [
            ("a.zip", "not a zip"),
            ("a.tar.gz", "the .tar.gz cannot be read"),
            ("a.rar", "a.rar cannot be unpacked; hand in a folder, a .zip file, or a .tar.gz file"),
        ] {
            fs::write(folder.path().join(name), "not an archive, but some text").unwrap();
            let error = read(&Source::at(&folder.path().join(name)).unwrap()).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        fs::write(folder.path().join("notes.txt"), "").unwrap();
        assert_eq!(Source::at(&folder.path().join("notes.txt")), None);
    }
}

//! Submissions: no path points outside a submission, its files stay within the limits, and a student's manifest adds
//! only dependencies that the kit has.

use std::fs;
use std::io::{Cursor, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use grader::kit::files::PRISTINE;
use grader::submission::handed_in::Source;
use grader::submission::sources::{Package, packages, take};
use toml::{Table, Value};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::memory::peak_of;
use crate::targets::files::written;

/// The maximum total size of all files, and the maximum size of one file, in bytes; see `handed_in.rs`.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const LONGEST: u64 = 1024 * 1024;

/// The maximum memory, in bytes, for the files, their paths, and the state of a decoder.
const MOST: usize = 2 * MAX_BYTES;

/// Typical pieces of archives, from which inputs are made.
pub const WORDS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"../",
    b"/",
    b"\\",
    b"labs/",
    b"src/main.rs",
    b"ustar\x0000",
    b"ustar  \x00",
    b"././@LongLink",
    b"path=../x\n",
    b"\xff\xff\xff\xff",
    b"0000644\x00",
    b"\x80\x00\x00\x00",
    b"\x1f\x8b\x08",
    b"size=99999999\n",
];

/// Checks how a `.zip` is read.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_zip(bytes: &[u8]) -> Result<(), String> {
    is_read_within_limits(&Source::Zip(written(bytes)?))
}

/// Checks how a `.tar.gz` is read. Bytes that do not begin with the signature of a gzip file are treated as a `.tar`
/// and packed into a gzip file first, because a random gzip file would almost always have a wrong checksum.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_tar(bytes: &[u8]) -> Result<(), String> {
    let is_packed = bytes.starts_with(b"\x1f\x8b");
    let path = if is_packed { written(bytes)? } else { written(&stored(bytes))? };
    is_read_within_limits(&Source::TarGz(path))
}

fn is_read_within_limits(source: &Source) -> Result<(), String> {
    let (result, peak) = peak_of(|| {
        let Ok(listed) = source.list() else { return Ok(()) };
        if let Some(path) = listed.iter().find(|path| leads_out(path)) {
            return Err(format!("{} points outside the submission", path.display()));
        }
        let Ok(read) = source.read(LONGEST, |_| true) else { return Ok(()) };
        let total: usize = read.values().map(Vec::len).sum();
        if total > MAX_BYTES || read.keys().any(|path| !listed.contains(path)) {
            return Err(format!("{total} bytes in {} files", read.len()));
        }
        Ok(())
    });
    if peak > MOST { Err(format!("the reader held {peak} bytes in memory")) } else { result }
}

fn leads_out(path: &Path) -> bool {
    path.as_os_str().is_empty()
        || path.components().any(|part| !matches!(part, Component::Normal(_)))
}

/// Returns a gzip file (RFC 1952) that contains the bytes in uncompressed blocks (RFC 1951, section 3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut file = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff".to_vec();
    let mut blocks = bytes.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(0);
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    if bytes.is_empty() {
        file.extend(b"\x01\x00\x00\xff\xff");
    }
    file.extend(crc32fast::hash(bytes).to_le_bytes());
    file.extend(u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
    file
}

/// The package whose manifest is handed in.
const PACKAGE: &str = "lab2-nick-group/server";

/// Typical pieces of manifests, from which inputs are made.
pub const MANIFEST: &[&[u8]] = &[
    b"[package]\n",
    b"name = \"lab2-server\"\n",
    b"[dependencies]\n",
    b"anyhow.workspace = true\n",
    b"dependencies.",
    b"nix = { workspace = true, features = [\"poll\"] }\n",
    b"x = { path = \"/etc\" }\n",
    b"[dependencies.bytes]\n",
    b"package = \"evil\"\n",
    b"git = \"x\"\n",
    b"features = [\"a\"]\n",
    b"[build-dependencies]\n",
    b"build = \"b.rs\"\n",
    b"[patch.crates-io]\n",
    b"[lib]\nproc-macro = true\n",
    b"\"anyhow\" = \"1\"\n",
    b"'",
    b"\"",
    b"[[",
    b"{",
    b"\\u0041",
];

/// The parts of the kit that [`check_manifest`] needs.
struct Kit {
    packages: Vec<Package>,
    manifest: Table,
    /// The package's own manifest.
    own: Table,
}

static KIT: LazyLock<Kit> = LazyLock::new(|| {
    let root = grader::kit::root();
    let table =
        |path: PathBuf| fs::read_to_string(path).unwrap_or_default().parse().unwrap_or_default();
    Kit {
        packages: packages(&root.join(PRISTINE)).unwrap_or_default(),
        manifest: table(root.join("Cargo.toml")),
        own: table(root.join(PRISTINE).join(PACKAGE).join("Cargo.toml")),
    }
});

/// Checks what is taken from a student's manifest.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check_manifest(bytes: &[u8]) -> Result<(), String> {
    let Kit { packages, manifest: kit, own } = &*KIT;
    let path = written(&zipped(bytes).map_err(|error| error.to_string())?)?;
    let taken = take(&Source::Zip(path), packages, kit).map_err(|error| error.to_string())?;
    let Some(manifest) = taken.files.get(&Path::new(PACKAGE).join("Cargo.toml")) else {
        return Ok(());
    };
    let manifest = String::from_utf8_lossy(manifest);
    let manifest: Table = manifest.parse().map_err(|error| format!("{error} in {manifest}"))?;
    let mut own = own.clone();
    let known = kit["workspace"]["dependencies"].as_table().ok_or("no dependencies")?;
    let of =
        |table: &mut Table| table.remove("dependencies").and_then(|all| all.as_table().cloned());
    let mut rest = manifest;
    let (dependencies, owns) =
        (of(&mut rest).unwrap_or_default(), of(&mut own).unwrap_or_default());
    if rest != own {
        return Err(format!("something other than the dependencies has changed: {rest}"));
    }
    let is_harmless = |name: &String, value: &Value| {
        let keys =
            value.as_table().map(|table| table.keys().map(String::as_str).collect::<Vec<_>>());
        let is_kits = value.get("workspace") == Some(&Value::Boolean(true));
        owns.get(name) == Some(value)
            || known.contains_key(name)
                && is_kits
                && keys.is_some_and(|keys| {
                    keys.iter().all(|key| ["workspace", "features"].contains(key))
                })
    };
    match dependencies.iter().find(|(name, value)| !is_harmless(name, value)) {
        Some((name, value)) => Err(format!("the dependency {name} = {value} was accepted")),
        None => Ok(()),
    }
}

fn zipped(manifest: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let folder = PathBuf::from("labs").join(PACKAGE);
    zip.start_file(folder.join("src/main.rs").to_string_lossy(), options)?;
    zip.start_file(folder.join("Cargo.toml").to_string_lossy(), options)?;
    zip.write_all(manifest)?;
    Ok(zip.finish()?.into_inner())
}

//! Finds the kit's own files that a student has changed. The grader ignores such changes, because it uses its own
//! copies.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The file with the checksums in an exported kit.
pub const FILE: &str = "tests/sums.txt";

/// The files and folders, besides `labs/`, that a kit's programs depend on.
const PARTS: [&str; 3] = [".cargo", "Cargo.toml", "common"];

/// Returns the checksums of a kit's files, one per line.
pub fn of(files: &BTreeMap<PathBuf, String>) -> String {
    let mut sums = String::new();
    let is_part = |path: &Path| PARTS.iter().any(|part| path.starts_with(part));
    for (path, text) in files.iter().filter(|(path, _)| is_part(path)) {
        let _ = writeln!(sums, "{:08x} {}", crc32fast::hash(text.as_bytes()), path.display());
    }
    sums
}

/// Returns the files that differ from the original kit. The list is empty for a kit without checksums.
pub fn changed(kit: &Path) -> Vec<PathBuf> {
    let sums = fs::read_to_string(kit.join(FILE)).unwrap_or_default();
    let is_changed = |(sum, path): &(&str, &str)| {
        let now = fs::read(kit.join(path)).unwrap_or_default();
        // Line endings are ignored, because Git may have changed them.
        let now = String::from_utf8_lossy(&now).replace("\r\n", "\n");
        u32::from_str_radix(sum, 16) != Ok(crc32fast::hash(now.as_bytes()))
    };
    let lines = sums.lines().filter_map(|line| line.split_once(' '));
    lines.filter(is_changed).map(|(_, path)| path.into()).collect()
}

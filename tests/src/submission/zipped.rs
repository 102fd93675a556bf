//! Writes files to a zip file.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::submission::handed_in::Files;

/// Writes the files to a zip file. The same files always produce the same bytes. Scripts are executable.
///
/// # Errors
/// Returns an error if the zip file cannot be written.
pub fn write(files: &Files, file: &Path) -> Result<()> {
    let shown = || format!("cannot write {}", file.display());
    let mut zip = ZipWriter::new(File::create(file).with_context(shown)?);
    for (path, bytes) in files {
        let mode = if bytes.starts_with(b"#!") { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default().unix_permissions(mode);
        zip.start_file(path.to_string_lossy(), options).with_context(shown)?;
        zip.write_all(bytes).with_context(shown)?;
    }
    zip.finish().with_context(shown)?;
    Ok(())
}

//! Writes files atomically, so that they are always complete, even if grading is interrupted.

use std::fs::Permissions;
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a temporary file in the same folder and then renames it to `file`.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub fn write(file: &Path, contents: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let shown = || format!("cannot write {}", file.display());
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut beside = tempfile::Builder::new()
        .prefix(".grading-")
        // The user's umask restricts these permissions, as for any other file.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .with_context(shown)?;
    let mut out = BufWriter::new(&mut beside);
    contents(&mut out).and_then(|()| Ok(out.flush()?)).with_context(shown)?;
    drop(out);
    beside.as_file().sync_all().with_context(shown)?;
    beside.persist(file).with_context(shown)?;
    Ok(())
}

//! `cargo lab book`: opens the book's pages in a browser. A student kit contains the finished pages. In a kit without
//! them, mdBook builds the pages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cli::target::{Target, is_number};
use crate::journal::visible::visible;
use crate::kit::files;
use crate::report::text::{columns, escape, quoted, wrapped};

/// The folder with the pages in a student kit.
pub const EXPORTED: &str = "docs/book";

/// The folder with the pages that mdBook builds in this kit, as set in `docs/book.toml`.
const BUILT: &str = "target/book";

/// The path where `.ci/run` installs mdBook.
const MDBOOK: &str = "target/tools/bin/mdbook";

/// The command that installs mdBook, in the version that `.ci/run` uses. A test checks that `.ci/run` contains the same
/// command.
pub const INSTALL: &str = "cargo install mdbook --version 0.5.4 --locked --no-default-features \
                       --features search --root target/tools";

/// Opens a page in the browser and prints its path. A missing browser is not an error, because the user can open the
/// page at the printed path.
///
/// # Errors
/// Returns an error if the page does not exist or the pages cannot be built.
pub fn run(kit: &Path, wanted: Option<&str>) -> Result<()> {
    let kit = fs::canonicalize(kit).with_context(|| format!("cannot find {}", kit.display()))?;
    let pages = if kit.join(EXPORTED).join("index.html").is_file() {
        EXPORTED
    } else {
        // The pages are always built again, because this takes less than a second.
        build(&kit, &kit.join("docs"), &kit.join(BUILT), &[])?;
        BUILT
    };
    let (name, id) = find(&kit.join(pages), wanted.unwrap_or("index"))?;
    let mut page = kit.join(pages).join(format!("{name}.html"));
    match &id {
        Some(id) => println!("{}#{id}", page.display()),
        None => println!("{}", page.display()),
    }
    if let Some(id) = id {
        page = leading_to(&kit, &format!("{pages}/{name}.html#{id}"))?;
    }
    if open::that_detached(page).is_err() {
        let note = "No browser could be started. Open this page in your browser yourself.";
        println!("{}", wrapped("", note, columns()));
    }
    Ok(())
}

/// Finds the page for a lab, a stage, or a name from a report. Returns the page's name and the id of an anchor in the
/// page.
fn find(pages: &Path, wanted: &str) -> Result<(String, Option<String>)> {
    let names = names(pages)?;
    let short = wanted.strip_prefix("docs/src/").unwrap_or(wanted);
    let (name, id) = match short.split_once('#') {
        Some((name, id)) => (name, Some(id.to_owned())),
        None => (short, None),
    };
    let name = name.strip_suffix(".md").or(name.strip_suffix(".html")).unwrap_or(name);
    let (name, id) = if names.iter().any(|known| known == name) {
        (name.to_owned(), id)
    } else if is_number(wanted) {
        let Target { lab, stage, .. } = wanted.parse().map_err(anyhow::Error::msg)?;
        (format!("lab{lab}"), stage.map(|stage| format!("stage-{stage}")))
    } else {
        let wanted = visible(wanted.as_bytes());
        bail!("there is no page {wanted}; the pages are {}", names.join(", "));
    };
    let page = fs::read_to_string(pages.join(format!("{name}.html")))?;
    match id {
        Some(id) if !page.contains(&format!("id=\"{}\"", escape(&id))) => {
            bail!("there is no anchor {} on the page {name}", visible(id.as_bytes()))
        }
        id => Ok((name, id)),
    }
}

/// Returns the pages' names.
fn names(pages: &Path) -> Result<Vec<String>> {
    // mdBook also creates these pages, which are not for readers.
    const NOT_FOR_READERS: [&str; 3] = ["404", "print", "toc"];
    let mut names = Vec::new();
    for path in files::below(pages)? {
        let name = path.to_str().and_then(|path| path.strip_suffix(".html"));
        names.extend(name.filter(|name| !NOT_FOR_READERS.contains(name)).map(ToOwned::to_owned));
    }
    Ok(names)
}

/// Writes a page that redirects the browser to an anchor in the book. This page is needed because most systems cannot
/// open a file at an anchor.
fn leading_to(kit: &Path, target: &str) -> Result<PathBuf> {
    let page = kit.join("target/lab/book.html");
    // This page is two levels below the kit's folder, so the link begins with `../../`.
    let target = escape(&format!("../../{target}"));
    let text = format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>The chat labs</title>\n\
         <meta http-equiv=\"refresh\" content=\"0; url={target}\">\n<a href=\"{target}\">{target}</a>\n"
    );
    files::write(&page, &text).with_context(|| format!("cannot write {}", page.display()))?;
    Ok(page)
}

/// Builds the pages of the book in the folder `docs`, with this kit's mdBook or, if there is none, with the mdBook in
/// `$PATH`. `settings` are mdBook's environment variables.
///
/// # Errors
/// Returns an error if mdBook is missing or fails.
pub fn build(kit: &Path, docs: &Path, pages: &Path, settings: &[(&str, &str)]) -> Result<()> {
    let ours = kit.join(MDBOOK);
    let mut mdbook = Command::new(if ours.is_file() { ours } else { "mdbook".into() });
    // mdBook resolves relative paths against the current folder.
    mdbook.arg("build").arg(docs).arg("--dest-dir").arg(pages).envs(settings.iter().copied());
    match mdbook.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = quoted(&String::from_utf8_lossy(&output.stderr)).join("\n");
            bail!("mdBook could not build the pages; try another version:\n  {INSTALL}\n{said}")
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(
                "mdBook is not installed, so the pages cannot be built; to install it, run this in the kit's \
                 folder:\n  {INSTALL}\nWithout mdBook, you can read the book as text, in docs/src/."
            )
        }
        Err(error) => Err(error).context("cannot run mdBook"),
    }
}

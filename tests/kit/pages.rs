//! Tests `cargo lab book` and the book pages that come with a student kit.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use grader::cli::book::INSTALL;
use grader::kit::{files, root};
use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::results::browsed;
use crate::{LIMIT, lab, lab_in};

/// Returns the path of the kit's own mdBook or of the mdBook in `$PATH`.
fn mdbook() -> Option<PathBuf> {
    let ours = root().join("target/tools/bin/mdbook");
    let paths = env::var_os("PATH").unwrap_or_default();
    let mut found = env::split_paths(&paths).map(|folder| folder.join("mdbook"));
    let found =
        Some(ours).filter(|file| file.is_file()).or_else(|| found.find(|file| file.is_file()));
    if found.is_none() {
        println!("NOT CHECKED: mdBook is not installed");
    }
    found
}

/// Exports a student kit with the pages; returns `None` if mdBook is not installed.
fn kit_with_pages() -> Option<TempDir> {
    mdbook()?;
    let kit = tempfile::tempdir().unwrap();
    let built = contains("built the pages of the book: ").and(contains("cargo lab book"));
    lab().arg("export").arg(kit.path()).assert().success().stdout(built);
    Some(kit)
}

/// Returns a folder with a program that replaces the browser, and the path of the file to which this program writes the
/// address of each page that it is asked to open.
fn browser() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let opened = folder.path().join("opened");
    let notes =
        format!("#!/bin/sh\necho \"$1\" > '{0}.new'\nmv '{0}.new' '{0}'\n", opened.display());
    files::write(&folder.path().join("xdg-open"), &notes).unwrap();
    (folder, opened)
}

/// Returns the value of `$PATH`, with this folder first.
fn path_with(folder: &Path) -> OsString {
    let paths = env::var_os("PATH").unwrap_or_default();
    env::join_paths([folder.to_owned()].into_iter().chain(env::split_paths(&paths))).unwrap()
}

#[test]
fn a_page_opens_in_the_browser() {
    let Some(kit) = kit_with_pages() else { return };
    for (words, page) in [
        ("book", "docs/book/index.html"),
        ("book 2", "docs/book/lab2.html"),
        ("book lab 2", "docs/book/lab2.html"),
        ("book 2.3", "docs/book/lab2.html#stage-3"),
        ("book lab 2.3", "docs/book/lab2.html#stage-3"),
        ("book lab2-original", "docs/book/lab2-original.html"),
        ("book sockets", "docs/book/sockets.html"),
        ("book limits.md", "docs/book/limits.html"),
        // As in a report.
        ("book docs/src/lab3.md#stage-3", "docs/book/lab3.html#stage-3"),
    ] {
        println!("cargo lab {words}");
        let (folder, opened) = browser();
        let mut book = lab_in(kit.path());
        book.args(words.split(' ')).env("PATH", path_with(folder.path()));
        let shown = fs::canonicalize(kit.path()).unwrap().join(page);
        book.assert().success().stdout(format!("{}\n", shown.display()));
        let begin = Instant::now();
        while !opened.exists() {
            assert!(begin.elapsed() < LIMIT, "the browser was not started");
            thread::sleep(Duration::from_millis(10));
        }
        let opened = PathBuf::from(fs::read_to_string(opened).unwrap().trim_end());
        if page.contains('#') {
            // The opened page redirects the browser to the right section.
            let text = fs::read_to_string(&opened).unwrap();
            let (_, target) = text.split_once("content=\"0; url=").unwrap();
            let target = target.split('"').next().unwrap();
            let (file, id) = target.split_once('#').unwrap();
            let file = opened.parent().unwrap().join(file);
            assert!(page.ends_with(id), "{target}");
            assert_eq!(
                fs::canonicalize(file).unwrap(),
                Path::new(shown.to_str().unwrap().split('#').next().unwrap())
            );
        } else {
            assert_eq!(opened, shown);
        }
    }
}

#[test]
fn without_a_browser_the_path_is_enough() {
    let Some(kit) = kit_with_pages() else { return };
    let nothing = tempfile::tempdir().unwrap();
    let mut book = lab_in(kit.path());
    book.arg("book").env("PATH", nothing.path());
    let says = contains("docs/book/index.html\n").and(contains("No browser could be started."));
    book.assert().success().stdout(says);
}

#[test]
fn a_page_that_does_not_exist_is_refused() {
    let Some(kit) = kit_with_pages() else { return };
    let (folder, opened) = browser();
    for (page, says) in [
        (
            "socket",
            "there is no page socket; the pages are commands, fast, index, lab1-original, lab1, ",
        ),
        ("instructors", "there is no page instructors"),
        ("print", "there is no page print"),
        ("toc", "there is no page toc"),
        ("../../README", "there is no page ../../README"),
        ("\x1b[2J", "there is no page \\x1b[2J;"),
        ("9", "there is no lab 9; the labs are numbered 1 to 4"),
        ("2.99", "lab 2 has stages 1 to 17"),
        ("2.x", "write 2 for a lab"),
        ("sockets#nowhere", "there is no anchor nowhere on the page sockets"),
        ("sockets#\"><script>", "there is no anchor \"><script> on the page sockets"),
    ] {
        let mut book = lab_in(kit.path());
        book.args(["book", page]).env("PATH", path_with(folder.path()));
        book.assert().code(1).stderr(contains(says).and(contains("\x1b").not()));
        assert!(!opened.exists(), "{page}");
    }
}

/// The complete kit builds its pages, including those for instructors.
#[test]
fn the_complete_kit_builds_its_pages() {
    if mdbook().is_none() {
        return;
    }
    let page = root().join("target/book/instructors.html");
    let _ = fs::remove_file(&page);
    let (folder, _) = browser();
    let mut book = lab();
    book.args(["book", "instructors"]).env("PATH", path_with(folder.path()));
    book.assert().success().stdout(contains("target/book/instructors.html\n"));
    assert!(page.is_file());
}

#[test]
fn a_kit_can_be_exported_without_mdbook() {
    // Creates links to everything in this kit except `target/`, where mdBook may be installed.
    let here = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(root()).unwrap().map(Result::unwrap) {
        if entry.file_name() != "target" {
            symlink(entry.path(), here.path().join(entry.file_name())).unwrap();
        }
    }
    let paths = env::var_os("PATH").unwrap_or_default();
    let has_none = |folder: &PathBuf| !folder.join("mdbook").exists();
    let paths = env::join_paths(env::split_paths(&paths).filter(has_none)).unwrap();
    let kit = tempfile::tempdir().unwrap();
    let mut export = lab_in(here.path());
    export.arg("export").arg(kit.path()).env("PATH", &paths);
    let says = contains("the pages of the book are not in this kit: mdBook is not installed");
    export.assert().success().stdout(says.and(contains(INSTALL)).and(contains("docs/src/")));
    assert!(
        kit.path().join("docs/src/lab1.md").is_file() && !kit.path().join("docs/book").exists()
    );
    let mut book = lab_in(kit.path());
    book.args(["book", "2"]).env("PATH", &paths);
    book.assert().code(1).stderr(contains(INSTALL).and(contains("docs/src/")));
    // With mdBook, the student can build the pages.
    let Some(mdbook) = mdbook() else { return };
    let (folder, _) = browser();
    symlink(mdbook, folder.path().join("mdbook")).unwrap();
    let mut book = lab_in(kit.path());
    book.args(["book", "2"]).env("PATH", path_with(folder.path()));
    book.assert().success().stdout(contains("target/book/lab2.html\n"));
}

#[test]
fn a_broken_mdbook_costs_only_the_pages() {
    let (folder, _) = browser();
    files::write(&folder.path().join("mdbook"), "#!/bin/sh\nprintf 'no\\033[2J' >&2\nexit 3\n")
        .unwrap();
    let kit = tempfile::tempdir().unwrap();
    fs::create_dir(kit.path().join("docs")).unwrap();
    let mut book = lab_in(kit.path());
    book.arg("book").env("PATH", path_with(folder.path()));
    let says = contains("mdBook could not build the pages").and(contains("no\\x1b[2J"));
    book.assert().code(1).stderr(says.and(contains(INSTALL)));
}

#[test]
fn the_same_mdbook_is_installed_everywhere() {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap().replace("\\\n", " ");
    let ci = ci.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(ci.contains(INSTALL), "{INSTALL}");
}

/// Returns the links in a page or a style sheet and whether each link may lead to another site. Only a link that a
/// reader clicks may do so; images, scripts, styles, and fonts must be local files.
fn links(path: &Path, text: &str) -> Vec<(String, bool)> {
    let until = |rest: &str, end: &[char]| rest.split(end).next().unwrap().to_owned();
    if path.extension().is_some_and(|extension| extension == "css") {
        let links = text
            .split("url(")
            .skip(1)
            .map(|rest| until(rest.trim_start_matches('\''), &['\'', ')']));
        return links.filter(|link| !link.starts_with("data:")).map(|link| (link, false)).collect();
    }
    let mut links = Vec::new();
    for tag in text.split('<').skip(1).map(|rest| until(rest, &['>'])) {
        for attribute in ["href=\"", "src=\""] {
            let link = tag.split_once(attribute).map(|(_, rest)| until(rest, &['"']));
            links.extend(link.map(|link| (link, tag.starts_with("a "))));
        }
    }
    links
}

/// The pages work without a network and without a web server.
#[test]
fn every_link_in_the_exported_pages_leads_somewhere() {
    let Some(kit) = kit_with_pages() else { return };
    let folder = kit.path().join("docs/book");
    let text = |path: PathBuf| {
        let bytes = fs::read(folder.join(&path)).unwrap();
        (path, String::from_utf8_lossy(&bytes).into_owned())
    };
    let texts: BTreeMap<_, _> = files::below(&folder).unwrap().into_iter().map(text).collect();
    let has = |page: &str| texts.contains_key(Path::new(&format!("{page}.html")));
    assert!(["index", "start", "lab4", "limits"].into_iter().all(has));
    assert!(!["instructors", "kit", "changes", "platforms", "print", "404"].into_iter().any(has));
    let (mut broken, mut count) = (Vec::new(), 0);
    for (path, text) in &texts {
        // The menu is in a script.
        let name = path.to_string_lossy();
        if ![".html", ".css"].iter().any(|end| name.ends_with(end)) && !name.starts_with("toc-") {
            continue;
        }
        for (link, may_be_outside) in links(path, text) {
            count += 1;
            let (file, id) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            // The fonts' style sheet includes the name of its own folder in its links.
            let target = target.strip_prefix("fonts/..").unwrap_or(&target);
            let leads_somewhere = may_be_outside && link.starts_with("https://")
                || texts
                    .get(target)
                    .is_some_and(|page| id.is_empty() || page.contains(&format!("id=\"{id}\"")));
            if !leads_somewhere {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere:\n{}", broken.join("\n"));
    assert!(count > 500, "{count}");
}

/// The pages, including their search, also work when a browser opens them as local files.
#[test]
fn a_browser_shows_the_exported_pages() {
    let Some(kit) = kit_with_pages() else { return };
    let (folder, _) = browser();
    let mut book = lab_in(kit.path());
    book.args(["book", "2.3"]).env("PATH", path_with(folder.path())).assert().success();
    let folder = fs::canonicalize(kit.path()).unwrap();
    for (page, shows) in [
        ("docs/book/lab2.html?search=broadcast", "search results for 'broadcast'"),
        ("target/lab/book.html", "<title>Lab 2: a group with nicknames"),
    ] {
        let Some((shown, said)) = browsed(&folder.join(page)) else { return };
        assert!(shown.contains(shows), "{page}");
        assert!(!said.contains("CONSOLE"), "{said}");
    }
}

//! Tests the book in `docs/`: its links, includes, code blocks, and figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use grader::kit::files;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::lab;

/// External links lead only to long-lived sites. The tests do not open these links.
const PLACES: [&str; 8] = [
    "https://beej.us/guide/",
    "https://doc.rust-lang.org/",
    "https://docs.python.org/3/",
    "https://learn.microsoft.com/",
    "https://man7.org/linux/man-pages/",
    "https://rustup.rs",
    "https://www.rfc-editor.org/",
    "https://www.unicode.org/",
];

/// The kinds of code blocks. A test runs `sh` blocks but not `sh,not-run` blocks; a comment before each `sh,not-run`
/// block says why.
const LANGUAGES: [&str; 9] = [
    "python",
    "rust,ignore",
    "rust,ignore,script",
    "rust,no_run",
    "sh",
    "sh,not-run",
    "text",
    "toml",
    "yaml",
];

/// A page in the book.
#[derive(Default)]
pub struct Page {
    /// The page's IDs, to which links can point.
    pub ids: BTreeSet<String>,
    links: Vec<String>,
    /// Each code block's kind and code.
    pub blocks: Vec<(String, String)>,
    /// The source text.
    pub text: String,
}

/// Returns the pages of a kit's book, by path.
pub fn pages(kit: &Path) -> BTreeMap<PathBuf, Page> {
    let folder = kit.join("docs/src");
    let mut paths = files::below(&folder).unwrap();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    let page = |path: PathBuf| {
        let page = page(fs::read_to_string(folder.join(&path)).unwrap());
        (path, page)
    };
    paths.into_iter().map(page).collect()
}

fn page(text: String) -> Page {
    let mut page = Page::default();
    let mut heading: Option<(Option<String>, String)> = None;
    let mut block: Option<(String, String)> = None;
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES | Options::ENABLE_FOOTNOTES;
    for event in Parser::new_ext(&text, options) {
        match event {
            Event::Start(Tag::Heading { id, .. }) => {
                heading = Some((id.map(|id| id.to_string()), String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                let (id, title) = heading.take().unwrap();
                page.ids.insert(id.unwrap_or_else(|| slug(&title)));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                block = Some((language.to_string(), String::new()));
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => {
                block = Some(("(indented)".into(), String::new()));
            }
            Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.to_string());
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, title)) = &mut heading {
                    title.push_str(&text);
                }
                if let Some((_, code)) = &mut block {
                    code.push_str(&text);
                }
            }
            _ => {}
        }
    }
    // The IDs and links that are written in HTML.
    let values = |attribute: &str| {
        let values = text.split(attribute).skip(1).filter_map(|part| part.split('"').next());
        values.map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    page.ids.extend(values("id=\""));
    page.links.extend(values("href=\""));
    page.text = text;
    page
}

/// Returns the ID that mdBook gives to a heading.
fn slug(title: &str) -> String {
    let keep = |char: char| match char {
        char if char.is_alphanumeric() || char == '_' || char == '-' => {
            Some(char.to_ascii_lowercase())
        }
        char if char.is_whitespace() => Some('-'),
        _ => None,
    };
    title.trim().chars().filter_map(keep).collect()
}

#[test]
fn every_link_leads_somewhere() {
    nothing_is_wrong("these links lead nowhere", broken_links);
}

/// Checks the book in this kit and in a student kit; the latter lacks some of the pages.
fn nothing_is_wrong(what: &str, wrong: impl Fn(&Path) -> Vec<String>) {
    let students = tempfile::tempdir().unwrap();
    lab().arg("export").arg(students.path()).assert().success();
    for kit in [&grader::kit::root(), students.path()] {
        let wrong = wrong(kit);
        assert!(wrong.is_empty(), "in {} {what}:\n{}", kit.display(), wrong.join("\n"));
    }
}

fn broken_links(kit: &Path) -> Vec<String> {
    let pages = pages(kit);
    let mut broken = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            let (file, id) = link.split_once('#').unwrap_or((link, ""));
            let is_right = if file.starts_with("http") {
                PLACES.iter().any(|place| file.starts_with(place))
            } else {
                let file = if file.is_empty() { path } else { Path::new(file) };
                match pages.get(file) {
                    Some(page) => id.is_empty() || page.ids.contains(id),
                    None => kit.join("docs/src").join(file).is_file() && id.is_empty(),
                }
            };
            if !is_right {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    broken
}

/// If mdBook cannot find an included file, it leaves the file out and continues.
#[test]
fn every_include_exists() {
    nothing_is_wrong("these includes do not exist", missing_includes);
}

fn missing_includes(kit: &Path) -> Vec<String> {
    let mut missing = Vec::new();
    for (path, page) in pages(kit) {
        for include in page.text.split("{{#include ").skip(1) {
            let place = include.split("}}").next().unwrap();
            let (file, anchor) = place.split_once(':').unwrap_or((place, ""));
            let text = fs::read_to_string(kit.join("docs/src").join(file));
            let is_there = text.is_ok_and(|text| {
                let is_line = anchor.trim_end_matches(':').parse::<u32>().is_ok();
                let has = |mark: &str| {
                    text.lines().any(|line| line.trim() == format!("// {mark}: {anchor}"))
                };
                anchor.is_empty() || is_line || has("ANCHOR") && has("ANCHOR_END")
            });
            if !is_there {
                missing.push(format!("{}: {place}", path.display()));
            }
        }
    }
    missing
}

/// `kit.md` names files for maintainers, such as `harness/peer/` and `system/ports.rs`.
#[test]
fn every_source_file_named_in_the_chapter_about_the_kit_exists() {
    let kit = grader::kit::root();
    let mut known = BTreeSet::new();
    for folder in ["common", "solutions", "tests"] {
        for path in files::below(&kit.join(folder)).unwrap() {
            let path = Path::new(folder).join(path);
            let names: Vec<_> = path.iter().map(|name| name.to_str().unwrap()).collect();
            for from in 0..names.len() {
                known.insert(names[from..].join("/"));
                known.extend((from + 1..names.len()).map(|to| names[from..to].join("/") + "/"));
            }
        }
    }
    let text = fs::read_to_string(kit.join("docs/src/kit.md")).unwrap();
    // When text is split at its backticks, every second piece is code.
    let named = text.split('`').skip(1).step_by(2);
    let is_source = |name: &&str| {
        let is_rust = Path::new(name).extension().is_some_and(|extension| extension == "rs");
        is_rust || name.starts_with("tests/src/")
    };
    let missing: Vec<_> = named.filter(is_source).filter(|name| !known.contains(*name)).collect();
    assert!(missing.is_empty(), "kit.md names files that do not exist: {missing:?}");
}

/// Each report links to the section about its stage.
#[test]
fn every_stage_has_its_section_in_a_chapter() {
    let pages = pages(&grader::kit::root());
    for lab in grader::labs::all() {
        let chapter = format!("lab{}.md", lab.number);
        let page = &pages[Path::new(&chapter)];
        for stage in lab.stages {
            let heading = format!("## Stage {}: {} {{#stage-{0}}}\n", stage.number, stage.title);
            assert!(page.text.contains(&heading), "{chapter} should have: {heading}");
        }
    }
}

#[test]
fn every_code_block_says_what_it_is() {
    let mut wrong = Vec::new();
    for (path, page) in pages(&grader::kit::root()) {
        for (language, code) in &page.blocks {
            let first = code.lines().next().unwrap_or_default();
            if !LANGUAGES.contains(&language.as_str()) {
                wrong.push(format!("{}: «{language}»: {first}", path.display()));
            }
            let reason = |before: &str| {
                before.trim_end().lines().last().is_some_and(|line| line.contains("<!-- not run: "))
            };
            let block = format!("```sh,not-run\n{code}");
            if language == "sh,not-run"
                && !page.text.split_once(&block).is_some_and(|(before, _)| reason(before))
            {
                wrong.push(format!("{}: does not say why it is not run: {first}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_figures_show_what_the_programs_do() {
    // On a busy machine, the order of the events may differ from the order in a figure of the book. The test passes if
    // one of five runs shows no difference.
    let check = || lab().args(["figures", "--check"]).output().unwrap();
    let mut output = check();
    for _ in 0..4 {
        if !output.status.success() {
            output = check();
        }
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

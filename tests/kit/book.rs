//! The book in `docs/`: its links, includes and shell lines, the limits that it names, and its figures.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use grader::files;
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use tempfile::TempDir;

use crate::export::{export_built_in, write_bodies};
use crate::lab;

/// External links go to places that last, and nowhere else. They are not opened.
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

/// What a code block may be. `sh` is run by a test, `sh,not-run` is not, and says why in a comment before it.
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

/// A page of the book.
#[derive(Default)]
struct Page {
    /// What can be linked to in it.
    ids: BTreeSet<String>,
    links: Vec<String>,
    /// What kind of code, and the code.
    blocks: Vec<(String, String)>,
    text: String,
}

/// The pages of a kit's book, by their paths.
fn pages(kit: &Path) -> BTreeMap<PathBuf, Page> {
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
    // What HTML in the text brings along.
    for (attribute, found) in [("id=\"", &mut Vec::new()), ("href=\"", &mut page.links)] {
        for part in text.split(attribute).skip(1) {
            let value = part.split('"').next().unwrap_or_default().to_owned();
            if attribute == "id=\"" {
                page.ids.insert(value);
            } else {
                found.push(value);
            }
        }
    }
    page.text = text;
    page
}

/// The id that mdBook gives to a heading.
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
    let students = students_book();
    for kit in [&grader::kit(), students.path()] {
        let broken = broken_links(kit);
        assert!(
            broken.is_empty(),
            "in {} these lead nowhere:\n{}",
            kit.display(),
            broken.join("\n")
        );
    }
}

/// A students' kit has not all of the pages.
fn students_book() -> TempDir {
    let kit = tempfile::tempdir().unwrap();
    lab().arg("export").arg(kit.path()).assert().success();
    kit
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

/// mdBook leaves out what it does not find, and goes on.
#[test]
fn everything_that_is_included_is_there() {
    let students = students_book();
    for kit in [&grader::kit(), students.path()] {
        let missing = missing_includes(kit);
        assert!(
            missing.is_empty(),
            "in {} these are not there:\n{}",
            kit.display(),
            missing.join("\n")
        );
    }
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
                let begins = |line: &str| line.trim() == format!("// ANCHOR: {anchor}");
                anchor.is_empty() || is_line || text.lines().any(begins)
            });
            if !is_there {
                missing.push(format!("{}: {place}", path.display()));
            }
        }
    }
    missing
}

/// Reports point to the part of a chapter about their stage.
#[test]
fn every_stage_has_its_part_in_a_chapter() {
    let pages = pages(&grader::kit());
    for plan in grader::labs::all() {
        let chapter = format!("lab{}.md", plan.number);
        let page = &pages[Path::new(&chapter)];
        for stage in plan.stages {
            let heading = format!("## Stage {}: {} {{#stage-{0}}}\n", stage.number, stage.title);
            assert!(page.text.contains(&heading), "{chapter} should have: {heading}");
        }
    }
}

#[test]
fn every_code_block_says_what_it_is() {
    let mut wrong = Vec::new();
    for (path, page) in pages(&grader::kit()) {
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
                wrong.push(format!("{}: says not why it is not run: {first}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// As a student runs them, in a finished kit.
#[test]
fn every_shell_line_does_what_it_says() {
    let kit = export_built_in("target/students-book");
    write_bodies(kit.path(), |_, _| true);
    let mut done = BTreeSet::new();
    for (path, page) in pages(&grader::kit()) {
        for (_, block) in page.blocks.iter().filter(|(language, _)| language == "sh") {
            if done.insert(block.clone()) {
                run_block(kit.path(), block, &path);
            }
        }
    }
    assert!(!done.is_empty());
}

/// Servers go on until the end of the block. A client gets a server of its lab, and leaves.
fn run_block(kit: &Path, block: &str, page: &Path) {
    let mut servers: BTreeMap<char, Running> = BTreeMap::new();
    for line in block.lines().filter(|line| !line.trim().is_empty()) {
        let told = format!("{}: {line}", page.display());
        let program = line.strip_prefix("cargo run -p lab");
        match program.and_then(|program| Some((program.chars().next()?, program))) {
            Some((lab, program)) if program[1..].starts_with("-server") => {
                servers.insert(lab, Running::server(kit, line, &told));
            }
            Some((lab, _)) => {
                servers.entry(lab).or_insert_with(|| {
                    Running::server(kit, &format!("cargo run -p lab{lab}-server"), &told)
                });
                let mut client = shell(kit, line).stdin(Stdio::piped()).spawn().unwrap();
                client.stdin.take().unwrap().write_all(b"alice\n").unwrap();
                let output = client.wait_with_output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{told}\n{said}");
            }
            None => {
                let output = shell(kit, line).output().unwrap();
                let said = [output.stdout, output.stderr].concat();
                assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&said));
            }
        }
    }
}

/// A line for a shell. What cargo told these tests about themselves is not for it.
fn shell(kit: &Path, line: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(kit);
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_") {
            shell.env_remove(name);
        }
    }
    shell
}

/// A server that ends with this.
struct Running(Child);

impl Running {
    /// Starts one, and waits until clients can connect.
    fn server(kit: &Path, line: &str, told: &str) -> Self {
        // (`exec`, so that there is one process to end: cargo becomes the server, too)
        let mut said = String::new();
        // The system may have given the lab's port to somebody's connection for a moment.
        for _ in 0..5 {
            let mut child =
                shell(kit, &format!("exec {line}")).stderr(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let server = Self(child);
            while let Some(Ok(line)) = lines.next() {
                if line.contains("listening on") {
                    // (somebody has to read what it prints)
                    std::thread::spawn(move || lines.count());
                    return server;
                }
                said.push_str(&line);
            }
        }
        panic!("{told}: the server did not listen: {said}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Each row of a table in the page names a value, and the constant that it is.
#[test]
fn the_limits_are_those_in_the_sources() {
    let text = fs::read_to_string(grader::kit().join("docs/src/limits.md")).unwrap();
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).collect();
    let mut checked = 0;
    for row in rows {
        let code: Vec<_> = row.split('`').skip(1).step_by(2).collect();
        let cells: Vec<_> = row.split(" | ").collect();
        if cells.get(1) == Some(&"value") {
            continue;
        }
        // (options in the first cell are code, too)
        let at = cells[0].matches('`').count() / 2;
        let [value, name, file] = code[at..at + 3] else { panic!("{row}") };
        let source = fs::read_to_string(grader::kit().join(file)).expect(file);
        let found = in_source(&source, name);
        assert_eq!(found, number(value), "`{name}` in {file}\n{row}");
        assert!(found.is_some(), "{row}");
        checked += 1;
    }
    assert!(checked > 40, "{checked} rows");
}

/// What a constant, a resource limit or an option is by default.
fn in_source(source: &str, name: &str) -> Option<u64> {
    let constant = source.split_once(&format!("const {name}: "));
    if let Some((_, after)) = constant {
        return number(after.split_once(" = ")?.1.split_once(';')?.0);
    }
    if let Some((_, after)) = source.split_once(&format!("Resource::{name}, ")) {
        return number(after.split(',').next()?);
    }
    let (before, _) = source.split_once(&format!("    {name}: "))?;
    let default = before.rsplit_once("default_value_t = ")?.1;
    number(default.split([',', ')']).next()?)
}

/// A number as the page or as a source writes it, in bytes, in milliseconds, or by itself.
fn number(text: &str) -> Option<u64> {
    let text = text.trim().trim_end_matches(".unwrap()");
    let integer = |text: &str| text.replace('_', "").parse::<u64>().ok();
    if let Some((unit, number)) = text.split_once('(') {
        let number = integer(number.trim_end_matches(')'))?;
        return Some(match unit.rsplit("::").next()? {
            "from_millis" | "new" => number,
            "from_secs" => number * 1000,
            "from_mins" => number * 60_000,
            _ => return None,
        });
    }
    let of = |factor: &str| {
        Some(match factor {
            "ms" => 1,
            "s" => 1000,
            "min" => 60_000,
            "KiB" => 1024,
            "MiB" | "megabyte" => 1024 * 1024,
            "GiB" => 1024 * 1024 * 1024,
            "MB" => 1_000_000,
            number => integer(number)?,
        })
    };
    text.split([' ', '*']).filter(|factor| !factor.is_empty()).map(of).product()
}

#[test]
fn the_figures_are_what_the_programs_show() {
    // (on a busy machine somebody may be late to see something)
    let check = || lab().args(["figures", "--check"]).assert();
    if check().try_success().is_err() {
        check().success();
    }
}

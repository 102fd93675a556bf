//! Creates an open lab's starter from the guided starter. The open starter contains each program's command-line options
//! and a comment that says where to begin.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::{Item, UseTree};

use crate::kit::files::{self, PRISTINE};

/// The source of a library in an open lab.
const LIBRARY: &str = "\
//! Put code that the server and the client share here. If there is none, leave this file empty.
";

/// Returns an open lab's files: their paths under `labs/` and their contents. Except for the sources, all files are the
/// same as in the guided lab.
///
/// # Errors
/// Returns an error if a starter cannot be read or parsed.
pub fn make(kit: &Path, lab: u32) -> Result<BTreeMap<PathBuf, String>> {
    let pristine = kit.join(PRISTINE);
    let mut starter = BTreeMap::new();
    for path in files::below(&pristine)? {
        if files::lab_of(&path) != Some(lab) {
            continue;
        }
        let text = fs::read_to_string(pristine.join(&path))?;
        let text = match path.file_name().and_then(|name| name.to_str()) {
            Some("main.rs") => program(&text, path.iter().any(|part| part == "server"))
                .with_context(|| {
                    format!("cannot create an open lab's starter from {}", path.display())
                })?,
            Some("lib.rs") => LIBRARY.to_owned(),
            _ if path.extension().is_some_and(|extension| extension == "rs") => continue,
            _ => text,
        };
        starter.insert(path, text);
    }
    Ok(starter)
}

/// Returns a program that only parses its options.
fn program(guided: &str, is_server: bool) -> Result<String> {
    let file = syn::parse_file(guided).map_err(|error| anyhow!("{error}"))?;
    let options = file.items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == "Options" => Some(item.span().byte_range()),
        _ => None,
    });
    let Some(options) = options else { bail!("it has no struct `Options`") };
    let mut parts = vec![guided[options].to_owned()];
    let mut used = names(&parts[0])?;
    for item in &file.items {
        if let Item::Const(item) = item
            && used.contains(&item.ident.to_string())
        {
            let text = &guided[item.span().byte_range()];
            used.extend(names(text)?);
            parts.insert(0, text.to_owned());
        }
    }
    let mut imports = Imports::default();
    for (path, name) in [("anyhow", "Result"), ("anyhow", "bail"), ("clap", "Parser")] {
        imports.add(path, name);
    }
    for item in &file.items {
        if let Item::Use(item) = item {
            imports.add_used(&item.tree, &mut Vec::new(), &used);
        }
    }
    // Only the first paragraph of the comment is kept, because the other paragraphs describe the guided design.
    let comment = guided.lines().take_while(|line| line.starts_with("//! "));
    let comment = comment.collect::<Vec<_>>().join("\n");
    let (libraries, task) = if is_server {
        ("-p common", "open a listening socket on")
    } else {
        ("-p common -p terminal", "connect to")
    };
    parts.push(format!(
        "\
fn main() -> Result<()> {{
    let options = Options::parse();
    // Begin here. The handout, README.md in the lab's folder, describes the wire format, the rules, and the stages. You
    // do not have to use the kit's libraries. To read about them: cargo doc --no-deps {libraries} --open
    bail!(\"begin here, in src/main.rs: {task} {{}}\", options.endpoint)
}}
"
    ));
    Ok(format!("{comment}\n\n{}\n\n{}", imports.to_text(), parts.join("\n\n")))
}

/// Returns all names in a piece of code.
fn names(code: &str) -> Result<BTreeSet<String>> {
    fn add(tokens: TokenStream, names: &mut BTreeSet<String>) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => {
                    names.insert(name.to_string());
                }
                TokenTree::Group(group) => add(group.stream(), names),
                _ => {}
            }
        }
    }
    let mut names = BTreeSet::new();
    add(code.parse().map_err(|error| anyhow!("{error}"))?, &mut names);
    Ok(names)
}

/// The imported names, grouped by the path before them.
#[derive(Default)]
struct Imports(BTreeMap<String, BTreeSet<String>>);

impl Imports {
    fn add(&mut self, path: &str, name: &str) {
        self.0.entry(path.to_owned()).or_default().insert(name.to_owned());
    }

    /// Adds the imports of those names that are in `used`.
    fn add_used(&mut self, tree: &UseTree, path: &mut Vec<String>, used: &BTreeSet<String>) {
        match tree {
            UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.add_used(&tree.tree, path, used);
                path.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_used(tree, path, used));
            }
            UseTree::Name(name) if used.contains(&name.ident.to_string()) => {
                self.add(&path.join("::"), &name.ident.to_string());
            }
            _ => {}
        }
    }

    /// Returns the imports as rustfmt writes them, with the standard library first.
    fn to_text(&self) -> String {
        let line = |(path, names): (&String, &BTreeSet<String>)| {
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            match names[..] {
                [name] => format!("use {path}::{name};"),
                _ => format!("use {path}::{{{}}};", names.join(", ")),
            }
        };
        let mut lines: Vec<_> = self.0.iter().map(line).collect();
        lines.sort();
        let (mut std, others): (Vec<_>, Vec<_>) =
            lines.into_iter().partition(|line| line.starts_with("use std::"));
        if !std.is_empty() {
            std.push(String::new());
        }
        std.extend(others);
        std.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn a_program_keeps_its_options_and_what_they_need() {
        let guided = "\
//! The server.
//!
//! It has a room.

mod room;

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, value_parser};
use common::{Endpoint, Room, log};

const FULL: &[u8] = b\"full\";
const SEATS: u8 = 3;

/// Some options
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<1>,
    /// Seats, not a Room
    #[arg(long, default_value_t = SEATS, value_parser = value_parser!(u8).range(1..))]
    seats: u8,
    folder: PathBuf,
}

fn main() -> Result<()> {
    log(\"hello\")
}
";
        let expected = "\
//! The server.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Parser, value_parser};
use common::Endpoint;

const SEATS: u8 = 3;

/// Some options
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    endpoint: Endpoint<1>,
    /// Seats, not a Room
    #[arg(long, default_value_t = SEATS, value_parser = value_parser!(u8).range(1..))]
    seats: u8,
    folder: PathBuf,
}

fn main() -> Result<()> {
";
        let made = program(guided, true).unwrap();
        assert!(made.starts_with(expected), "{made}");
        assert!(made.ends_with(
            "bail!(\"begin here, in src/main.rs: open a listening socket on {}\", options.endpoint)\n}\n"
        ));
    }
}

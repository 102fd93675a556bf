//! Tests that the grader's files form layers: a file uses only files in its own layer and in lower layers, and no two
//! files depend on each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use grader::kit::files;
use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

/// The maximum number of lines in a file. A file with more lines should be split: it probably has more than one purpose
/// or is a list of data.
const MOST_LINES: usize = 450;

fn source() -> PathBuf {
    grader::kit::root().join("tests/src")
}

/// Returns the names of the layers from top to bottom, in the order of the table in `lib.rs`.
fn floors() -> Vec<String> {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | [`")?.split('`').next());
    let floors: Vec<_> = rows.map(ToOwned::to_owned).collect();
    let folders = fs::read_dir(source()).unwrap().map(Result::unwrap);
    let folders = folders.filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<_> =
        folders.map(|entry| entry.file_name().into_string().unwrap()).collect();
    assert_eq!(floors.iter().cloned().collect::<BTreeSet<_>>(), folders, "the table in lib.rs");
    floors
}

/// All paths in a file: in `use` items, in macros, and elsewhere.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn add_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.0.push(with(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(with(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.add_tree(tree, before));
            }
        }
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        for token in tokens {
            match token {
                TokenTree::Ident(name) => path.push(name.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                TokenTree::Group(group) => {
                    self.0.push(std::mem::take(&mut path));
                    self.add_tokens(group.stream());
                }
                _ => self.0.push(std::mem::take(&mut path)),
            }
        }
        self.0.push(path);
    }
}

impl Visit<'_> for Paths {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        self.add_tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        self.add_tokens(call.tokens.clone());
    }

    /// `pub(super)` contains a path, but this path does not mean that the file uses another file.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    /// The module `tests` in a file may use any other file, so its paths are not collected.
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        if module.ident != "tests" {
            syn::visit::visit_item_mod(self, module);
        }
    }
}

/// Returns the modules in a path: `harness` and `peer` for `harness/peer/mod.rs`.
fn module_of(file: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        file.with_extension("").iter().map(|name| name.to_str().unwrap().to_owned()).collect();
    names.pop_if(|last| *last == "mod" || *last == "lib");
    names
}

/// Returns the files that each file uses.
fn uses() -> BTreeMap<PathBuf, BTreeSet<PathBuf>> {
    let files: Vec<_> = files::below(&source())
        .unwrap()
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .filter(|file| file != Path::new("main.rs"))
        .collect();
    let by_module: BTreeMap<_, _> = files.iter().map(|file| (module_of(file), file)).collect();
    let used_by = |file: &PathBuf| {
        let text = fs::read_to_string(source().join(file)).unwrap();
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(&text).unwrap());
        let mut used = BTreeSet::new();
        for path in paths.0 {
            let mut module = module_of(file);
            let supers = path.iter().take_while(|name| *name == "super").count();
            let path = match path.first().map(String::as_str) {
                Some("crate") => path[1..].to_vec(),
                Some("super") => {
                    module.truncate(module.len().saturating_sub(supers));
                    [&module[..], &path[supers..]].concat()
                }
                // The path leads to a module inside the current module.
                Some(_) => [&module[..], &path[..]].concat(),
                None => continue,
            };
            let known = (1..=path.len()).rev().find_map(|length| by_module.get(&path[..length]));
            used.extend(known.filter(|known| **known != file).map(|known| (*known).clone()));
        }
        used
    };
    files.iter().map(|file| (file.clone(), used_by(file))).collect()
}

#[test]
fn no_file_uses_a_higher_floor() {
    let floors = floors();
    let floor_of = |file: &Path| {
        let folder = file.iter().next().unwrap().to_str().unwrap();
        floors.iter().position(|floor| floor == folder)
    };
    let mut up = Vec::new();
    for (file, used) in uses() {
        for other in used {
            if floor_of(&other) < floor_of(&file) {
                up.push(format!("{} uses {}", file.display(), other.display()));
            }
        }
    }
    assert!(up.is_empty(), "these files use a higher layer:\n{}", up.join("\n"));
}

#[test]
fn no_two_files_depend_on_each_other() {
    let mut uses = uses();
    // Repeatedly remove the files that use none of the remaining files, until nothing changes.
    loop {
        let free: BTreeSet<_> =
            uses.iter().filter(|(_, used)| used.is_empty()).map(|(file, _)| file.clone()).collect();
        if free.is_empty() {
            break;
        }
        uses.retain(|file, _| !free.contains(file));
        for used in uses.values_mut() {
            used.retain(|file| !free.contains(file));
        }
    }
    // Each remaining file is part of a cycle or uses files that lead to a cycle.
    let shown = uses.iter().map(|(file, used)| format!("{} uses {used:?}", file.display()));
    assert!(uses.is_empty(), "a cycle:\n{}", shown.collect::<Vec<_>>().join("\n"));
}

#[test]
fn no_file_is_too_long() {
    for file in files::below(&source()).unwrap() {
        let lines = fs::read_to_string(source().join(&file)).unwrap().lines().count();
        assert!(lines <= MOST_LINES, "{} has {lines} lines", file.display());
    }
}

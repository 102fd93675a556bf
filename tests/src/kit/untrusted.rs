//! Reads the exercises in untrusted source files. A folder may contain files that never end, or code that is nested so
//! deeply that the parser would overflow its stack and crash the grader.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use proc_macro2::{TokenStream, TokenTree};

use crate::kit::exercises::{self, Location};
use crate::kit::files;

/// The maximum size of a source file, in bytes. The kit's longest source file is 11 KB long.
const MAX_SOURCE: u64 = 256 * 1024;

/// The maximum number of source files in a lab. The kit's labs have up to ten source files each.
const MAX_FILES: usize = 200;

/// The maximum nesting depth of a source file; see [`nesting`]. The nesting depth of the kit's own files is below 300.
const MAX_NESTING: usize = 4000;

/// Without optimization, the parser needs up to 40 KiB of stack for each nesting level. The system allocates only the
/// part of the stack that is used.
const STACK: usize = MAX_NESTING * 64 * 1024;

/// Like [`exercises::of_lab`], but safe for untrusted files.
///
/// # Errors
/// Returns an error if a file cannot be read, is not valid Rust, or is too large or too deeply nested for a source
/// file.
pub fn exercises_of_lab(kit: &Path, lab: u32) -> Result<Vec<Location>> {
    let kit = kit.to_owned();
    // proc_macro2 keeps a copy of every source that a thread has parsed until that thread ends. The checks also parse
    // the sources, so they run in the same thread as the parser; when this thread ends, all copies are freed.
    let parser = thread::Builder::new()
        .stack_size(STACK)
        .spawn(move || {
            are_like_sources(&kit, lab)?;
            exercises::of_lab(&kit, "labs", lab)
        })
        .context("cannot start a thread that reads the sources")?;
    parser.join().unwrap_or_else(|panic| resume_unwind(panic))
}

fn are_like_sources(kit: &Path, lab: u32) -> Result<()> {
    let labs = kit.join("labs");
    let is_source = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "rs")
            && files::lab_of(path) == Some(lab)
    };
    let sources: Vec<_> = files::below(&labs)?.into_iter().filter(is_source).collect();
    ensure!(sources.len() <= MAX_FILES, "lab {lab} has more than {MAX_FILES} source files");
    for path in sources {
        let (path, shown) = (labs.join(&path), Path::new("labs").join(&path));
        let shown = shown.display();
        // `fs::metadata` follows links, so a link's target must also be a file.
        let file = fs::metadata(&path).with_context(|| format!("cannot read {shown}"))?;
        ensure!(file.is_file(), "{shown} is not a file");
        ensure!(file.len() <= MAX_SOURCE, "{shown} is larger than {} KiB", MAX_SOURCE / 1024);
        let source = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
        let tokens = source.parse::<TokenStream>();
        let tokens = tokens.map_err(|error| anyhow!("{shown} is not valid Rust: {error}"))?;
        ensure!(nesting(tokens) <= MAX_NESTING, "{shown} is nested too deeply");
    }
    Ok(())
}

/// Returns an upper bound on the nesting depth of expressions and types. Each token may open a nesting level, as in
/// `!!!!x`; the next `;` outside brackets closes these levels. An attribute, for example a doc comment, does not open
/// a nesting level for the code after it.
fn nesting(tokens: TokenStream) -> usize {
    let mut deepest = 0;
    // This function itself must not be recursive.
    let mut groups = vec![(0, tokens)];
    while let Some((outer, tokens)) = groups.pop() {
        let (mut level, mut is_attribute) = (outer, false);
        for token in tokens {
            let mark =
                if let TokenTree::Punct(mark) = &token { Some(mark.as_char()) } else { None };
            level += usize::from(!is_attribute && mark != Some('#'));
            deepest = deepest.max(level);
            match token {
                TokenTree::Group(group) => {
                    groups.push((level, group.stream()));
                    is_attribute = false;
                }
                _ if mark == Some(';') => level = outer,
                _ => is_attribute = mark == Some('#') || is_attribute && mark == Some('!'),
            }
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::{MAX_NESTING, exercises_of_lab, nesting};
    use crate::kit::files;

    fn is_read(source: &str) -> Result<usize, String> {
        let kit = tempfile::tempdir().unwrap();
        files::write(&kit.path().join("labs/lab1-x/server/src/main.rs"), source).unwrap();
        let places = exercises_of_lab(kit.path(), 1);
        places.map(|places| places.len()).map_err(|error| format!("{error:#}"))
    }

    /// Without the check, the parser would overflow the stack of the test thread.
    #[test]
    fn deeply_nested_sources_are_read_or_refused() {
        let expressions = [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{", "1", "}"),
            ("!", "1", ""),
            ("-", "1", ""),
            ("&", "1", ""),
            ("*", "1", ""),
            ("x=", "1", ""),
            ("|x|", "1", ""),
            ("if x{}else ", "{}", ""),
            ("match x{_=>", "1", "}"),
            ("f(", "1", ")"),
            ("f!(", "1", ")"),
            ("return ", "1", ""),
            ("1+", "1", ""),
            ("!#[a]", "1", ""),
            ("x as A<B,", "u8", ">"),
        ];
        let types = [
            ("&", "u8", ""),
            ("(", "u8", ")"),
            ("[", "u8", "]"),
            ("A<B,", "u8", ">"),
            ("fn(", "u8", ")"),
        ];
        let is_type = expressions.map(|part| (part, false)).into_iter();
        for ((open, inner, close), is_type) in is_type.chain(types.map(|part| (part, true))) {
            for count in [500, 20_000] {
                let nested = format!("{}{inner}{}", open.repeat(count), close.repeat(count));
                let (parameter, body) = if is_type { (&*nested, "") } else { ("u8", &*nested) };
                let source = format!("/// Stage 1: write it\nfn x(x: {parameter}) {{ {body} }}");
                let is_read = is_read(&source);
                if count == 500 && !open.contains("as") {
                    assert_eq!(is_read, Ok(1), "{open}");
                } else if count > 500 {
                    assert!(is_read.unwrap_err().contains("is nested too deeply"), "{open}");
                }
            }
        }
    }

    /// The fuzzer found this bug: the memory use of `cargo lab watch` grew with each check.
    #[test]
    fn no_copy_of_a_source_is_kept() {
        // The start position of a span includes the length of everything that the thread parsed earlier.
        let parsed = || {
            let text = format!("{:?}", "x".parse::<super::TokenStream>().unwrap());
            let number = text.split_once("bytes(").and_then(|(_, after)| after.split_once('.'));
            number.and_then(|(number, _)| number.parse::<usize>().ok()).unwrap()
        };
        let before = parsed();
        let (source, step) = (format!("// {}", " ".repeat(10_000)), parsed() - before);
        assert_eq!(is_read(&source), Ok(0));
        assert_eq!(parsed() - before, 2 * step);
    }

    #[test]
    fn the_sources_of_the_kit_are_not_nested_deeply() {
        let kit = crate::kit::root();
        for path in files::below(&kit.join("tests")).unwrap() {
            if path.extension().is_some_and(|extension| extension == "rs") {
                let source = std::fs::read_to_string(kit.join("tests").join(&path)).unwrap();
                let nesting = nesting(source.parse().unwrap());
                println!("{nesting} {}", path.display());
                assert!(nesting < MAX_NESTING / 2, "{}: {nesting}", path.display());
            }
        }
    }

    #[test]
    fn other_files_are_not_read() {
        assert!(is_read(&" ".repeat(300_000)).unwrap_err().contains("is larger than 256 KiB"));
        let kit = tempfile::tempdir().unwrap();
        let source = kit.path().join("labs/lab1-x/server/src/main.rs");
        files::write(&source.with_file_name("other.rs"), "").unwrap();
        std::os::unix::fs::symlink("/dev/zero", &source).unwrap();
        let error = exercises_of_lab(kit.path(), 1).err().unwrap();
        assert!(error.to_string().contains("main.rs is not a file"), "{error:#}");
        // Reading from a pipe without a writer would block forever.
        std::fs::remove_file(&source).unwrap();
        nix::unistd::mkfifo(&source, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(exercises_of_lab(kit.path(), 1).is_err());
    }
}

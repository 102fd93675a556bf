//! Tests that `cargo lab submit` hands in exactly the files that it has tested.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use grader::kit::files;
use predicates::prelude::*;
use predicates::str::contains;
use zip::ZipArchive;

use crate::export::{students_kit, write_bodies};
use crate::lab_in;

const SERVER: &str = "labs/lab1-one-to-one/server";

/// Returns the names of the files in the latest zip.
fn packed(kit: &Path) -> BTreeSet<String> {
    let zip = ZipArchive::new(File::open(kit.join("submission.zip")).unwrap()).unwrap();
    zip.file_names().map(ToOwned::to_owned).collect()
}

#[test]
fn what_is_handed_in_is_what_was_tested() {
    let kit = students_kit();
    let kit = kit.path();
    let at = |path: &str| kit.join(path);
    let write = |path: &str, text: &str| files::write(&at(path), text).unwrap();
    let points = |points: &str| contains(format!(" {points} points in "));

    // The kit has never been built, and none of its functions has been written.
    lab_in(kit).arg("submit").assert().code(1).stdout(points("0/400"));
    let untouched = packed(kit);
    assert!(untouched.contains(&format!("{SERVER}/src/main.rs")), "{untouched:?}");
    let manifest = untouched.iter().find(|name| name.ends_with("Cargo.toml"));
    assert_eq!(manifest, None, "none has changed");

    // Lab 1 is finished. Everything else is junk, some of which would keep the kit from being built.
    write_bodies(kit, |lab, _| lab == 1);
    write("notes.md", "my notes");
    write("old/labs/lab1-one-to-one/server/src/main.rs", "fn main() {}");
    write("labs/notes.md", "more notes");
    write(&format!("{SERVER}/build.rs"), "fn main() { panic!() }");
    write(&format!("{SERVER}/src/words.txt"), "words");
    write(&format!("{SERVER}/src/long.rs"), &"/".repeat(2 << 20));
    let common = fs::read_to_string(at("common/src/lib.rs")).unwrap();
    write("common/src/lib.rs", &format!("{common}\n// mine\n"));
    symlink("/etc/passwd", at(&format!("{SERVER}/src/link.rs"))).unwrap();
    let manifest = fs::read_to_string(at(&format!("{SERVER}/Cargo.toml"))).unwrap();
    write(&format!("{SERVER}/Cargo.toml"), &format!("{manifest}\n# mine\n"));
    let left_out = [
        "Not handed in:",
        "notes.md, old: not in labs/",
        "target: generated from other files",
        "labs/notes.md: not in a lab's package",
        "build.rs: not in the src/ of a package",
        "words.txt: in src/, the grader takes only .rs files",
        "long.rs: longer than 1 MiB",
        "link.rs: a link or another special file",
        "server/Cargo.toml: the grader uses its own manifests",
        "You have changed common/src/lib.rs. The grader has its own",
    ];
    let mut submit = lab_in(kit);
    let mut submitted =
        submit.arg("submit").assert().code(1).stdout(points("100/400, bonus 10/40"));
    // A long reason is wrapped across several lines.
    let said = String::from_utf8(submitted.get_output().stdout.clone()).unwrap();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in left_out {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert_eq!(packed(kit), untouched);

    // A program that can be built only in this kit fails in the folder where the submission is tested. A manifest with
    // new dependencies is handed in.
    let main = fs::read_to_string(at(&format!("{SERVER}/src/main.rs"))).unwrap();
    let main = format!("{main}\nconst _: &str = include_str!(\"words.txt\");\n");
    write(&format!("{SERVER}/src/main.rs"), &main);
    let client = "labs/lab1-one-to-one/client/Cargo.toml";
    let manifest = fs::read_to_string(at(client)).unwrap();
    write(client, &manifest.replace("[dependencies]", "[dependencies]\ntokio = \"1\""));
    let zip = at("elsewhere.zip");
    let mut submit = lab_in(kit);
    submitted = submit.arg("submit").arg("--output").arg(&zip).assert().code(1);
    submitted
        .stdout(points("0/400").and(contains("words.txt")).and(contains("needs `tokio`")))
        .stdout(contains(
            "A program will not be built: labs/lab1-one-to-one/client/Cargo.toml needs",
        ));
    let names = ZipArchive::new(File::open(zip).unwrap()).unwrap();
    assert!(names.file_names().any(|name| name == client));

    fs::remove_dir_all(at("labs")).unwrap();
    let says = contains("has no labs/; run this command in your kit");
    lab_in(kit).arg("submit").assert().code(1).stderr(says);
}

//! Checks how `cargo lab` reads a student's source files: it finds the exercises in any file, or says why it cannot.
//!
//! A source file that overflows the stack crashes the fuzzer. The file is then still in the folder whose name begins
//! with `fuzz-sources`.

use std::cell::OnceCell;
use std::fs;

use grader::kit::untrusted::exercises_of_lab;
use tempfile::TempDir;

thread_local! {
    /// A kit with one program.
    static KIT: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Typical pieces of source code, from which inputs are made.
pub const WORDS: &[&[u8]] = &[
    b"/// Stage 1: write it\n",
    b"fn f() {\n    todo!(\"stage 1: write it\")\n}\n",
    b"todo!(",
    b"\"stage 2\"",
    b"impl X {",
    b"}",
    b"mod m {",
    b"#[cfg(test)]\n",
    b"((((((((",
    b"))))))))",
    b"!!!!!!!!",
    b"&&&&&&&&",
    b"r#\"",
    b"\"#",
    b"/*",
    b"*/",
    b"'a",
    b"b'x'",
    b"macro_rules! m { ($a:tt) => { $a } }\n",
    b"if x {} else ",
    b"|x| ",
    b"A<B,",
    b"\xc3\xa9",
    b"//! ",
    b"/** Stage 3: x */",
    b"async ",
    b"unsafe extern \"C\" {",
    b"0x",
    b"1e",
    b"..=",
    b"\r\n",
];

/// Checks the function that finds the exercises in source files.
///
/// # Errors
/// Returns an error that says what is wrong.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    KIT.with(|kit| {
        if kit.get().is_none() {
            let made = tempfile::Builder::new().prefix("fuzz-sources").tempdir_in("/dev/shm");
            let made = made.map_err(|error| error.to_string())?;
            let folder = made.path().join("labs/lab1-x/server/src");
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
            let _ = kit.set(made);
        }
        let kit = kit.get().ok_or("no folder")?.path();
        let file = kit.join("labs/lab1-x/server/src/main.rs");
        fs::write(file, bytes).map_err(|error| error.to_string())?;
        let Ok(exercises) = exercises_of_lab(kit, 1) else { return Ok(()) };
        let text = String::from_utf8_lossy(bytes);
        for exercise in exercises {
            if text.get(exercise.task.body.clone()).is_none() {
                return Err(format!("the body of {} is not in the source", exercise.task.name));
            }
        }
        Ok(())
    })
}

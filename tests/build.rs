//! Where there are no terminals of Unix: one sentence, and at once, instead of an error for each line that needs one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_CFG_UNIX").is_none() {
        println!(
            "cargo::error=the grader needs the terminals of Linux, macOS or WSL (docs/src/trouble.md, \"Windows and \
             WSL\"); the chats run on Windows, too: cargo run -p lab1-server"
        );
    }
}

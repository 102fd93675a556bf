//! The output of the kit's programs: their help texts and a student's first session.

use std::env;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::cli::{export, starters};
use crate::grading::grader::{Author, Grader};
use crate::kit::files;
use crate::labs;
use crate::system::cargo;
use crate::system::program::Runnable;

/// Returns the help text of every `cargo lab` command. The commands in `not_exported` need the solutions.
pub fn commands(lab: clap::Command, not_exported: &[&str]) -> String {
    let mut lab = lab.term_width(80);
    lab.build();
    let mut text = String::new();
    let help = |command: &mut clap::Command| command.render_long_help().to_string();
    let _ = writeln!(text, "```text\n{}\n```", help(&mut lab).trim_end());
    for command in lab.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        if name == "help" || command.is_hide_set() {
            continue;
        }
        let help = help(command);
        let section = format!("\n### cargo lab {name}\n\n```text\n{}\n```\n", help.trim_end());
        if not_exported.contains(&name.as_str()) {
            let _ = write!(
                text,
                "\n<!-- not exported: needs the solutions -->{section}<!-- exported again -->\n"
            );
        } else {
            text.push_str(&section);
        }
    }
    text
}

/// Returns the help texts of the eight programs.
///
/// # Errors
/// Returns an error if a program cannot be built.
pub fn programs(grader: &Grader) -> Result<String> {
    let mut text = String::new();
    for lab in labs::numbers() {
        for name in ["server", "client"] {
            let Runnable::Executable(program) = grader.program(Author::Kit, lab, name) else {
                bail!(
                    "the {name} of lab {lab} cannot be built; to see why: cargo build -p solution{lab}-{name}"
                );
            };
            let output = Command::new(program).arg("--help").output()?;
            let help = String::from_utf8(output.stdout)?.replace("solution", "lab");
            let _ = writeln!(text, "### lab{lab}-{name}\n\n```text\n{}\n```\n", help.trim_end());
        }
    }
    Ok(text)
}

/// Runs a student's first session in an exported kit and returns its output as the names and contents of files.
///
/// # Errors
/// Returns an error if the kit cannot be exported or built.
pub fn first_session(kit: &Path) -> Result<Vec<(String, String)>> {
    let folder = tempfile::tempdir()?;
    let student = folder.path();
    export::export(kit, student)?;
    let write_bodies = |stages: u32| -> Result<()> {
        let labs =
            starters::make(&kit.join("solutions"), |lab, stage| lab == 1 && stage <= stages)?;
        for (path, text) in labs {
            files::write(&student.join("labs").join(path), &text)?;
        }
        Ok(())
    };
    // All student kits that are exported to make the figures use one build folder in this kit, so that the libraries
    // are built only once. The kit's tests use a different build folder, because they may build student kits at
    // the same time.
    cargo::share_target(student, &kit.join("target/figures/students"))?;
    let lab = |arguments: &[&str]| -> Result<String> {
        let lab = Command::new(env::current_exe()?)
            .args(arguments)
            .arg("--kit")
            .arg(student)
            .current_dir(student)
            .output()?;
        // Status 1 means that a stage has not passed.
        if lab.stdout.is_empty() || !matches!(lab.status.code(), Some(0 | 1)) {
            bail!("cargo lab {arguments:?}: {}", String::from_utf8_lossy(&lab.stderr));
        }
        Ok(String::from_utf8(lab.stdout)?)
    };
    let mut seen = Vec::new();
    let mut show = |name: &str, text: String| seen.push((format!("{name}.txt"), text));
    show("map", lab(&[])?);
    show("check-not-started", lab(&["check", "1"])?);
    show("hint", lab(&["hint", "1.1"])?);
    write_bodies(1)?;
    show("check-first", lab(&["check", "1"])?);
    Ok(seen)
}

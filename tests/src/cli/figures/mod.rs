//! `cargo lab figures`: creates the book's pictures and transcripts from real runs, so that they stay up to date.
//!
//! The failure reports in the book are snapshots of reports on deliberately faulty programs; see
//! `tests/kit/mutants.rs`.

pub mod demo;
mod designs;
#[cfg(target_os = "linux")]
mod measure;
mod play;
mod stable;
mod transcripts;

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};

use crate::cli::figures::play::{ALICE, BOB, Moment, Play, SERVER, line};
use crate::cli::figures::stable::{in_one_order, with_usual_ports};
use crate::cli::progress::{self, Progress};
use crate::grading::grader::{Author, Grader};
use crate::journal::Event;
use crate::kit::files;
use crate::labs;
use crate::report::ladder::{Ladder, Marks, Size};
use crate::report::{screens, svg};

/// The folder with the figures.
const FOLDER: &str = "docs/src/figures";

/// Returns a short chat for the picture of a lab's wire format.
fn scene(lab: u32) -> Play {
    let lines = match lab {
        1 => vec![
            line(ALICE, "hello", BOB, "<127.0.0.1> hello"),
            line(BOB, "hi", ALICE, "<127.0.0.1> hi"),
            line(ALICE, "quit", SERVER, "127.0.0.1 closed"),
        ],
        2 => vec![
            line(ALICE, "alice", ALICE, "Connected to server!"),
            line(BOB, "bob", BOB, "Connected to server!"),
            line(ALICE, "hello", BOB, "alice: hello"),
            line(BOB, "/quit", ALICE, "bob left!"),
        ],
        3 => vec![
            line(ALICE, "alice", SERVER, "active connections = 1"),
            line(BOB, "bob", SERVER, "active connections = 2"),
            line(ALICE, "hello", BOB, "[alice] : hello"),
            line(BOB, "café", ALICE, "[bob] : café"),
            line(BOB, "!DISCONNECT", SERVER, "active connections = 1"),
        ],
        _ => vec![
            line(ALICE, "alice", ALICE, ""),
            line(BOB, "bob", BOB, ""),
            line(ALICE, "/join kitchen", ALICE, "alice has joined"),
            line(BOB, "/join kitchen", BOB, "bob has joined"),
            line(ALICE, "tea?", BOB, "tea?"),
            line(BOB, "/leave", ALICE, "bob has left"),
            line(ALICE, "/quit", SERVER, "closed"),
        ],
    };
    Play { people: 2, lines }
}

/// Creates the book's figures. If `check` is set, writes nothing and checks that the figures are up to date.
///
/// # Errors
/// Returns an error if a program does not do what a figure shows, if `check` is set and a figure is not up to date, or
/// if a file cannot be read or written.
pub fn run(kit: &Path, check: bool, commands: clap::Command, not_exported: &[&str]) -> Result<()> {
    if !Author::Kit.exists(kit) {
        bail!("the figures are made from solutions/, which this kit does not have");
    }
    let mut figures = figures(kit)?;
    figures.insert("commands.md".into(), transcripts::commands(commands, not_exported));
    let folder = kit.join(FOLDER);
    let is_stale = |(name, text): &(&String, &String)| {
        files::read(&folder.join(name)).ok().flatten().as_ref() != Some(*text)
    };
    if check {
        if let Some((name, text)) = figures.iter().find(is_stale) {
            let fresh = kit.join("target/figures").join(name);
            files::write(&fresh, text)?;
            bail!("{FOLDER}/{name} differs from {}; run `cargo lab figures`", fresh.display());
        }
        for path in files::below(&folder)? {
            if !path.to_str().is_some_and(|name| figures.contains_key(name)) {
                bail!("{FOLDER}/{} is no longer generated; remove it", path.display());
            }
        }
        println!("the figures are up to date");
        return Ok(());
    }
    for (name, text) in &figures {
        let target = folder.join(name);
        files::write(&target, text)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    println!("made {} figures in {FOLDER}/", figures.len());
    Ok(())
}

/// Measures the designs from the chapter about speed, in `rounds` rounds, and writes the values to a figure file.
///
/// # Errors
/// Returns an error if a design cannot be built or measured, if the file cannot be written, or on systems other than
/// Linux.
pub fn measure(kit: &Path, rounds: u16) -> Result<()> {
    if !Author::Kit.exists(kit) {
        bail!("one of the designs is in solutions/, which this kit does not have");
    }
    #[cfg(target_os = "linux")]
    return measure::measure(kit, rounds.into());
    #[cfg(not(target_os = "linux"))]
    bail!("{rounds} rounds cannot be measured: the benchmark needs Linux");
}

/// Returns the names and contents of the figure files.
fn figures(kit: &Path) -> Result<BTreeMap<String, String>> {
    let grader = Grader::new(kit, &labs::numbers(), Some(1));
    progress::build(&grader, Author::Kit)?;
    let progress = Progress::start("running the chats")?;
    let mut figures = BTreeMap::new();
    for lab in labs::numbers() {
        progress.step(format!("running the chat for lab {lab}"));
        figures.insert(
            format!("screens-{lab}.svg"),
            picture(&perform(&grader, lab, &demo::play(lab))?),
        );
        let events = in_one_order(&perform(&grader, lab, &scene(lab))?);
        let mut ladder =
            Ladder::new(lab, &events, &[], &Marks::default(), Size { lanes: 3, rows: 36 });
        // The diagram shows no times, because they are different in every run.
        ladder.rows.iter_mut().for_each(|row| row.at = None);
        figures.insert(format!("wire-{lab}.svg"), svg::ladder(&ladder));
    }
    figures.insert("programs.md".into(), transcripts::programs(&grader)?);
    figures.extend(designs::figures(kit)?);
    progress.step("running a student's first session");
    figures.extend(transcripts::first_session(kit)?);
    for text in figures.values_mut() {
        *text = format!("{}\n", text.trim_end());
    }
    Ok(figures)
}

/// Runs a scripted chat line by line. A line is typed only after all events that the previous line causes have
/// occurred.
fn perform(grader: &Grader, lab: u32, play: &Play) -> Result<Vec<Event>> {
    let harness = play::harness(grader, Author::Kit, lab)?;
    let journal = harness.journal().clone();
    let columns = u16::try_from(svg::COLUMNS).ok().and_then(NonZero::new);
    play::perform(&harness, lab, play, columns, |moment| {
        if matches!(moment, Moment::Line) {
            journal.settle();
        }
    })
    .map_err(|failure| anyhow!("the chat for lab {lab} failed: {failure}"))?;
    let default = ["9999", "55555", "9095", "8080"][lab as usize - 1];
    Ok(with_usual_ports(&journal.events(), default))
}

/// The number of text rows in a picture of a screen.
const ROWS: usize = 11;

fn picture(events: &[Event]) -> String {
    let mut screens = screens::screens(events, ROWS);
    for screen in &mut screens {
        screen.lines = screens::wrap(&screen.lines, svg::COLUMNS, ROWS);
    }
    svg::screens(&screens)
}

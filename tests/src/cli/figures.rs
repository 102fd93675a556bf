//! `cargo lab figures`: makes the pictures and transcripts of the book from real runs, so that they cannot go stale.
//!
//! (The failure reports in the book are the snapshots of the mutants, see `tests/kit/mutants.rs`.)

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZero;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use clap::CommandFactory;

use crate::build;
use crate::cli::play::{ALICE, BOB, Moment, Play, SERVER, line};
use crate::cli::{NEED_SOLUTIONS, Options, demo, export, play, starters};
use crate::files;
use crate::record::{self, Event, What, Wire};
use crate::report::ladder::Ladder;
use crate::report::{screens, svg};
use crate::verdict::Maker;

/// Where they are.
const FOLDER: &str = "docs/src/figures";

/// What goes over the wire in a lab, in short.
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

/// Makes the figures of the book. With `check` nothing is written; they must be what would be written.
///
/// # Errors
/// When a program does not do what a figure shows, when `check` finds a difference, and when a file cannot be
/// read or written.
pub fn run(kit: &Path, check: bool) -> Result<()> {
    if !Maker::Kit.exists(kit) {
        bail!("this kit came without solutions/, which the figures show at work");
    }
    let figures = figures(kit)?;
    let folder = kit.join(FOLDER);
    let is_stale = |(name, text): &(&String, &String)| {
        files::read(&folder.join(name)).ok().flatten().as_ref() != Some(*text)
    };
    if check {
        if let Some((name, text)) = figures.iter().find(is_stale) {
            let fresh = kit.join("target/figures").join(name);
            files::write(&fresh, text)?;
            bail!("{FOLDER}/{name} is not {}; run `cargo lab figures`", fresh.display());
        }
        for path in files::below(&folder)? {
            if !path.to_str().is_some_and(|name| figures.contains_key(name)) {
                bail!("{FOLDER}/{} is no longer made; remove it", path.display());
            }
        }
        println!("the figures are what `cargo lab figures` makes");
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

/// File names, and what is in them.
fn figures(kit: &Path) -> Result<BTreeMap<String, String>> {
    let mut figures = BTreeMap::new();
    for lab in 1..=4 {
        figures
            .insert(format!("screens-{lab}.svg"), picture(&perform(kit, lab, &demo::play(lab))?));
        let events = in_one_order(perform(kit, lab, &scene(lab))?);
        let mut ladder = Ladder::new(&events, None, None, 3);
        // (every run has other times)
        ladder.rows.iter_mut().for_each(|row| row.at = None);
        figures.insert(format!("wire-{lab}.svg"), svg::ladder(&ladder));
    }
    figures.insert("commands.md".into(), commands());
    figures.insert("programs.md".into(), programs(kit)?);
    figures.extend(session(kit)?);
    for text in figures.values_mut() {
        *text = format!("{}\n", text.trim_end());
    }
    Ok(figures)
}

/// Performs a play, line by line: the next one is typed when nothing happens any more.
fn perform(kit: &Path, lab: u32, play: &Play) -> Result<Vec<Event>> {
    let stage = play::stage(kit, lab, Maker::Kit)?;
    let record = stage.record().clone();
    let columns = u16::try_from(svg::COLUMNS).ok().and_then(NonZero::new);
    play::perform(&stage, lab, play, columns, |moment| {
        if matches!(moment, Moment::Line) {
            record.settle();
        }
    })
    .map_err(|failure| anyhow!("the play of lab {lab} stopped: {failure}"))?;
    Ok(with_usual_ports(&record.events(), lab))
}

/// The same events, with the lab's own port in the place of the one that the server has got in this run, and other
/// ports for those of the clients.
fn with_usual_ports(events: &[Event], lab: u32) -> Vec<Event> {
    let default = ["9999", "55555", "9095", "8080"][lab as usize - 1];
    let mut usual: BTreeMap<String, String> = BTreeMap::new();
    for event in events {
        let What::Showed(bytes) = &event.what else { continue };
        for after in String::from_utf8_lossy(bytes).split("127.0.0.1:").skip(1) {
            let port: String = after.chars().take_while(char::is_ascii_digit).collect();
            // (the first one is the server's)
            let count = usual.len();
            let other = if count == 0 { default.into() } else { (50_000 + count).to_string() };
            usual.entry(port).or_insert(other);
        }
    }
    let mut events = events.to_vec();
    for event in &mut events {
        if let What::Showed(bytes)
        | What::Sent(_, Wire::Bytes(bytes))
        | What::Got(_, Wire::Bytes(bytes)) = &mut event.what
        {
            let mut text = String::from_utf8_lossy(bytes).into_owned();
            for (port, usual) in &usual {
                text = text.replace(port, usual);
            }
            *bytes = text.into_bytes();
        }
    }
    events
}

/// The rows of a picture of somebody's screen.
const ROWS: usize = 11;

fn picture(events: &[Event]) -> String {
    let mut screens = screens::screens(events, ROWS);
    for screen in &mut screens {
        screen.lines = screens::wrap(&screen.lines, svg::COLUMNS, ROWS);
    }
    svg::screens(&screens)
}

/// What went over the wire, in one of the orders in which it may be noted: what happens at the same time in two
/// connections is noted as the system wakes who listens there.
fn in_one_order(events: Vec<Event>) -> Vec<Event> {
    let mut ordered: Vec<Event> = Vec::new();
    let before_the_end = events.into_iter().take_while(|event| event.what != What::End);
    let events: Vec<Event> = before_the_end.collect();
    // Nothing happens any more when the next line is typed.
    let is_typed = |event: &Event| matches!(event.what, What::Typed(_));
    for quiet_to_quiet in events.chunk_by(|_, next| !is_typed(next)) {
        let mut wire: Vec<_> =
            quiet_to_quiet.iter().filter(|event| event.ends().is_some()).collect();
        // Who says something and closes at once, closes before the answer comes.
        for at in 0..wire.len() {
            let event = wire[at];
            let is_close = matches!(
                &event.what,
                What::Sent(_, Wire::Signal("closes")) | What::Got(_, Wire::Signal("closes"))
            );
            let said = wire[..at].iter().rposition(|said| said.ends() == event.ends());
            if let Some(said) = said.filter(|_| is_close) {
                wire[said + 1..=at].rotate_right(1);
            }
        }
        // What the server sends to several people comes in the order of the people.
        let receiver = |event: &Event| {
            event.ends().filter(|(from, _)| *from == "server").map(|(_, to)| to.to_owned())
        };
        for from_server in wire.chunk_by_mut(|a, b| receiver(a).is_some() && receiver(b).is_some())
        {
            from_server.sort_by_key(|event| receiver(event));
        }
        ordered.extend(wire.into_iter().cloned());
    }
    record::merged(&ordered)
}

/// Every command of `cargo lab`, as clap tells of it.
fn commands() -> String {
    let mut lab = Options::command().term_width(80);
    lab.build();
    let mut text = String::new();
    let help = |command: &mut clap::Command| command.render_long_help().to_string();
    let _ = writeln!(text, "```text\n{}\n```", help(&mut lab).trim_end());
    for command in lab.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        if name == "help" {
            continue;
        }
        let help = help(command);
        let section = format!("\n### cargo lab {name}\n\n```text\n{}\n```\n", help.trim_end());
        if NEED_SOLUTIONS.contains(&name.as_str()) {
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

/// What the eight programs say of themselves.
fn programs(kit: &Path) -> Result<String> {
    let mut text = String::new();
    for lab in 1..=4 {
        for name in ["server", "client"] {
            let package = format!("solution{lab}-{name}");
            let output = Command::new("cargo")
                .args(["run", "--quiet", "--package", &package, "--", "--help"])
                .current_dir(kit)
                .output()?;
            if !output.status.success() {
                bail!("{package} --help: {}", String::from_utf8_lossy(&output.stderr));
            }
            let help = String::from_utf8_lossy(&output.stdout).replace("solution", "lab");
            let _ = writeln!(text, "### lab{lab}-{name}\n\n```text\n{}\n```\n", help.trim_end());
        }
    }
    Ok(text)
}

/// What a student sees at first, in a kit as students have it.
fn session(kit: &Path) -> Result<Vec<(String, String)>> {
    let folder = tempfile::tempdir()?;
    let student = folder.path();
    export::run(kit, student)?;
    let write_bodies = |stages: u32| -> Result<()> {
        let labs =
            starters::make(&kit.join("solutions"), |lab, stage| lab == 1 && stage <= stages)?;
        for (path, text) in labs {
            files::write(&student.join("labs").join(path), &text)?;
        }
        Ok(())
    };
    // (built in this kit, so that the libraries are built once)
    build::share_target(student, &kit.join("target/students"))?;
    let lab = |arguments: &[&str]| -> Result<String> {
        let lab = Command::new(std::env::current_exe()?)
            .args(arguments)
            .arg("--kit")
            .arg(student)
            .current_dir(student)
            .output()?;
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

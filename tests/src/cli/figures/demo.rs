//! `cargo lab demo`: runs a lab's finished programs in a scripted chat and shows the screens side by side and then the
//! last messages on the wire.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use console::{Term, style};

use crate::cli::figures::play;
use crate::cli::figures::play::{ALICE, BOB, CAROL, Moment, Play, SERVER, line};
use crate::cli::progress;
use crate::grading::grader::{Author, Grader};
use crate::journal;
use crate::journal::failure::Failure;
use crate::journal::{EventKind, Journal};
use crate::report::ladder::{Ladder, Marks, Size, most_lanes};
use crate::report::screens;

/// The time between two keystrokes.
const KEY: Duration = Duration::from_millis(45);
/// The time that a person spends thinking before typing a line.
const THINK: Duration = Duration::from_millis(700);
/// The time between two redraws of the screens.
const FRAME: Duration = Duration::from_millis(40);

/// Returns the chat that demonstrates a lab.
pub fn play(lab: u32) -> Play {
    let lines = match lab {
        1 => vec![
            line(ALICE, "hello, is anybody there?", BOB, "hello, is anybody there?"),
            line(BOB, "we are all here", CAROL, "we are all here"),
            line(CAROL, "but who is who?", ALICE, "but who is who?"),
            line(ALICE, "that is what lab 2 is for", BOB, "that is what lab 2 is for"),
        ],
        2 => vec![
            line(ALICE, "alice", ALICE, "Connected to server!"),
            line(BOB, "bob", ALICE, "bob joined!"),
            line(CAROL, "carol", ALICE, "carol joined!"),
            line(ALICE, "shall we meet at the river?", BOB, "alice: shall we meet"),
            line(BOB, "after the rain", CAROL, "bob: after the rain"),
            line(CAROL, "I'll bring the kettle", ALICE, "carol: I'll bring the kettle"),
            line(CAROL, "/quit", ALICE, "carol left!"),
            line(ALICE, "see you!", BOB, "alice: see you!"),
        ],
        3 => vec![
            line(ALICE, "alice", SERVER, "active connections = 1"),
            line(BOB, "bob", SERVER, "active connections = 2"),
            line(CAROL, "carol", SERVER, "active connections = 3"),
            line(ALICE, "a header says how long I am", BOB, "a header says"),
            line(BOB, "café: five bytes, four letters", CAROL, "café: five bytes"),
            line(CAROL, "so nothing sticks together", ALICE, "so nothing sticks"),
            line(BOB, "!DISCONNECT", SERVER, "active connections = 2"),
        ],
        _ => vec![
            line(ALICE, "alice", ALICE, ""),
            line(BOB, "bob", BOB, ""),
            line(CAROL, "carol", CAROL, ""),
            line(ALICE, "/join kitchen", ALICE, "alice has joined"),
            line(BOB, "/join kitchen", ALICE, "bob has joined"),
            line(CAROL, "/join garden", CAROL, "carol has joined"),
            line(ALICE, "tea, anyone?", BOB, "tea, anyone?"),
            line(CAROL, "only birds here", CAROL, "only birds here"),
            line(CAROL, "/join kitchen", ALICE, "carol has joined"),
            line(CAROL, "yes, please", BOB, "yes, please"),
        ],
    };
    Play { people: 3, lines }
}

/// Runs a lab's scripted chat with the finished programs or, if the kit has none, with the student's programs.
///
/// # Errors
/// Returns an error if the programs are missing or do not behave as the script requires.
pub fn run(kit: &Path, lab: u32) -> Result<()> {
    let author = if Author::Kit.exists(kit) { Author::Kit } else { Author::Student };
    let grader = Grader::new(kit, &[lab], Some(1));
    progress::build(&grader, author)?;
    let harness = play::harness(&grader, author, lab)?;
    let journal = harness.journal().clone();

    // If the output is a terminal, the screens are shown during the chat. Otherwise, only the final screens are
    // printed.
    let is_shown = Term::stdout().is_term();
    let width = if is_shown { Term::stdout().size().1.into() } else { 80 };
    let ended = Arc::new(AtomicBool::new(false));
    let painter = is_shown.then(|| {
        let (journal, ended) = (journal.clone(), Arc::clone(&ended));
        thread::spawn(move || paint(&journal, width, &ended))
    });
    let columns = u16::try_from(screens::room(width, 4)).ok().and_then(NonZero::new);
    let played = play::perform(&harness, lab, &play(lab), columns, |moment| match moment {
        Moment::Line if is_shown => thread::sleep(THINK),
        Moment::Key if is_shown => thread::sleep(KEY),
        _ => {}
    });
    ended.store(true, Ordering::Relaxed);
    match painter {
        Some(painter) => painter.join().map_err(|_| anyhow!("the drawing thread panicked"))?,
        None => println!("{}", picture(&journal, width)),
    }
    if let Err(failure) = played {
        let failure = match failure {
            Failure::Grader(why) => why,
            wrong @ Failure::Wrong { .. } => wrong.to_string(),
        };
        if author == Author::Student {
            bail!("this kit has no finished programs, and yours are not ready yet:\n{failure}");
        }
        bail!("the chat failed: {failure}");
    }
    let mut events = journal::merged(&journal.events());
    events.retain(|event| matches!(event.what, EventKind::Sent(..) | EventKind::Got(..)));
    println!("\n{}", style(" The last messages on the wire:").bold());
    let size = Size { lanes: most_lanes(width), rows: 20 };
    let ladder = Ladder::new(lab, &events, &[], &Marks::default(), size);
    println!("{}", ladder.to_text(width.min(120)));
    println!("\n Now you:  cargo lab");
    Ok(())
}

/// Redraws the screens in place until the chat has ended.
fn paint(journal: &Journal, width: usize, ended: &AtomicBool) {
    let terminal = Term::stdout();
    let mut height = 0;
    loop {
        let is_last = ended.load(Ordering::Relaxed);
        let picture = picture(journal, width);
        let _ = terminal.clear_last_lines(height);
        let _ = terminal.write_line(&picture);
        height = picture.lines().count();
        if is_last {
            return;
        }
        thread::sleep(FRAME);
    }
}

fn picture(journal: &Journal, width: usize) -> String {
    screens::to_text(&screens::screens(&journal.events(), screens::LINES), width)
}

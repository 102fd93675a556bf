//! Tests reports on randomly generated journals. No matter what a program sends, the grader creates a report without
//! panicking, and the report is harmless and neither too long nor too wide.
//!
//! `RANDOM_JOURNALS=1000000 cargo test --release --test kit -- random_journals` tests more journals than CI does, and
//! `RANDOM_JOURNAL=123` tests only the journal with this number.

mod hostile_bytes;
mod journal;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use grader::harness::stage::Lab;
use grader::journal::failure::Failure;
use grader::journal::panics::caught;
use grader::journal::visible::visible;
use grader::kit::way::Way;
use grader::labs;
use grader::report::failure::Report;
use grader::report::html::Page;
use grader::report::ladder::{Ladder, Marks, Size, most_lanes};
use grader::report::scoreboard::{lab_line, stage_line};
use grader::report::text::{MIN_COLUMNS, cut, quoted, rows, width};
use grader::report::{diff, explaining, near_miss, programs, screens, svg};
use nix::time::{ClockId, clock_gettime};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::random::journal::Run;

/// The number of randomly generated journals that CI tests. Without optimization, testing this many journals takes a
/// few seconds.
const JOURNALS: u64 = 1500;

/// The maximum length of a report in an ordinary window. The longest real reports have about a hundred lines.
const MOST_LINES: usize = 250;
const MOST_BYTES: usize = 64 * 1024;
const MOST_PAGE_BYTES: usize = 512 * 1024;

/// The maximum processor time for creating all reports from one journal, in a build without optimization.
const LIMIT: Duration = Duration::from_secs(5);

/// The maximum processor time for one of the largest possible journals.
const FLOOD_LIMIT: Duration = Duration::from_secs(15);

#[test]
fn every_report_on_random_journals_is_made() {
    console::set_colors_enabled(false);
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let (first, count) = match number("RANDOM_JOURNAL") {
        Some(one) => (one, 1),
        None => (0, number("RANDOM_JOURNALS").unwrap_or(JOURNALS)),
    };
    let (next, wrong) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let longest = Mutex::new((Duration::ZERO, 0));
    let begin = Instant::now();
    let work =
        || {
            let labs = labs::all();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + count || wrong.lock().is_ok_and(|wrong| wrong.len() > 9) {
                    return;
                }
                let begin = used();
                let made = caught("a random journal", || makes_all(&labs, seed)).flatten();
                let took = used().saturating_sub(begin);
                let mut longest = longest.lock().unwrap_or_else(PoisonError::into_inner);
                *longest = (*longest).max((took, seed));
                drop(longest);
                let made = made.and_then(|()| {
                    if took < LIMIT { Ok(()) } else { Err(format!("it took {took:?}")) }
                });
                if let Err(why) = made {
                    wrong.lock().unwrap().push(format!("RANDOM_JOURNAL={seed}: {why}"));
                }
            }
        };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let (longest, seed) = longest.into_inner().unwrap();
    println!("{count} journals in {:.0?}; number {seed} took {longest:.1?}", begin.elapsed());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tests the largest journals that the grader keeps, with as much evidence as possible.
#[test]
fn a_report_of_a_flood_is_made_in_time() {
    console::set_colors_enabled(false);
    let pieces: [(&[u8], bool); 6] = [
        (b"x", true),
        (b"\n", false),
        (b"alice: hi\r\n", true),
        (b"\x1b[2K\x1b[1G> ", false),
        ("e\u{301}".as_bytes(), true),
        (b"\xff", false),
    ];
    let is_made_of = |piece: &[u8], is_screen| {
        let (labs, run, begin) = (labs::all(), Run::flood(piece, is_screen), used());
        is_made(&labs[0], &labs[0].stages[0], &run, 80, Path::new("/nowhere")).unwrap();
        let took = used().saturating_sub(begin);
        println!("{took:.1?} for {piece:?}");
        assert!(took < FLOOD_LIMIT, "{took:?} for {piece:?}");
    };
    thread::scope(|scope| {
        for (piece, is_screen) in pieces {
            scope.spawn(move || is_made_of(piece, is_screen));
        }
    });
}

/// Returns the processor time that this thread has used. Unlike elapsed time, processor time does not depend on other
/// programs.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

/// Creates and checks everything that the grader creates from a journal.
fn makes_all(labs: &[Lab], seed: u64) -> Result<(), String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let run = Run::new(&mut rng);
    let lab = labs.choose(&mut rng).unwrap();
    let stage = lab.stages.choose(&mut rng).unwrap();
    let columns = rng.random_range(1..=110);
    // Reading the kit's sources takes much longer than everything else.
    let kit =
        if rng.random_ratio(1, 2000) { grader::kit::root() } else { PathBuf::from("/nowhere") };
    is_made(lab, stage, &run, columns, &kit)?;
    parts_are_made(&run, lab, columns, &mut rng)?;
    is_fitting("a stage", &stage_line(lab, stage, &run.graded.verdict), 80)?;
    is_fitting("a lab", &lab_line(lab, Way::Guided, run.points), 80)
}

/// Creates and checks a whole report, both as text for a terminal and as a page.
fn is_made(
    lab: &Lab,
    stage: &grader::harness::stage::Stage,
    run: &Run,
    columns: usize,
    kit: &Path,
) -> Result<(), String> {
    let again = "cargo lab check 2.5 --seed 1".to_owned();
    let report = Report::new(lab, stage, &run.graded, again).in_columns(columns);
    let mut page = Page::new();
    page.add_stage(lab, stage, &run.graded.verdict);
    page.add_report(&report, kit);
    let page = page.finish("0/5 points");
    for (name, text) in [
        ("the text", report.to_text(kit)),
        ("the summary", report.summary()),
        ("the page", page.clone()),
    ] {
        if let Some(at) = text.find("this part of the report") {
            return Err(format!("{name}: {}", text[at..].chars().take(400).collect::<String>()));
        }
        if name == "the page" {
            continue;
        }
        is_fitting(name, &text, columns.max(MIN_COLUMNS))?;
    }
    is_harmless("the page", &page)?;
    if page.len() > MOST_PAGE_BYTES {
        return Err(format!("the page has {} bytes", page.len()));
    }
    let count = |tag: &str| page.matches(tag).count();
    for tag in ["pre", "section", "div", "svg", "text", "dl", "p"] {
        let begins = count(&format!("<{tag}>")) + count(&format!("<{tag} "));
        if begins != count(&format!("</{tag}>")) {
            return Err(format!(
                "the page has {begins} opening <{tag}> tags but {} closing tags",
                count(&format!("</{tag}>"))
            ));
        }
    }
    Ok(())
}

/// Creates and checks a report's parts, with arguments that a whole report never uses.
fn parts_are_made(run: &Run, lab: &Lab, columns: usize, rng: &mut StdRng) -> Result<(), String> {
    let events = &run.events;
    let about = events.choose(rng).map(|event| event.who.as_str());
    let states = programs::states(&run.programs, events, about);
    for state in states.ended.iter().chain(&states.running) {
        is_harmless("a state", state)?;
    }
    if let Some(Failure::Wrong { evidence: Some(evidence), .. }) = run.failure() {
        let misses = near_miss::near_misses(evidence, events, lab);
        if let Some(miss) = misses.iter().find(|miss| miss.len() > 20_000) {
            let beginning: String = miss.chars().take(200).collect();
            return Err(format!("a near miss has {} bytes: {beginning}", miss.len()));
        }
        if misses.len() > 12 {
            return Err(format!("{} near misses", misses.len()));
        }
        let missing = rng.random::<bool>().then_some(evidence.expected.as_slice());
        let texts = run.failure().map(explaining::texts).unwrap_or_default();
        let marks = Marks { evidence: Some(evidence), missing, texts: &texts, ..Marks::default() };
        let size = Size { lanes: rng.random_range(..60), rows: rng.random_range(6..80) };
        let about = events.choose(rng).map(|event| event.who.as_str());
        let ladder = Ladder::new(lab.number, events, about.as_slice(), &marks, size);
        ladder.to_text(columns);
        svg::ladder(&ladder);
    }
    let size = Size { lanes: most_lanes(columns), rows: 36 };
    let ladder = Ladder::new(lab.number, events, &[], &Marks::default(), size);
    is_fitting("the ladder", &ladder.to_text(columns), columns.max(MIN_COLUMNS))?;
    is_harmless("the drawing", &svg::ladder(&ladder))?;
    let screens = screens::screens(events, rng.random_range(..20));
    is_fitting("the screens", &screens::to_text(&screens, columns), columns.max(MIN_COLUMNS))?;
    is_harmless("the picture", &svg::screens(&screens))?;
    for screen in &screens {
        let room = rng.random_range(1..50);
        for row in screens::wrap(&screen.lines, room, 9) {
            // There is always space for one wide character.
            if width(&row) > room.max(2) {
                return Err(format!("a row of a screen: {} of {room} columns", width(&row)));
            }
        }
    }
    // All text in a report has gone through `visible`.
    let [one, other] = &run.texts.each_ref().map(|text| visible(text.as_bytes()));
    let room = rng.random_range(..100);
    let header = |rng: &mut StdRng, text: &str| rng.random_range(..=text.chars().count());
    let kind = match rng.random_range(0..3) {
        0 => diff::Kind::Stream,
        1 => diff::Kind::Screen,
        _ => diff::Kind::Payload(header(rng, one), header(rng, other)),
    };
    let comparison = diff::compare(one, other, "", kind, room);
    let compared = || comparison.expected.iter().chain(&comparison.came);
    let cut = cut(one, room);
    for text in compared().chain([&cut]) {
        // There is always space for one wide character.
        if console::measure_text_width(text) > room.max(2) {
            return Err(format!("{} of {room} columns: {text}", console::measure_text_width(text)));
        }
    }
    let is_outside = |(row, at)| at > room.max(2) || row >= comparison.came.len();
    if comparison.caret.is_some_and(is_outside) {
        return Err(format!(
            "the caret (^) is outside the text: row and column {:?}, width {room}",
            comparison.caret
        ));
    }
    let rows = rows(one, room.max(2));
    if rows.iter().any(|row| width(row) > room.max(2)) {
        return Err(format!("{rows:?} in {room} columns"));
    }
    quoted(&run.texts[0]).iter().try_for_each(|line| is_harmless("a quote", line))
}

/// Checks that each line except a command fits in `columns` columns and that the text is not too long.
fn is_fitting(name: &str, text: &str, columns: usize) -> Result<(), String> {
    is_harmless(name, text)?;
    let is_command =
        |line: &str| ["   again ", "   stuck? "].iter().any(|label| line.starts_with(label));
    for line in text.lines().filter(|line| !is_command(line)) {
        let width = console::measure_text_width(line);
        if width > columns {
            return Err(format!("{name}: {width} of {columns} columns: «{line}»"));
        }
    }
    let lines = text.lines().count();
    // In a narrow window, the same text has more lines.
    if lines > MOST_LINES * 80 / columns.min(80) || text.len() > MOST_BYTES {
        let beginning: String = text.chars().take(2000).collect();
        return Err(format!("{name}: {lines} lines, {} bytes:\n{beginning}", text.len()));
    }
    Ok(())
}

/// Checks that the text cannot control a terminal or the direction of other text.
fn is_harmless(name: &str, text: &str) -> Result<(), String> {
    let steers = |char: char| {
        char.is_control() && char != '\n'
            || matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match text.find(steers) {
        None => Ok(()),
        Some(at) => Err(format!("{name}: {:?}", text[at..].chars().take(20).collect::<String>())),
    }
}

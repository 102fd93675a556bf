//! Tests which lines count as seen, for all kinds of programs.

use std::num::NonZero;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::Screen;
use crate::journal::inbox::Content;

const SMALL: (u16, u16) = (20, 6);

fn screen((columns, rows): (u16, u16)) -> Screen {
    Screen::new(NonZero::new(columns).unwrap(), NonZero::new(rows).unwrap())
}

/// Returns the screen after a program has shown `output` in one chunk.
fn after(output: &str) -> Screen {
    let mut screen = screen(SMALL);
    shows(&mut screen, output.as_bytes(), usize::MAX);
    screen
}

/// Shows the program's output in chunks, without pauses between them.
fn shows(screen: &mut Screen, output: &[u8], portion: usize) {
    let now = Instant::now();
    screen.changed = screen.changed.map(|_| now);
    output.chunks(portion).for_each(|bytes| screen.add_at(bytes, now).unwrap());
}

/// Shows more output from the program, after a pause.
fn more(screen: &mut Screen, output: &str) {
    screen.settle();
    shows(screen, output.as_bytes(), usize::MAX);
}

fn seen(screen: &Screen) -> Vec<String> {
    let (before, after) = screen.seen();
    before.iter().chain(&after).map(ToString::to_string).collect()
}

fn takes(screen: &mut Screen, text: &str) -> bool {
    screen.take(|line| line == text).is_some()
}

fn count(screen: &mut Screen, text: &str) -> usize {
    screen.settle();
    screen.count(|line| line == text)
}

/// Returns output that redraws everything: the lines, starting at the first row, and a prompt after them.
fn redraw(lines: &[&str]) -> String {
    format!("\x1b[H\x1b[2J{}\r\n> ", lines.join("\r\n"))
}

#[test]
fn a_plain_program_prints_lines() {
    let mut screen = after("one\r\ntwo\r\n\r\none\r\n> half");
    assert_eq!(seen(&screen), ["one", "two", "", "one"]);
    assert_eq!(screen.prompt(), "> half");
    assert_eq!((count(&mut screen, "one"), count(&mut screen, "> half")), (2, 0));
    // Each line is accepted only once and only in order.
    assert!(takes(&mut screen, "one") && takes(&mut screen, "one") && !takes(&mut screen, "one"));
    assert!(!takes(&mut screen, "two"));
}

#[test]
fn the_portions_in_which_bytes_arrive_do_not_matter() {
    let alternate =
        "\x1b[?1049h\x1b[2;5r\x1b[1;1Hone\x1b[3;1Htwo\x1b[5;1Hthree\r\nfour\r\nfive\x1b[6;1H> ";
    let edited = "> ha\r\x1b[Kbob: 日本\r\n> ha\x1b[1D\x1b[1D\r\x1b[Jbob: café\r\n> ha";
    for output in ["one\r\ntwo 👩‍🚀\r\n> half", alternate, edited, &redraw(&["one", "two"])]
    {
        let whole = after(output);
        for portion in 1..7 {
            let mut screen = screen(SMALL);
            shows(&mut screen, output.as_bytes(), portion);
            assert_eq!(seen(&screen), seen(&whole), "{output:?} {portion} bytes at a time");
            assert_eq!(screen.prompt(), whole.prompt());
        }
    }
}

#[test]
fn lines_that_scroll_away_count_from_the_first_one() {
    let lines: Vec<_> = (0..500).map(|number| format!("line {number}")).collect();
    let mut screen = after(&format!("{}\r\n> ", lines.join("\r\n")));
    assert_eq!(seen(&screen), lines);
    assert!(takes(&mut screen, "line 0") && takes(&mut screen, "line 499"));
    // A line that does not fit on the screen.
    let long = "long ".repeat(1000);
    more(&mut screen, &format!("\r\x1b[K{long}\x1b[K\r\n> "));
    assert!(takes(&mut screen, &long));
}

#[test]
fn a_message_above_the_prompt_is_a_line_of_its_own() {
    // The sequences that readline, Node, and Go's x/term use to erase the prompt.
    for above in
        ["\r\x1b[K", "\x1b[6D\x1b[J", "\x1b[1G\x1b[0K", "\x1b[6D      \x1b[6D", "\x1b[2K\r"]
    {
        let mut screen = after(&format!("> half{above}bob: hi\r\n> half"));
        assert!(screen.is_plain(), "{above:?}");
        assert!(takes(&mut screen, "bob: hi"), "{above:?} {:?}", seen(&screen));
        assert_eq!(screen.prompt(), "> half", "{above:?}");
    }
}

#[test]
fn a_torn_line_is_not_a_message() {
    for torn in ["> half bob: hi\r\n", "> half of a\rbob: hi\r\n", "> half\x1b[1Dbob: hi\r\n"] {
        let mut screen = after(torn);
        assert!(!takes(&mut screen, "bob: hi"), "{torn:?} {:?}", seen(&screen));
    }
}

#[test]
fn a_prompt_of_two_rows_may_be_drawn_again() {
    let typed = "> a line that is longer than the window";
    let mut screen = after(typed);
    more(&mut screen, &format!("\x1b[1A\r\x1b[Jbob: hi\r\n{typed}"));
    assert!(takes(&mut screen, "bob: hi"));
    assert_eq!(screen.prompt(), typed);
    more(&mut screen, &format!("\x1b[1A\r\x1b[Jbob: hi\r\n{typed}"));
    screen.settle();
    assert!(takes(&mut screen, "bob: hi"), "{:?}", seen(&screen));
    assert_eq!(count(&mut screen, "bob: hi"), 2);
}

/// Shows the same lines again and again, in a window of four rows that the program redraws or scrolls.
#[test]
fn an_equal_line_may_leave_at_the_same_time() {
    let mut drawn = after("\x1b[?1049h");
    let mut scrolled = after("\x1b[?1049h\x1b[1;4r\x1b[6;1H> ");
    let lines = ["ann joined", "ann left"].repeat(4);
    for (at, line) in lines.iter().enumerate() {
        more(&mut drawn, &redraw(&lines[at.saturating_sub(3)..=at]));
        more(&mut scrolled, &format!("\x1b7\x1b[4;1H\r\n{line}\x1b8"));
        for screen in [&mut drawn, &mut scrolled] {
            screen.settle();
            assert!(takes(screen, line), "{at} {:?}", seen(screen));
            assert!(!takes(screen, line), "{at} {:?}", seen(screen));
        }
    }
}

/// A client with a scrolling region and an input line below it, with and without the alternate screen.
#[test]
fn a_scroll_region_shows_each_message_once() {
    for begin in ["\x1b[?1049h", "\x1b[2J"] {
        let mut screen = after(&format!("name: \r\n{begin}\x1b[1;4r\x1b[6;1H> "));
        let message = |text: &str| format!("\x1b7\x1b[4;1H\r\n{text}\x1b8");
        for number in 0..10 {
            more(&mut screen, &message(&format!("bob: {number}")));
            assert!(takes(&mut screen, &format!("bob: {number}")), "{begin:?} {number}");
        }
        assert_eq!(screen.prompt().trim_end(), ">");
        for number in 0..10 {
            assert_eq!(count(&mut screen, &format!("bob: {number}")), 1, "{begin:?} {number}");
        }
        // If the same text appears again, it counts as another message.
        more(&mut screen, &message("bob: 3"));
        screen.settle();
        assert!(takes(&mut screen, "bob: 3"));
        // A message that is shown twice.
        more(&mut screen, &format!("{0}{0}", message("bob: hi")));
        assert_eq!(count(&mut screen, "bob: hi"), 2);
    }
}

#[test]
fn a_long_line_scrolls_through_a_region() {
    let long = "x".repeat(5000);
    let mut screen = after(&format!("\x1b[?1049h\x1b[1;4r\x1b[4;1H\r\n{long}\x1b[6;1H> "));
    assert!(takes(&mut screen, &long));
}

#[test]
fn drawing_the_same_lines_again_does_not_count() {
    for begin in ["", "\x1b[?1049h"] {
        let mut screen = after(begin);
        let mut lines = vec!["one", "two"];
        more(&mut screen, &redraw(&lines));
        assert!(takes(&mut screen, "one") && takes(&mut screen, "two"));
        for line in ["three", "four", "five"] {
            lines.push(line);
            if lines.len() > 4 {
                lines.remove(0);
            }
            // The program draws everything twice and in chunks.
            let output = redraw(&lines).repeat(2);
            shows(&mut screen, output.as_bytes(), 9);
            screen.settle();
            assert!(takes(&mut screen, line), "{begin:?} {line} {:?}", seen(&screen));
            assert!(!takes(&mut screen, "two"), "{:?}", seen(&screen));
        }
        for line in ["one", "two", "three", "four", "five"] {
            assert_eq!(count(&mut screen, line), 1, "{begin:?} {line}");
        }
        more(&mut screen, &redraw(&["four", "five", "six", "six"]));
        assert_eq!(count(&mut screen, "six"), 2, "{begin:?}");
        more(&mut screen, &redraw(&["five", "six", "six", "four"]));
        screen.settle();
        assert_eq!(count(&mut screen, "four"), 1, "{begin:?}");
    }
}

#[test]
fn the_newest_message_may_come_first() {
    let mut screen = after("\x1b[?1049h");
    more(&mut screen, &redraw(&["one"]));
    more(&mut screen, &redraw(&["two", "one"]));
    more(&mut screen, &redraw(&["three", "two", "one"]));
    for line in ["one", "two", "three"] {
        assert!(takes(&mut screen, line) && !takes(&mut screen, line));
        assert_eq!(count(&mut screen, line), 1);
    }
    // Two new lines appear at the same time.
    more(&mut screen, &redraw(&["five", "four", "three", "two"]));
    assert!(takes(&mut screen, "four") && takes(&mut screen, "five"));
}

#[test]
fn only_changed_characters_need_to_be_drawn() {
    let mut screen = after("\x1b[?1049h\x1b[H\x1b[2Jann: hello\x1b[2;1Hbob: hello\x1b[6;1H> ");
    assert!(takes(&mut screen, "ann: hello") && takes(&mut screen, "bob: hello"));
    // The lines move up: `bob` replaces `ann`, and `cem: hi` replaces `bob: hello`.
    more(&mut screen, "\x1b[1;1Hbob\x1b[2;1Hcem\x1b[2;6H\x1b[Phi\x1b[K\x1b[6;3H");
    assert!(takes(&mut screen, "cem: hi"), "{:?}", seen(&screen));
    assert_eq!(count(&mut screen, "bob: hello"), 1);
    assert!(!takes(&mut screen, "bob: hello"));
}

#[test]
fn windows_may_have_borders() {
    let window = "\x1b[?1049h\x1b[H┌────────┬───┐\r\n│ bob: hi│ann│\r\n│   cem: │bob│\r\n└────────┴───┘\
                  \x1b[5;1H│ > half │\x1b[5;9H";
    let mut screen = after(window);
    assert!(takes(&mut screen, "bob: hi"));
    assert_eq!(count(&mut screen, "bob: hi"), 1);
    // An indented line is not a message.
    assert!(!takes(&mut screen, "cem:"));
    assert!(screen.inputs().iter().any(|input| input.trim_end().ends_with("> half")));
    // A plain program does not draw borders.
    assert!(!takes(&mut after("a│bob: hi\r\n"), "bob: hi"));
}

#[test]
fn a_full_screen_may_have_its_cursor_anywhere() {
    let mut screen = after("\x1b[?1049h\x1b[6;1Hname: \x1b[1;1Hbob: hi");
    screen.settle();
    assert!(takes(&mut screen, "bob: hi"));
    assert!(screen.inputs().iter().any(|input| input.trim_end().ends_with("name:")));
}

#[test]
fn what_was_on_the_screen_for_a_moment_was_seen() {
    let mut screen = after("\x1b[?1049hone\r\ntwo\x1b[2J\x1b[Hthree\x1b[?1049lbye\r\n");
    for line in ["one", "two", "three"] {
        assert!(takes(&mut screen, line), "{line} {:?}", seen(&screen));
    }
    assert!(seen(&screen).contains(&"bye".to_owned()));
}

#[test]
fn clearing_an_empty_screen_is_plain() {
    let mut screen = after("\x1b[H\x1b[2J\x1b[3Jone\r\none\r\n");
    assert!(screen.is_plain());
    assert_eq!(count(&mut screen, "one"), 2);
}

#[test]
fn colors_and_titles_are_not_seen() {
    let mut screen = after("\x1b]0;title\x07\x1b[32mbob\x1b[0m: hi\x07\r\n");
    assert!(takes(&mut screen, "bob: hi"));
}

#[test]
fn a_flood_is_bounded() {
    let mut screen = screen(SMALL);
    let lines = "y\r\n".repeat(10_000);
    (0..20).for_each(|_| screen.add(lines.as_bytes()).unwrap());
    assert_eq!(seen(&screen).len(), 100_000);
    let mut screen = self::screen(SMALL);
    let ends = (0..40).find_map(|_| screen.add(&vec![b'x'; 1024 * 1024]).err());
    assert_eq!(ends, Some("it sent more than 32 MiB"));
}

/// Returns text and control sequences, valid and invalid.
fn random_output(random: &mut StdRng) -> Vec<u8> {
    const TEXT: [&str; 9] =
        ["a", "日", "é\u{301}", "❤\u{fe0f}", "👩‍🚀", "\u{200d}", "long words ", "│", "\u{fffd}"];
    const CONTROL: [&str; 7] = ["\r", "\n", "\t", "\x08", "\x0e", "\x0f", "\x0b"];
    const MODES: [u16; 7] = [6, 7, 25, 47, 1047, 1048, 1049];
    let number = |random: &mut StdRng| match random.random_range(..4_u8) {
        0 => String::new(),
        1 => random.random::<u16>().to_string(),
        _ => random.random_range(..12_u16).to_string(),
    };
    let mut output = Vec::new();
    for _ in 0..random.random_range(1..30) {
        match random.random_range(..10_u8) {
            0..4 => output.extend(TEXT[random.random_range(..TEXT.len())].bytes()),
            4 => output.push(random.random()),
            5 => output.extend(CONTROL[random.random_range(..CONTROL.len())].bytes()),
            6 => output.extend([0x1b, random.random_range(0x30..0x7f_u8)]),
            7 => {
                let (mode, last) = (
                    MODES[random.random_range(..MODES.len())],
                    ['h', 'l'][random.random_range(..2_usize)],
                );
                output.extend(format!("\x1b[?{mode}{last}").bytes());
            }
            _ => {
                let (first, second) = (number(random), number(random));
                let last = char::from(random.random_range(0x40..0x7f_u8));
                output.extend(format!("\x1b[{first};{second}{last}").bytes());
            }
        }
    }
    output
}

#[test]
fn no_output_breaks_a_screen() {
    for seed in 0..500 {
        let mut random = StdRng::seed_from_u64(seed);
        let mut size = || (random.random_range(1..12), random.random_range(1..6));
        let (mut whole, mut cut) = {
            let size = size();
            (screen(size), screen(size))
        };
        let (columns, rows) = size();
        for _ in 0..4 {
            let output = random_output(&mut random);
            shows(&mut whole, &output, usize::MAX);
            shows(&mut cut, &output, 3);
            assert_eq!(seen(&cut), seen(&whole), "seed {seed}");
            for screen in [&mut whole, &mut cut] {
                screen.settle();
                screen.inputs();
                screen.picture();
                screen.count(|line| line == "a");
            }
            assert_eq!(seen(&cut), seen(&whole), "seed {seed}");
        }
        whole.resize(NonZero::new(columns).unwrap(), NonZero::new(rows).unwrap());
        whole.add(&random_output(&mut random)).unwrap();
    }
}

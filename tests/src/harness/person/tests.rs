//! Tests `Person` with shell commands as the programs.

use std::num::NonZero;

use super::Person;
use crate::journal::Journal;
use crate::journal::terminal::Terminal;
use crate::system::program::{Launch, Place};

/// Runs a shell command for Alice.
fn alice(line: &str, terminal: Terminal) -> Person {
    let arguments = vec!["-c".into(), line.into()];
    let launch =
        Launch { program: "/bin/sh".into(), arguments, place: Place::Free, elsewhere: false };
    Person::start("alice", &launch, terminal, &Journal::default()).unwrap()
}

#[test]
fn only_a_dumb_terminal_does_not_echo() {
    for (kind, shown) in [(Terminal::Xterm, " echo "), (Terminal::Dumb, " -echo ")] {
        alice("exec stty -a", kind).sees_somewhere(shown).unwrap();
    }
}

#[test]
fn enter_begins_a_new_line_even_without_echo() {
    let asks = "printf 'name: '; read name; echo hello; stty -icanon; printf 'name: '; \
                head -c 1 > /dev/null; echo bye";
    let person = alice(asks, Terminal::Dumb);
    person.is_asked_for("name").unwrap();
    person.types("secret").unwrap();
    person.sees("hello").unwrap();
    // Enter also begins a new line if a program reads single keys and assumes that the terminal echoes them.
    person.is_asked_for("name").unwrap();
    person.types("").unwrap();
    person.sees("bye").unwrap();
    person.has_seen(2, "name:").unwrap();
    person.has_seen(0, "secret").unwrap();
}

#[test]
fn the_terminal_replies_before_a_person_types() {
    let asks = "stty -icanon; printf 'ab\\033[6n'; head -c 7 | od -A n -c";
    let person = alice(asks, Terminal::Dumb);
    person.has_typed("ab").unwrap();
    person.press(b"x").unwrap();
    person.sees_somewhere("033   [   1   ;   3   R   x").unwrap();
}

#[test]
fn a_program_that_only_asks_does_not_stop_the_grader() {
    let asks = "stty raw; for n in $(seq 30000); do printf '\\033[6n'; done; echo done";
    alice(asks, Terminal::Dumb).sees_somewhere("done").unwrap();
}

#[test]
fn a_program_that_does_not_read_does_not_stop_the_grader() {
    let person = alice("stty raw; echo ready; sleep 9", Terminal::Dumb);
    person.sees_somewhere("ready").unwrap();
    let failure = person.press(&vec![b'x'; 200_000]).unwrap_err().to_string();
    assert!(failure.contains("does not read"), "{failure}");
}

#[test]
fn the_size_of_a_window_changes() {
    // The program also asks the terminal for its size.
    let asks = "stty size; printf '\\033[18t'; head -c 11 | tail -c 9; echo";
    let shows =
        format!("stty -icanon; trap \"{asks}\" WINCH; echo ready; while :; do sleep 0.01; done");
    let person = alice(&shows, Terminal::Window(NonZero::new(44).unwrap()));
    person.sees("ready").unwrap();
    person.resizes(NonZero::new(100).unwrap(), NonZero::new(30).unwrap()).unwrap();
    person.sees("30 100").unwrap();
    person.sees_somewhere("8;30;100t").unwrap();
}

#[test]
fn a_line_that_is_drawn_again_is_seen_once() {
    let draw = "printf '\\033[H\\033[Jann: hi\\r\\nbob: hi\\r\\n> '; sleep 0.1";
    let line = format!("{draw}; {draw}; {draw}; sleep 9");
    let person = alice(&format!("printf '\\033[?1049h'; {line}"), Terminal::Xterm);
    person.sees("ann: hi").unwrap();
    person.sees("bob: hi").unwrap();
    person.has_seen(1, "bob: hi").unwrap();
}

#[test]
fn a_doubled_line_on_a_full_screen_is_found() {
    let shows = "printf '\\033[?1049h\\033[Hann: hi\\r\\nann: hi\\r\\n> '; sleep 9";
    let person = alice(shows, Terminal::Xterm);
    person.sees("ann: hi").unwrap();
    let failure = person.has_seen(1, "ann: hi").unwrap_err().to_string();
    assert!(failure.contains("2 times"), "{failure}");
}

#[test]
fn a_decoration_is_not_part_of_a_line() {
    let person = alice("echo '12:34 ann: hi'; echo '12:35  ann: hi'", Terminal::Dumb);
    person.sees("ann: hi").unwrap();
    person.sees("ann: hi").unwrap();
    person.has_seen(2, "ann: hi").unwrap();
}

#[test]
fn a_further_line_of_a_message_does_not_look_like_a_message() {
    let shows = |further: &str| {
        let person = alice(&format!("echo '12:34 ann: a'; echo '{further}'"), Terminal::Dumb);
        person.sees("ann: a").unwrap();
        person.exits(0).unwrap();
        person.has_seen(0, "bob: b")
    };
    for further in ["      bob: b", "| bob: b"] {
        shows(further).unwrap();
    }
    for further in ["bob: b", "12:35 bob: b"] {
        shows(further).unwrap_err();
    }
}

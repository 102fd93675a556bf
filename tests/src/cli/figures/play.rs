//! A play: a scripted chat with a server and a few people, who take turns typing lines.

use std::num::NonZero;

use anyhow::{Result, anyhow};

use crate::grading::grader::{Author, Grader};
use crate::harness::Harness;
use crate::harness::person::Person;
use crate::journal::EventKind;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;
/// The number of the server's screen. No person has this number.
pub const SERVER: usize = 3;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// The lines of a chat. In all labs except lab 1, each person's first line is the person's name.
pub struct Play {
    /// The number of people, at most three.
    pub people: usize,
    pub lines: Vec<Line>,
}

/// A line that one person types, with the text that must appear on a screen before the next line is typed.
pub struct Line {
    who: usize,
    types: &'static str,
    then: usize,
    sees: &'static str,
}

/// Returns a line that the person `who` types. Afterward, the text `sees` must appear on the screen of the person
/// `then`.
pub const fn line(who: usize, types: &'static str, then: usize, sees: &'static str) -> Line {
    Line { who, types, then, sees }
}

/// The points in the chat at which it can pause.
pub enum Moment {
    /// The moment before a line is typed, and the end of the chat.
    Line,
    /// The moment after a key is pressed.
    Key,
}

/// Builds an author's programs and creates a harness for one lab's programs.
///
/// # Errors
/// Returns an error if the programs cannot be built.
pub fn harness(grader: &Grader, author: Author, lab: u32) -> Result<Harness> {
    grader.build(author).as_ref().map_err(|said| anyhow!("{}", said.trim()))?;
    let [server, client] = ["server", "client"].map(|name| grader.program(author, lab, name));
    Ok(Harness::new(server, client, 1))
}

/// Runs a scripted chat with each person at a terminal that is `columns` columns wide.
///
/// # Errors
/// Returns an error if a screen does not show the expected text.
pub fn perform(
    harness: &Harness,
    lab: u32,
    play: &Play,
    columns: Option<NonZero<u16>>,
    pause: impl Fn(Moment),
) -> Check {
    let server = harness.server_with(if lab == 1 { &["--seats", "3"] } else { &[] })?;
    let window = columns.map_or(Terminal::Xterm, Terminal::Window);
    let mut people: Vec<Person> = Vec::new();
    for name in &PEOPLE[..play.people] {
        let person = harness.client_at(name, server.address(), window)?;
        if lab == 1 {
            person.sees_somewhere("Welcome to this chatroom!")?;
        } else {
            person.is_asked_for("name")?;
        }
        people.push(person);
    }
    for Line { who, types, then, sees } in &play.lines {
        pause(Moment::Line);
        for char in types.chars() {
            people[*who].press(char.to_string().as_bytes())?;
            pause(Moment::Key);
        }
        people[*who].types("")?;
        if !sees.is_empty() {
            people.get(*then).unwrap_or(server.terminal()).sees_somewhere(sees)?;
        }
    }
    pause(Moment::Line);
    // The clients are stopped only after this event.
    harness.journal().note("", EventKind::End);
    Ok(())
}

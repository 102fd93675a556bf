//! A play: a chat with a server and a few people, who type one line after the other.

use std::num::NonZero;

use anyhow::{Result, anyhow};

use crate::grading::author::Author;
use crate::grading::grader::Grader;
use crate::harness::Harness;
use crate::harness::person::Person;
use crate::journal::EventKind;
use crate::journal::failure::Check;
use crate::journal::terminal::Terminal;

pub const ALICE: usize = 0;
pub const BOB: usize = 1;
pub const CAROL: usize = 2;
/// Nobody's number: the server's screen.
pub const SERVER: usize = 3;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

/// What they say. The first thing that a client asks is its person's name, but in lab 1.
pub struct Play {
    /// How many people take part, at most three.
    pub people: usize,
    pub lines: Vec<Line>,
}

/// What somebody types, and what somebody else sees of it before the play goes on.
pub struct Line {
    who: usize,
    types: &'static str,
    then: usize,
    sees: &'static str,
}

/// `who` types something, and `then` sees something.
pub const fn line(who: usize, types: &'static str, then: usize, sees: &'static str) -> Line {
    Line { who, types, then, sees }
}

/// When a play may pause.
pub enum Moment {
    /// Before a line is typed, and at the end.
    Line,
    /// After a key.
    Key,
}

/// Builds the programs of a maker, and sets the stage for those of a lab.
///
/// # Errors
/// When they cannot be built.
pub fn stage(grader: &Grader, maker: Author, lab: u32) -> Result<Harness> {
    grader.build(maker).as_ref().map_err(|said| anyhow!("{}", said.trim()))?;
    let [server, client] = ["server", "client"].map(|name| grader.program(maker, lab, name));
    Ok(Harness::new(server, client, 1))
}

/// Performs a play, each person at a terminal of so many columns.
///
/// # Errors
/// When somebody does not see what the play needs.
pub fn perform(
    stage: &Harness,
    lab: u32,
    play: &Play,
    columns: Option<NonZero<u16>>,
    pause: impl Fn(Moment),
) -> Check {
    let server = stage.server_with(if lab == 1 { &["--seats", "3"] } else { &[] })?;
    let window = columns.map_or(Terminal::Xterm, Terminal::Window);
    let mut people: Vec<Person> = Vec::new();
    for name in &PEOPLE[..play.people] {
        let person = stage.client_at(name, server.address(), window)?;
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
    // (from here on they only leave)
    stage.journal().note("", EventKind::End);
    Ok(())
}

//! Asks for a prediction and compares it with what the system did.

use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::process::ExitCode;

/// Prints a line. Unlike `println!`, this macro does not panic if the output is closed, for example by `| head`.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

/// The maximum number of times that a question is asked. Without a maximum, a program that sends only invalid replies
/// would be asked forever.
const TRIES: usize = 3;

/// If the measured number is at least this large, a prediction between half and twice that number is close enough.
const LARGE: u64 = 1000;

/// A predicted number, or the letter of a choice; `None` if nothing was predicted.
pub struct Prediction {
    choices: &'static [&'static str],
    guess: Option<u64>,
}

/// Asks a question. The reply is the letter of a choice, or a number if there are no choices.
pub fn ask(question: &str, choices: &'static [&'static str]) -> Prediction {
    let mut prediction = Prediction { choices, guess: None };
    say!("{question}");
    for (letter, choice) in prediction.letters() {
        say!("  {letter}) {choice}");
    }
    let letters: Vec<_> = prediction.letters().map(|(letter, _)| letter.to_string()).collect();
    let wanted = match letters.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "a whole number".to_owned(),
    };
    for _ in 0..TRIES {
        let _ = write!(io::stdout(), "Your prediction ({wanted}): ");
        let Some(reply) = read_line() else {
            say!();
            break;
        };
        prediction.guess = prediction.parse(reply.trim());
        if prediction.guess.is_some() {
            break;
        }
        say!("That is not {wanted}.");
    }
    say!();
    prediction
}

/// Returns the typed line, or `None` at the end of the input. The rest of a line that is too long counts as the next
/// reply.
fn read_line() -> Option<String> {
    let mut line = Vec::new();
    io::stdout().flush().ok()?;
    match io::stdin().lock().take(100).read_until(b'\n', &mut line) {
        Ok(1..) => Some(String::from_utf8_lossy(&line).into_owned()),
        Ok(0) | Err(_) => None,
    }
}

impl Prediction {
    fn letters(&self) -> impl Iterator<Item = (char, &'static str)> {
        ('a'..='z').zip(self.choices.iter().copied())
    }

    fn parse(&self, reply: &str) -> Option<u64> {
        if self.choices.is_empty() {
            return reply.replace([',', '_'], "").parse().ok();
        }
        let mut letters = self.letters().map(|(letter, _)| letter);
        letters.find(|letter| reply.eq_ignore_ascii_case(&letter.to_string())).map(u64::from)
    }

    fn show(&self, value: u64) -> String {
        match self.letters().find(|(letter, _)| u64::from(*letter) == value) {
            Some((letter, choice)) => format!("{letter}) {choice}"),
            None => value.to_string(),
        }
    }

    /// Compares the prediction with `happened`, the actual number or the letter of the right choice, and prints `why`.
    pub fn compare(&self, happened: io::Result<impl Into<u64>>, why: &str) -> ExitCode {
        let happened = match happened {
            Ok(happened) => happened.into(),
            Err(error) => {
                let reason = match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => "a step took 10 s".to_owned(),
                    _ => error.to_string(),
                };
                eprintln!("The experiment could not be completed: {reason}.");
                eprintln!("All experiments use only the loopback interface. Check that");
                eprintln!("`ping 127.0.0.1` works, and run the experiment again.");
                return ExitCode::FAILURE;
            }
        };
        let guess = self.guess.map_or("nothing".to_owned(), |guess| self.show(guess));
        say!("\nYou predicted: {guess}");
        say!("What happened: {}", self.show(happened));
        let is_close = |guess| guess >= happened / 2 && guess / 2 <= happened;
        match self.guess {
            None => {}
            Some(guess) if guess == happened => say!("Your prediction was right."),
            Some(guess) if self.choices.is_empty() && happened >= LARGE && is_close(guess) => {
                say!("Your prediction was right to within a factor of 2.");
            }
            Some(_) => say!("Your prediction was wrong."),
        }
        say!("\n{why}");
        ExitCode::SUCCESS
    }
}

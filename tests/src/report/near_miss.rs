//! Finds output that was almost right, because such output explains the mistake.

use crate::journal::failure::Evidence;
use crate::journal::is_server;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};

use crate::report::text::short_blanks;

/// Explains the mistake, using the received bytes and the bytes that other participants received. The most useful
/// remark comes first.
pub fn near_misses(evidence: &Evidence, events: &[Event], speaker_hears: bool) -> Vec<String> {
    let Evidence { name, expected, before, rest, is_screen } = evidence;
    let mut misses = Vec::new();
    // `…` stands for any other text in the line.
    let expected = String::from_utf8_lossy(expected).replace('…', "").into_bytes();
    let message = trim(&expected);
    if message.is_empty() {
        return misses;
    }
    // A screen may show other lines before the message, so the most similar line is examined.
    let rest = if *is_screen { most_like(rest, message) } else { rest };
    let came = trim(rest);
    if came == message && rest.ends_with(b"\r\n") {
        misses.push("it is correct, but ends with \\r⏎ instead of ⏎".into());
    } else if came == message && !rest.ends_with(b"\n") && expected.ends_with(b"\n") {
        misses.push("it is correct, except that the ⏎ at its end is missing".into());
    } else if came == message && rest.ends_with(b"\n") && !expected.ends_with(b"\n") {
        misses.push("it is correct, but an extra ⏎ follows it".into());
    } else if rest.starts_with(b"\n") && rest.trim_ascii_start().starts_with(message) {
        misses.push("it is correct, but an empty line comes before it".into());
    } else if came.eq_ignore_ascii_case(message) {
        misses.push("it is correct, except for upper and lower case".into());
    } else if without_blanks(came) == without_blanks(message) {
        misses.push("it is correct, except for the spaces".into());
    }
    if came.len() > 1 && came != message && message.ends_with(came) {
        let front = String::from_utf8_lossy(&message[..message.len() - came.len()]);
        misses.push(format!("it is correct, but «{front}» is missing in front of it"));
    } else if !came.is_empty() && came != message && message.starts_with(came) {
        misses.push("only the beginning arrived".into());
    }
    misses.extend(counted_characters(&expected, rest));
    if !speaker_hears {
        misses.extend(own_words(name, message, rest, events));
    }
    let first = trim(rest.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default());
    let is_known = |line: &[u8]| line == first;
    // A message of several lines may repeat one of its lines, so only a message of one line is checked.
    let is_line = !message.contains(&b'\n');
    if is_line
        && !first.is_empty()
        && !is_screen
        && before.split(|&byte| byte == b'\n').any(is_known)
    {
        misses.push("an earlier message arrived again: it was sent twice".into());
    }
    match find(rest, message) {
        // Text that is only part of a line may be anywhere in a screen line, for example as a prompt that has been
        // answered.
        Some(_) if *is_screen && !expected.ends_with(b"\n") => {}
        Some(at) => misses.extend(beside(evidence, rest, at, &expected, events).map(|miss| {
            let front = String::from_utf8_lossy(&rest[..at]).trim_start_matches("> ").to_owned();
            let is_typed = *is_screen && !front.is_empty() && has_typed(name, &front, events);
            if is_typed {
                format!("it was printed into the line that {name} was typing")
            } else {
                miss
            }
        })),
        None => misses.extend(others_got_it(name, message, before, events)),
    }
    misses.extend(only_typed(name, message, rest, events));
    misses
}

/// Describes the wrong text directly before or after the message that begins at `at`.
fn beside(
    evidence: &Evidence,
    rest: &[u8],
    at: usize,
    expected: &[u8],
    events: &[Event],
) -> Option<String> {
    let message = trim(expected);
    let (front, back) = (&rest[..at], &rest[at + message.len()..]);
    let shown = |bytes: &[u8]| {
        let text = short_blanks(&visible(bytes));
        if text.chars().count() > 40 {
            text.chars().take(40).chain(['…']).collect()
        } else {
            text
        }
    };
    if !expected.ends_with(b"\n") {
        // If messages do not end with ⏎, no ⏎ separates them.
        return (at > 0).then(|| format!("it arrived, but after «{}»", shown(front)));
    }
    let front = &front[front.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)..];
    let back = trim(back.split(|&byte| byte == b'\n').next().unwrap_or_default());
    if !front.is_empty() && message.starts_with(front) {
        Some(format!("it arrived, but with «{}» twice in front of it", shown(front)))
    } else if !front.is_empty() && evidence.is_screen && !was_sent(front, events) {
        let front = shown(front);
        Some(format!(
            "it arrived, but after «{front}»: a decoration has at most 20 columns, and contains no name or other \
             word of the chat"
        ))
    } else if !front.is_empty() {
        let front = shown(front);
        Some(format!("it arrived, but is glued to «{front}» before it: there is no ⏎ between them"))
    } else if !back.is_empty() {
        Some(format!("it arrived, but «{}» is glued to its end", shown(back)))
    } else {
        (at > 1).then(|| "it arrived, but after something else".into())
    }
}

/// Returns the line that contains the message, including its ⏎, or else the line with the most similar beginning.
fn most_like<'a>(rest: &'a [u8], message: &[u8]) -> &'a [u8] {
    let lines = || rest.split_inclusive(|&byte| byte == b'\n');
    let has_it = lines().find(|line| find(line, message).is_some());
    let in_common = |line: &&[u8]| line.iter().zip(message).take_while(|(a, b)| a == b).count();
    has_it.or_else(|| lines().max_by_key(in_common)).unwrap_or_default()
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

fn without_blanks(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !b" \t".contains(byte)).collect()
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

fn count(all: &[u8], part: &[u8]) -> usize {
    all.windows(part.len()).filter(|window| *window == part).count()
}

/// Returns a remark if a frame's header counts the characters of the payload instead of its bytes (lab 3).
fn counted_characters(expected: &[u8], rest: &[u8]) -> Option<String> {
    const HEADER: usize = 64;
    let number = |frame: &[u8]| {
        let header = frame.get(..HEADER)?;
        std::str::from_utf8(header).ok()?.trim_end().parse::<usize>().ok()
    };
    let (bytes, said) = (number(expected)?, number(rest)?);
    let payload = std::str::from_utf8(expected.get(HEADER..)?).ok()?;
    let characters = payload.chars().count();
    let is_mistaken = bytes != said && said == characters;
    is_mistaken.then(|| {
        format!(
            "the header counts the {characters} characters of the payload, not its {bytes} bytes"
        )
    })
}

/// Returns a remark if a peer's own message was sent back to it.
fn own_words(name: &str, message: &[u8], rest: &[u8], events: &[Event]) -> Option<String> {
    if is_server(name) {
        return None;
    }
    let first = trim(rest.split_inclusive(|&byte| byte == b'\n').next()?);
    let is_own = |event: &Event| match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes)) if event.who == name => bytes
            .split(|&byte| byte == b'\n')
            .map(trim)
            .any(|said| said.len() > 3 && first.ends_with(said) && find(message, said).is_none()),
        _ => false,
    };
    let is_own = events.iter().any(is_own);
    is_own.then(|| format!("what arrived is {name}'s own message, sent back to the speaker"))
}

/// Returns a remark if other peers received the message instead.
fn others_got_it(name: &str, message: &[u8], before: &[u8], events: &[Event]) -> Option<String> {
    let mut others: Vec<&str> = Vec::new();
    let mut got: std::collections::BTreeMap<&str, Vec<u8>> = std::collections::BTreeMap::new();
    for event in events {
        match &event.what {
            EventKind::Got(_, Wire::Bytes(bytes)) | EventKind::Showed(bytes) => {
                got.entry(&event.who).or_default().extend_from_slice(bytes);
            }
            _ => {}
        }
    }
    for (who, bytes) in got {
        // If the message is in the server's output, the server printed the message, but did not send it.
        if who != name && !is_server(who) && count(&bytes, message) > count(before, message) {
            others.push(who);
        }
    }
    let others = match &others[..] {
        [] => return None,
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    Some(format!("{others} got it, but {name} did not"))
}

/// Whether any participant sent this text.
fn was_sent(text: &[u8], events: &[Event]) -> bool {
    let text = text.trim_ascii();
    let sent = |event: &Event| match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes)) => find(bytes, text).is_some(),
        _ => false,
    };
    !text.is_empty() && events.iter().any(sent)
}

/// Whether the person typed this text.
fn has_typed(name: &str, text: &str, events: &[Event]) -> bool {
    events.iter().any(|event| match &event.what {
        EventKind::Typed(keys) => {
            event.who == name && find(trim(keys), text.trim().as_bytes()).is_some()
        }
        _ => false,
    })
}

/// Returns a remark if the screen shows only the echo of the typed text.
fn only_typed(name: &str, message: &[u8], rest: &[u8], events: &[Event]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let said = text.split_once(": ").or(text.split_once("> ")).map_or(&*text, |(_, said)| said);
    let is_on_screen = find(rest, said.as_bytes()).is_some() && find(rest, message).is_none();
    (!said.is_empty() && is_on_screen && has_typed(name, said, events))
        .then(|| format!("the screen shows only what {name} typed"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Evidence, near_misses};
    use crate::journal::{Event, EventKind, Wire};

    fn misses(expected: &str, rest: &str) -> Vec<String> {
        let (expected, rest) = (expected.as_bytes().to_vec(), rest.as_bytes().to_vec());
        let (name, before) = ("bob".to_owned(), Vec::new());
        let sent = EventKind::Sent("bob".into(), Wire::Bytes(b"Hello".to_vec()));
        let events = [Event { at: Duration::ZERO, who: "server".into(), what: sent }];
        near_misses(&Evidence { name, expected, before, rest, is_screen: true }, &events, false)
    }

    #[test]
    fn a_prompt_that_was_answered_is_no_near_miss() {
        let none: [&str; 0] = [];
        assert_eq!(misses("…name:", "Enter your name: \nHello\n"), none);
        let glued = "it arrived, but is glued to «Hello» before it: there is no ⏎ between them";
        assert_eq!(misses("bob: hi\n", "Hellobob: hi\n"), [glued]);
    }

    #[test]
    fn what_is_too_wide_for_a_decoration_is_not_glued() {
        let miss = &misses("bob: hi\n", "2026-11-26T21:01:05.1234 bob: hi\n")[0];
        assert!(miss.contains("at most 20 columns"), "{miss}");
        // Only spaces.
        misses("bob: hi\n", &format!("{:>30}", "bob: hi\n"));
    }
}

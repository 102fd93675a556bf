//! What was almost right, and so says what went wrong.

use crate::lab::SERVER;
use crate::record::{Event, What, Wire};
use crate::stage::Evidence;

/// What the bytes that came, and those that others got, tell about the mistake; the most telling first.
pub fn near_misses(evidence: &Evidence, events: &[Event]) -> Vec<String> {
    let Evidence { name, expected, before, rest } = evidence;
    let mut misses = Vec::new();
    let message = trim(expected);
    if message.is_empty() {
        return misses;
    }
    let came = trim(rest);
    if came == message && rest.ends_with(b"\r\n") {
        misses.push("it is right, but ends with \\r⏎ and not with ⏎".into());
    } else if came == message && !rest.ends_with(b"\n") && expected.ends_with(b"\n") {
        misses.push("it is right, but for the ⏎ at its end".into());
    } else if came == message && rest.ends_with(b"\n") && !expected.ends_with(b"\n") {
        misses.push("it is right, but there is a ⏎ behind it that nobody asked for".into());
    } else if came.eq_ignore_ascii_case(message) {
        misses.push("it is right, but for upper and lower case".into());
    } else if without_blanks(came) == without_blanks(message) {
        misses.push("it is right, but for the spaces".into());
    }
    if came.len() > 1 && came != message && message.ends_with(came) {
        let front = String::from_utf8_lossy(&message[..message.len() - came.len()]);
        misses.push(format!("it is right, but «{front}» is missing in front"));
    } else if !came.is_empty() && came != message && message.starts_with(came) {
        misses.push("only its beginning came".into());
    }
    misses.extend(counted_characters(expected, rest));
    misses.extend(own_words(name, message, rest, events));
    let first = trim(rest.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default());
    if !first.is_empty() && trim(before).ends_with(first) && !message.starts_with(first) {
        misses.push("what came instead has come before: it was sent twice".into());
    }
    match find(rest, message) {
        Some(at) if at > 0 && rest[at - 1] == b'\n' => {
            misses.push("it did come, but behind something else".into());
        }
        Some(at) if at > 0 => misses.push(
            "it did come, but glued to what stands before it: there is no ⏎ between them".into(),
        ),
        Some(_) if rest.len() > message.len() && rest[message.len()] != b'\n' => {
            misses.push("it did come, but something is glued to its end".into());
        }
        _ => {}
    }
    if find(rest, message).is_none() {
        misses.extend(others_got_it(name, message, events));
    }
    misses.extend(only_typed(name, message, rest, events));
    misses
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

fn without_blanks(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect()
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    all.windows(part.len()).position(|window| window == part)
}

/// A frame's header that says how many characters follow, and not how many bytes (wire 3).
fn counted_characters(expected: &[u8], rest: &[u8]) -> Option<String> {
    const HEADER: usize = 64;
    let number = |frame: &[u8]| {
        let header = frame.get(..HEADER)?;
        std::str::from_utf8(header).ok()?.trim_end().parse::<usize>().ok()
    };
    let (bytes, said) = (number(expected)?, number(rest)?);
    let payload = std::str::from_utf8(expected.get(HEADER..)?).ok()?;
    let characters = payload.chars().count();
    let is_meant = bytes != said && said == characters;
    is_meant.then(|| {
        format!(
            "the header counts the {characters} characters of the payload, not its {bytes} bytes"
        )
    })
}

/// What one has said oneself, sent back.
fn own_words(name: &str, message: &[u8], rest: &[u8], events: &[Event]) -> Option<String> {
    if name == SERVER {
        return None;
    }
    let first = trim(rest.split_inclusive(|&byte| byte == b'\n').next()?);
    let is_own = |event: &Event| match &event.what {
        What::Sent(_, Wire::Bytes(bytes)) if event.who == name => bytes
            .split(|&byte| byte == b'\n')
            .map(trim)
            .any(|said| said.len() > 3 && first.ends_with(said) && find(message, said).is_none()),
        _ => false,
    };
    let is_own = events.iter().any(is_own);
    is_own.then(|| format!("what came is what {name} has said: it was sent back to its speaker"))
}

/// The right text to the wrong person.
fn others_got_it(name: &str, message: &[u8], events: &[Event]) -> Option<String> {
    let mut others: Vec<&str> = Vec::new();
    let mut got: std::collections::BTreeMap<&str, Vec<u8>> = std::collections::BTreeMap::new();
    for event in events {
        match &event.what {
            What::Got(_, Wire::Bytes(bytes)) | What::Showed(bytes) => {
                got.entry(&event.who).or_default().extend_from_slice(bytes);
            }
            _ => {}
        }
    }
    for (who, bytes) in got {
        // (what a server prints it has not sent)
        if who != name && who != SERVER && find(&bytes, message).is_some() {
            others.push(who);
        }
    }
    if others.is_empty() {
        return None;
    }
    Some(format!("{} got it, and {name} did not", others.join(" and ")))
}

/// The echo of the terminal only.
fn only_typed(name: &str, message: &[u8], rest: &[u8], events: &[Event]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let said = text.split_once(": ").or(text.split_once("> ")).map_or(&*text, |(_, said)| said);
    let has_typed = events.iter().any(|event| match &event.what {
        What::Typed(keys) => event.who == name && find(trim(keys), said.as_bytes()).is_some(),
        _ => false,
    });
    let is_on_screen = find(rest, said.as_bytes()).is_some() && find(rest, message).is_none();
    (!said.is_empty() && has_typed && is_on_screen)
        .then(|| format!("what is on the screen is only what {name} has typed"))
}

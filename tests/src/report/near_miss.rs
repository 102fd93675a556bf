//! Finds output that was almost right, because such output explains the mistake.

use std::collections::BTreeMap;

use memchr::memmem;

use crate::harness::stage::Lab;
use crate::journal;
use crate::journal::failure::{Evidence, MAX_BYTES};
use crate::journal::is_server;
use crate::journal::visible::visible;
use crate::journal::{Event, EventKind, Wire};
use crate::network::messages::messages;
use crate::report::explaining::{SHORT, content};
use crate::report::frame_miss::frame_miss;
use crate::report::text::{cut, quoted_line, short_blanks};

/// Explains the mistake, using the received bytes and the bytes that other participants received. The first remark is
/// the most useful one.
pub fn near_misses(evidence: &Evidence, events: &[Event], lab: &Lab) -> Vec<String> {
    let Evidence { name, expected, before, rest, is_screen } = evidence;
    let mut misses: Vec<String> = Vec::new();
    let expected = without_gaps(expected);
    let message = trim(&expected);
    // Bytes after the first `MAX_BYTES` were discarded, and the message may have been among them.
    if message.is_empty() || rest.len() >= MAX_BYTES {
        return misses;
    }
    // A screen may show other lines before the message, so the most similar line is examined.
    let rest = if *is_screen { most_like(rest, message) } else { rest };
    let came = trim(rest);
    if came == message && rest.ends_with(b"\r\n") {
        misses.push("the text is correct, but ends with \\r⏎ instead of ⏎".into());
    } else if came == message && !rest.ends_with(b"\n") && expected.ends_with(b"\n") {
        misses.push("the text is correct, except that the ⏎ at its end is missing".into());
    } else if came == message && rest.ends_with(b"\n") && !expected.ends_with(b"\n") {
        misses.push("the text is correct, but an extra ⏎ follows it".into());
    } else if rest.starts_with(b"\n") && rest.trim_ascii_start().starts_with(message) {
        misses.push("the text is correct, but an empty line precedes it".into());
    } else if came != message && came.eq_ignore_ascii_case(message) {
        misses.push("the text is correct, except for capitalization".into());
    } else if came != message && without_blanks(came) == without_blanks(message) {
        misses.push("the text is correct, except for the spaces".into());
    }
    if came.len() > 1 && came != message && message.ends_with(came) {
        let front = shown(&message[..message.len() - came.len()]);
        misses.push(format!("the text is correct, but «{front}» is missing in front of it"));
    } else if !came.is_empty() && came != message && message.starts_with(came) {
        let place = if *is_screen { "is on the screen" } else { "arrived" };
        misses.push(format!("only the beginning of the text {place}"));
    }
    if !is_screen {
        misses.extend(frame_miss(&expected, rest));
    }
    if !lab.speaker_hears {
        misses.extend(own_words(name, message, rest, events));
    }
    if !is_screen && arrived_again(lab.number, before, rest, events) {
        misses
            .push("an earlier message arrived again, but was sent to the server only once".into());
    } else if !is_screen && arrived_twice_in_a_row(lab.number, before, rest) {
        misses.push("the previous message arrived twice in a row".into());
    }
    match find(rest, message) {
        // Text that is only part of a line, such as a prompt that has since been answered, may be anywhere in a screen
        // line.
        Some(_) if *is_screen && !expected.ends_with(b"\n") => {}
        Some(at) if *is_screen && is_quoted(&rest[..at]) => {
            misses.push("the text appears only between quotation marks, on another line".into());
        }
        Some(at) => misses.extend(beside(evidence, rest, at, &expected, events).map(|miss| {
            let front = String::from_utf8_lossy(&rest[..at]).trim_start_matches("> ").to_owned();
            let is_typed = *is_screen && !front.is_empty() && has_typed(name, &front, events);
            if is_typed {
                format!("the text was printed into the line that {name} was typing")
            } else {
                miss
            }
        })),
        None => misses.extend(others_got_it(lab.number, message, evidence, events)),
    }
    if *is_screen {
        misses.extend(was_removed(name, message, evidence, events));
        misses.extend(shown_before(message, evidence));
        misses.extend(has_not_reached(name, message, rest, events));
    }
    misses.extend(only_typed(name, message, rest, events));
    misses.iter().map(|miss| quoted_line(miss)).collect()
}

/// Returns a remark if the screen already showed this line in an earlier step and has not shown it again since.
fn shown_before(message: &[u8], evidence: &Evidence) -> Option<String> {
    let count =
        evidence.before.split(|&byte| byte == b'\n').filter(|line| trim(line) == message).count();
    let is_missing = count > 0 && find(&evidence.rest, message).is_none();
    let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
    is_missing.then(|| {
        format!("the screen already showed this line {times}; it should appear one more time")
    })
}

/// Returns a remark if a client could not show the message because the message never reached this client. The grader
/// sees what reaches the client only if it tests both programs together.
fn has_not_reached(name: &str, message: &[u8], rest: &[u8], events: &[Event]) -> Option<String> {
    let mut got = Vec::new();
    for event in events.iter().filter(|event| event.who == name) {
        if let EventKind::Got(_, Wire::Bytes(bytes)) = &event.what {
            got.extend_from_slice(bytes);
        }
    }
    let message = String::from_utf8_lossy(message);
    let text = content(&message).as_bytes();
    let is_missing = !got.is_empty() && text.len() >= SHORT;
    let is_missing = is_missing && find(&got, text).is_none() && find(rest, text).is_none();
    is_missing.then(|| format!("this text never reached {name}'s client"))
}

/// Returns the expected text without `…`, which stands for any other text in the line.
fn without_gaps(expected: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(expected).replace('…', "").into_bytes()
}

/// Returns whether the message arrived in an unexpected place or form.
pub fn has_arrived(evidence: &Evidence) -> bool {
    let expected = without_gaps(&evidence.expected);
    let message = trim(&expected);
    let is_quote = |at: usize| evidence.is_screen && is_quoted(&evidence.rest[..at]);
    !message.is_empty() && find(&evidence.rest, message).is_some_and(|at| !is_quote(at))
}

/// Returns whether the text after `front` is part of a quotation, for example in an error message.
fn is_quoted(front: &[u8]) -> bool {
    let line = front.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    line.split(|&byte| byte == b'"').count() % 2 == 0
}

/// Returns a remark if the program printed the message but an escape sequence then removed it.
fn was_removed(
    name: &str,
    message: &[u8],
    evidence: &Evidence,
    events: &[Event],
) -> Option<String> {
    let mut printed = Vec::new();
    for event in events.iter().filter(|event| event.who == name) {
        if let EventKind::Showed(bytes) = &event.what {
            printed.extend_from_slice(bytes);
        }
    }
    let is_on_screen =
        [&evidence.before, &evidence.rest].iter().any(|text| find(text, message).is_some());
    let remark =
        "the program printed the text, but an escape sequence changed or removed it on the screen";
    (printed.contains(&b'\x1b') && find(&printed, message).is_some() && !is_on_screen)
        .then(|| remark.to_owned())
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
    if !expected.ends_with(b"\n") {
        // Messages that do not end with ⏎ are not separated by ⏎, so the remarks below do not apply.
        return (at > 0).then(|| format!("the text arrived, but after «{}»", shown(front)));
    }
    let front = &front[front.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)..];
    let back = trim(back.split(|&byte| byte == b'\n').next().unwrap_or_default());
    if !front.is_empty() && message.starts_with(front) {
        Some(format!("the text arrived, but with «{}» twice in front of it", shown(front)))
    } else if !front.is_empty() && evidence.is_screen && !was_sent(front, events) {
        let front = shown(front);
        Some(format!(
            "the text arrived, but after «{front}»: a decoration has at most 20 columns and contains no name or other \
             word from the chat"
        ))
    } else if !front.is_empty() {
        let front = shown(front);
        Some(format!(
            "the text arrived, but is glued to «{front}» before it: there is no ⏎ between them"
        ))
    } else if !back.is_empty() && !evidence.expected.ends_with("…\n".as_bytes()) {
        Some(format!("the text arrived, but «{}» is glued to its end", shown(back)))
    } else {
        (at > 1).then(|| format!("the text arrived, but after «{}»", shown(&rest[..at])))
    }
}

/// Returns the line that contains the message, including its ⏎, or else the line with the most similar beginning.
fn most_like<'a>(rest: &'a [u8], message: &[u8]) -> &'a [u8] {
    let lines = || rest.split_inclusive(|&byte| byte == b'\n');
    // The search is prepared only once, because the message may be long.
    let message_finder = memmem::Finder::new(message);
    let has_it = lines().find(|line| message_finder.find(line).is_some());
    let in_common = |line: &&[u8]| line.iter().zip(message).take_while(|(a, b)| a == b).count();
    has_it.or_else(|| lines().max_by_key(in_common)).unwrap_or_default()
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

fn without_blanks(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|byte| !b" \t".contains(byte)).collect()
}

/// Returns the bytes as text that is short enough for a remark.
fn shown(bytes: &[u8]) -> String {
    // The remark shows only 41 columns, so 1000 bytes is more than enough.
    let beginning = &bytes[..bytes.len().min(1000)];
    let is_all = beginning.len() == bytes.len();
    let text = short_blanks(&visible(beginning));
    if is_all { cut(&text, 41) } else { cut(&format!("{text}…"), 41) }
}

fn find(all: &[u8], part: &[u8]) -> Option<usize> {
    memmem::find(all, part)
}

/// Returns the first message without the spaces around it, or an empty slice if there is no message.
fn first_message(lab: u32, bytes: &[u8]) -> &[u8] {
    messages(lab, bytes).first().map(|message| trim(message)).unwrap_or_default()
}

/// Returns whether the first message of `rest` is a duplicate, that is, whether it had already arrived although it
/// contains a line that was sent only once.
fn arrived_again(lab: u32, before: &[u8], rest: &[u8], events: &[Event]) -> bool {
    let first = first_message(lab, rest);
    let is_first = |message: &&[u8]| trim(message) == first;
    !first.is_empty() && messages(lab, before).iter().any(is_first) && is_of_one(lab, first, events)
}

/// Returns whether the first message of `rest` equals the last message of `before`. Unlike [`arrived_again`], this also
/// finds duplicates of messages that the server itself created.
fn arrived_twice_in_a_row(lab: u32, before: &[u8], rest: &[u8]) -> bool {
    let first = first_message(lab, rest);
    let last = messages(lab, before).last().map(|message| trim(message)).unwrap_or_default();
    !first.is_empty() && first == last
}

/// Returns whether a message contains a line that was sent only once. Only one event can have caused a message with a
/// unique line, even if there were similar events.
fn is_of_one(lab: u32, message: &[u8], events: &[Event]) -> bool {
    /// Text that is shorter than this may occur anywhere by chance.
    const SHORT: usize = 4;
    let mut sent: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for event in journal::merged(events) {
        let EventKind::Sent(_, Wire::Bytes(bytes)) = &event.what else { continue };
        for one in messages(lab, bytes) {
            // In wire format 4, a reply repeats lines of the request.
            for line in
                one.split(|&byte| byte == b'\n').map(trim).filter(|line| line.len() >= SHORT)
            {
                *sent.entry(line.to_vec()).or_default() += 1;
            }
        }
    }
    sent.iter().any(|(line, count)| *count == 1 && find(message, line).is_some())
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

/// Returns a remark if other peers received the message instead. If an earlier event may have caused the same text, as
/// with a greeting, only what arrived in the current step is searched.
fn others_got_it(
    lab: u32,
    message: &[u8],
    evidence: &Evidence,
    events: &[Event],
) -> Option<String> {
    let Evidence { name, before, is_screen, .. } = evidence;
    let is_step = |event: &Event| matches!(event.what, EventKind::Step(_));
    let step = events.iter().rposition(is_step).unwrap_or(0);
    let from = if is_of_one(lab, message, events) { 0 } else { step };
    let mut others: Vec<&str> = Vec::new();
    let mut got: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for event in events[from..].iter().take_while(|event| event.what != EventKind::End) {
        let bytes = match &event.what {
            EventKind::Got(_, Wire::Bytes(bytes)) if !is_screen => bytes,
            EventKind::Showed(bytes) if *is_screen => bytes,
            _ => continue,
        };
        got.entry(&event.who).or_default().extend_from_slice(bytes);
    }
    // On a screen, the message may also be quoted on another line.
    let has_it = |bytes: &[u8]| {
        let mut lines = bytes.split(|&byte| byte == b'\n').map(trim);
        if *is_screen {
            lines.any(|line| line.ends_with(message))
        } else {
            find(bytes, message).is_some()
        }
    };
    for (who, bytes) in got {
        // If the message is in the server's output, the server printed it but did not send it.
        if who != name && !is_server(who) && has_it(&bytes) && find(before, message).is_none() {
            others.push(who);
        }
    }
    let others = match &others[..] {
        [] => return None,
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    };
    Some(format!("{others} got the text, but {name} did not"))
}

/// Returns whether any participant sent this text.
fn was_sent(text: &[u8], events: &[Event]) -> bool {
    let text = text.trim_ascii();
    let sent = |event: &Event| match &event.what {
        EventKind::Sent(_, Wire::Bytes(bytes)) => find(bytes, text).is_some(),
        _ => false,
    };
    !text.is_empty() && events.iter().any(sent)
}

/// Returns whether the person typed this text. Returns false for spaces, because everyone types spaces.
fn has_typed(name: &str, text: &str, events: &[Event]) -> bool {
    let text = text.trim();
    !text.is_empty()
        && events.iter().any(|event| match &event.what {
            EventKind::Typed(keys) => {
                event.who == name && find(trim(keys), text.as_bytes()).is_some()
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

    use super::{Evidence, Lab, has_arrived, near_misses};
    use crate::journal::{Event, EventKind, Wire};

    fn lab(speaker_hears: bool) -> Lab {
        Lab { number: 1, title: "", speaker_hears, stages: Vec::new() }
    }

    fn misses(expected: &str, rest: &str) -> Vec<String> {
        let (expected, rest) = (expected.as_bytes().to_vec(), rest.as_bytes().to_vec());
        let (name, before) = ("bob".to_owned(), Vec::new());
        let sent = EventKind::Sent("bob".into(), Wire::Bytes(b"Hello".to_vec()));
        let events = [Event { at: Duration::ZERO, who: "server".into(), what: sent }];
        let evidence = Evidence { name, expected, before, rest, is_screen: true };
        near_misses(&evidence, &events, &lab(false))
    }

    /// Many line editors print a space before a message. In an earlier version, such a space caused a panic in the
    /// grader if the person had typed something.
    #[test]
    fn blanks_before_a_message_were_not_typed() {
        let typed = Event {
            at: Duration::ZERO,
            who: "bob".into(),
            what: EventKind::Typed(b"hello there\r".into()),
        };
        for (rest, expected) in
            [(" alice: hi\n", "alice: hi\n"), ("\u{a0}alice: hi", "alice:\u{a0}")]
        {
            let evidence = Evidence {
                name: "bob".into(),
                expected: expected.into(),
                before: Vec::new(),
                rest: rest.into(),
                is_screen: true,
            };
            let misses = near_misses(&evidence, std::slice::from_ref(&typed), &lab(true));
            assert!(!misses.iter().any(|miss| miss.contains("typ")), "{misses:?}");
        }
    }

    #[test]
    fn a_prompt_that_was_answered_is_no_near_miss() {
        let none: [&str; 0] = [];
        assert_eq!(misses("…name:", "Enter your name: \nHello\n"), none);
        let glued =
            "the text arrived, but is glued to «Hello» before it: there is no ⏎ between them";
        assert_eq!(misses("bob: hi\n", "Hellobob: hi\n"), [glued]);
    }

    #[test]
    fn the_value_of_a_field_is_not_glued_to_it() {
        let evidence = Evidence {
            name: "bob".into(),
            expected: "ROOM_REF: …\n".into(),
            before: Vec::new(),
            rest: b"JOIN_ID: 1\nROOM_REF: 1\nCHAT: 1\n".to_vec(),
            is_screen: false,
        };
        let misses = near_misses(&evidence, &[], &lab(true));
        assert_eq!(misses, ["the text arrived, but after «JOIN_ID: 1⏎»"]);
        assert!(has_arrived(&evidence));
    }

    #[test]
    fn what_is_too_wide_for_a_decoration_is_not_glued() {
        let miss = &misses("bob: hi\n", "2026-11-26T21:01:05.1234 bob: hi\n")[0];
        assert!(miss.contains("at most 20 columns"), "{miss}");
        // Only spaces precede the message.
        misses("bob: hi\n", &format!("{:>30}", "bob: hi\n"));
    }
}

//! Creates the text in the rows of a ladder diagram. The rows show how messages were split into pieces or arrived in
//! the same piece.

use std::fmt::Write;

use crate::journal::visible::visible;
use crate::network::messages::{self, HEADER};
use crate::network::way::Way;
use crate::report::ladder;
use crate::report::rows::shown_up_to;
use crate::report::text::{cut, short_blanks, width};

/// The mark between two pieces.
const CUT: &str = "╎";

/// The mark in front of a message that starts in the same piece in which the previous message ended.
const GLUED: &str = "+ ";

/// An incomplete message is shown once it has more bytes than this.
const MOST_BYTES: usize = 64 * 1024 + 1024;

/// An incomplete message is shown once it has more pieces than this.
const MOST_PIECES: usize = 4096;

/// For each message, at most this many positions at which pieces begin are stored.
const MOST_CUTS: usize = 40;

/// If a new piece begins after each of this many consecutive spaces, the message is shown without marks between its
/// pieces.
const PADDING: usize = 4;

/// A message is shown in full only if it has at most this many bytes.
const LONG: usize = 200;

/// A message or part of a message that is shown in one row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The time, in microseconds, at which the last piece was passed on.
    pub at: u64,
    bytes: Vec<u8>,
    /// The start positions of all pieces except the first. At most [`MOST_CUTS`] positions are stored.
    cuts: Vec<usize>,
    pieces: usize,
    is_glued: bool,
    /// Whether an earlier row shows the beginning of the message.
    has_begun: bool,
    /// Whether a later row will show the rest of the message.
    has_rest: bool,
    /// How long, in milliseconds, the relay held the last byte.
    late: Option<u64>,
}

/// The incomplete message in one direction of a connection: so far, only a part of it has been passed on.
pub struct Pending {
    lab: u32,
    way: Way,
    /// The part of the message that has already been drawn.
    drawn: Vec<u8>,
    /// The part of the message that has not been drawn yet.
    begun: Option<Label>,
}

impl Pending {
    /// Creates the initial state for one direction, without any bytes.
    pub fn new(lab: u32, way: Way) -> Self {
        Self { lab, way, drawn: Vec::new(), begun: None }
    }

    /// Adds a piece and returns the messages that are now complete.
    pub fn add(&mut self, at: u64, mut piece: &[u8], late: Option<u64>) -> Vec<Label> {
        let late = late.map(|late| late / 1000);
        let (mut complete, mut is_glued) = (Vec::new(), false);
        while !piece.is_empty() {
            let has_begun = !self.drawn.is_empty();
            let new = || Label { is_glued, has_begun, ..Label::default() };
            let mut label = self.begun.take().unwrap_or_else(new);
            let before = label.bytes.len();
            if label.pieces > 0 && label.cuts.len() < MOST_CUTS {
                label.cuts.push(before);
            }
            label.pieces += 1;
            (label.at, label.late) = (at, late);
            label.bytes.extend_from_slice(piece);
            let all = [&self.drawn[..], &label.bytes].concat();
            let end = whole_len(self.lab, self.way, &all, self.drawn.len() + before);
            let is_much = all.len() > MOST_BYTES || label.pieces > MOST_PIECES;
            let Some(end) = end.or(is_much.then_some(all.len())) else {
                self.begun = Some(label);
                break;
            };
            let end = end.saturating_sub(self.drawn.len());
            piece = &piece[end.saturating_sub(before).clamp(1, piece.len())..];
            label.bytes.truncate(end);
            complete.push(label);
            self.drawn.clear();
            is_glued = true;
        }
        complete
    }

    /// Returns the time at which the last undrawn piece was passed on, or `None` if everything has been drawn.
    pub fn since(&self) -> Option<u64> {
        self.begun.as_ref().map(|begun| begun.at)
    }

    /// Returns the undrawn part of the incomplete message, so that it can be drawn.
    pub fn take(&mut self) -> Option<Label> {
        let mut label = self.begun.take()?;
        // In wire formats 1 and 2, no … is added: the missing ⏎ shows that a line is incomplete. However, a few words
        // are complete without ⏎.
        if self.lab > 2 {
            label.has_rest = true;
            self.drawn.extend_from_slice(&label.bytes);
        }
        Some(label)
    }
}

/// Returns the length of the first message if it is complete. The bytes from position `new` onward have just arrived;
/// the bytes before them are an incomplete message.
fn whole_len(lab: u32, way: Way, bytes: &[u8], new: usize) -> Option<usize> {
    let bare: &[u8] = match (lab, way) {
        (1, Way::ToServer) => b"quit",
        (2, Way::ToClient) => b"NICK",
        _ => b"",
    };
    if !bare.is_empty() && bytes == bare {
        return Some(bare.len());
    }
    let newline = bytes[new..].iter().position(|&byte| byte == b'\n').map(|at| new + at + 1);
    match lab {
        1 | 2 => newline,
        3 if is_no_frame(bytes) => Some(bytes.len()),
        3 => {
            let len = HEADER.checked_add(messages::frame(bytes)?.said)?;
            (len <= bytes.len()).then_some(len)
        }
        _ => newline.and_then(|_| request_len(way, bytes)),
    }
}

/// In wire format 4, returns the length of the first message if it is complete.
fn request_len(way: Way, bytes: &[u8]) -> Option<usize> {
    let all = messages::messages(4, bytes);
    let first = *all.first()?;
    let ends = |end: &[u8]| first.ends_with(end);
    if first.starts_with(b"CHAT:") {
        return (ends(b"\n\n") || ends(b"\n\r\n")).then_some(first.len());
    }
    let lines = first.split_inclusive(|&byte| byte == b'\n');
    let count = line_count(first, way);
    let lines: Vec<_> = lines.take(count).collect();
    let is_whole = all.len() > 1 || lines.len() == count && lines[count - 1].ends_with(b"\n");
    is_whole.then(|| lines.iter().map(|line| line.len()).sum())
}

/// Returns true if these bytes cannot be the beginning of a frame in wire format 3.
fn is_no_frame(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && messages::frame(bytes).is_none()
}

/// Returns how many lines a complete message has in wire format 4. The message must not be a chat message, because chat
/// messages end with an empty line instead.
fn line_count(message: &[u8], way: Way) -> usize {
    match message.split(|byte| b": \r\n".contains(byte)).next() {
        Some(b"JOIN_CHATROOM") => 4,
        Some(b"JOINED_CHATROOM") => 5,
        Some(b"LEAVE_CHATROOM" | b"DISCONNECT") => 3,
        Some(b"LEFT_CHATROOM" | b"ERROR_CODE") => 2,
        Some(b"HELO") if way == Way::ToClient => 4,
        _ => 1,
    }
}

impl Label {
    /// Returns the text of the row, in at most `room` columns.
    pub fn text(&self, lab: u32, room: usize) -> String {
        let mut end = if self.has_rest { "…".to_owned() } else { String::new() };
        if let Some(late) = self.late {
            let _ = write!(end, "  {late} ms late");
        }
        let glued = if self.is_glued { GLUED } else { "" };
        let front = format!("{glued}{}", if self.has_begun { "…" } else { "" });
        let room = room.saturating_sub(width(&front) + width(&end));
        let text = match self.pieces {
            1 => self.whole(lab),
            count => self
                .with_cuts()
                .filter(|text| width(text) <= room)
                .unwrap_or_else(|| format!("{count} pieces: {}", self.whole(lab))),
        };
        format!("{front}{}{end}", cut(&text, room))
    }

    fn whole(&self, lab: u32) -> String {
        let text = shown_up_to(LONG, &self.bytes);
        if self.has_rest || self.has_begun || self.bytes == b"\n" {
            return text;
        }
        ladder::short(lab, &text)
    }

    /// Returns the message with a mark between its pieces. Returns `None` if the message is too long, has too many
    /// pieces, or contains padding that is split into single spaces.
    fn with_cuts(&self) -> Option<String> {
        if self.bytes.len() > LONG || self.cuts.len() + 1 < self.pieces {
            return None;
        }
        let mut begin = 0;
        let mut pieces = Vec::new();
        for end in self.cuts.iter().copied().chain([self.bytes.len()]) {
            pieces.push(short_blanks(&visible(&self.bytes[begin..end])));
            begin = end;
        }
        // If each space of a header's padding is a separate piece, the marks between the spaces would fill the row.
        let text = pieces.join(CUT);
        (!text.contains(&format!(" {CUT}").repeat(PADDING))).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pending, Way};

    /// Returns the text of each row for these pieces. The last row may show an incomplete message.
    fn texts(lab: u32, way: Way, pieces: &[&str]) -> Vec<String> {
        let mut pending = Pending::new(lab, way);
        let mut labels = Vec::new();
        for piece in pieces {
            labels.extend(pending.add(0, piece.as_bytes(), None));
        }
        labels.extend(pending.take());
        labels.iter().map(|label| label.text(lab, 40)).collect()
    }

    /// Returns the text of each row if these two pieces of a message are sent with a pause between them.
    fn texts_with_pause(lab: u32, one: &str, two: &str) -> Vec<String> {
        let mut pending = Pending::new(lab, Way::ToServer);
        let mut labels = pending.add(0, one.as_bytes(), None);
        labels.extend(pending.take());
        labels.extend(pending.add(1, two.as_bytes(), None));
        labels.extend(pending.take());
        labels.iter().map(|label| label.text(lab, 40)).collect()
    }

    #[test]
    fn pieces_are_marked_and_glued_messages_too() {
        let way = Way::ToServer;
        assert_eq!(texts(1, way, &["hi\n"]), ["hi⏎"]);
        assert_eq!(texts(1, way, &["h", "i\n"]), ["h╎i⏎"]);
        assert_eq!(texts(1, way, &["one\ntwo\nth", "ree\n"]), ["one⏎", "+ two⏎", "+ th╎ree⏎"]);
        assert_eq!(texts_with_pause(1, "hel", "lo\n"), ["hel", "lo⏎"]);
        let many: Vec<_> = "what a long line this is\n".split("").collect();
        assert_eq!(texts(1, way, &many), ["25 pieces: what a long line this is⏎"]);
        assert_eq!(texts(1, way, &["é\n"]), ["é⏎"]);
        assert_eq!(texts(1, way, &["hi\n", "quit"]), ["hi⏎", "quit"]);
        assert_eq!(
            texts(2, Way::ToClient, &["N", "ICK", "al joined!\n"]),
            ["N╎ICK", "al joined!⏎"]
        );
    }

    #[test]
    fn frames_and_requests_are_whole_messages() {
        let way = Way::ToServer;
        let frame = format!("{:<64}hi", 2);
        let (header, payload) = frame.split_at(64);
        assert_eq!(texts(3, way, &[&frame]), ["2‹63 spaces›hi"]);
        assert_eq!(texts(3, way, &[header, payload]), ["2‹63 spaces›╎hi"]);
        assert_eq!(texts(3, way, &[header, "h"]), ["2‹63 spaces›╎h…"]);
        assert_eq!(texts_with_pause(3, header, "hi"), ["2‹63 spaces›…", "…hi"]);
        assert_eq!(texts(3, way, &[&frame.repeat(2)]), ["2‹63 spaces›hi", "+ 2‹63 spaces›hi"]);
        assert_eq!(texts(3, way, &["x".repeat(70).as_str(), "y"]).len(), 2);
        let join = "JOIN_CHATROOM: r\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: ann\n";
        let chat = "CHAT: 1\nJOIN_ID: 7\nCLIENT_NAME: ann\nMESSAGE: hi\n\n";
        let texts_of = texts(4, way, &[&[join, chat].concat()]);
        assert_eq!(texts_of, ["JOIN_CHATROOM: r · 0 · 0 · ann", "+ CHAT: 1 · 7 · ann · hi"]);
        let (one, two) = join.split_at(20);
        assert_eq!(
            texts_with_pause(4, one, &[two, chat].concat()),
            ["JOIN_CHATROOM: r⏎CLI…", "…ENT_IP: 0⏎PORT: 0⏎CLIENT_NAME: ann⏎", texts_of[1].as_str()]
        );
        assert_eq!(texts(4, way, &["HELO x\n", "KILL_SERVICE\n"]), ["HELO x", "KILL_SERVICE"]);
    }

    #[test]
    fn an_endless_message_is_shown_in_parts() {
        let mut pending = Pending::new(1, Way::ToServer);
        let piece = [b'x'; 16 * 1024];
        let labels: Vec<_> = (0..100).flat_map(|_| pending.add(0, &piece, None)).collect();
        assert_eq!(labels.len(), 20);
    }
}

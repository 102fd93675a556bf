//! Splits a program's output into pieces: text, control characters, and control sequences.

/// The byte that begins a control sequence.
const ESCAPE: u8 = 0x1b;

/// The maximum number of bytes of a device control string that are kept. Only the beginning of a device control string
/// matters.
const MAX_STRING: usize = 64;

/// A piece of a program's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Characters to show. Bytes that are not UTF-8 become `\u{fffd}`.
    Text(String),
    /// A control character.
    Control(u8),
    /// An escape sequence such as `ESC 7` or `ESC ( 0`, split into its intermediate bytes and its final byte.
    Escape(Vec<u8>, u8),
    /// A control sequence such as `ESC [ 2 ; 5 H` or `ESC [ ? 25 l`, split into its intermediate bytes, its numbers,
    /// and its final character.
    Sequence(Vec<u8>, Vec<u16>, char),
    /// An OSC sequence (Operating System Command) such as `ESC ] 0 ; title BEL`, split into its fields.
    Command(Vec<Vec<u8>>),
    /// The text of a device control string such as `ESC P $ q m ESC \`.
    Device(Vec<u8>),
}

/// Splits bytes into pieces that do not depend on the chunks in which the bytes arrive. Only text may be split into
/// several pieces.
#[derive(Default)]
pub struct Cutter {
    /// Finds the end of each control sequence.
    parser: vte::Parser,
    found: Found,
    is_in_sequence: bool,
    /// The first bytes of a character whose other bytes have not arrived yet.
    begun: Vec<u8>,
}

impl Cutter {
    /// Returns the pieces that these bytes complete.
    pub fn cut(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        while let Some(&first) = bytes.first() {
            let mut length = 1;
            if self.is_in_sequence || first == ESCAPE {
                self.end_text();
                self.is_in_sequence = true;
                self.found.has_ended = false;
                self.parser.advance(&mut self.found, &bytes[..1]);
                self.is_in_sequence = !self.found.has_ended;
            } else if is_control(first) {
                self.end_text();
                self.found.pieces.push(Piece::Control(first));
            } else {
                // Most output is text, which needs no parser.
                length = bytes.iter().position(|&byte| is_control(byte)).unwrap_or(bytes.len());
                self.text(&bytes[..length]);
            }
            bytes = &bytes[length..];
        }
        std::mem::take(&mut self.found.pieces)
    }

    fn text(&mut self, bytes: &[u8]) {
        let mut all = std::mem::take(&mut self.begun);
        let bytes = if all.is_empty() {
            bytes
        } else {
            all.extend_from_slice(bytes);
            &all
        };
        let mut text = String::new();
        let mut rest = bytes.len();
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            rest -= chunk.valid().len() + invalid.len();
            let is_begun = |error: std::str::Utf8Error| error.error_len().is_none();
            if rest == 0 && std::str::from_utf8(invalid).is_err_and(is_begun) {
                self.begun = invalid.to_vec();
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        if !text.is_empty() {
            self.found.pieces.push(Piece::Text(text));
        }
    }

    /// Ends a text. If the last character is incomplete, U+FFFD replaces it.
    fn end_text(&mut self) {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.found.pieces.push(Piece::Text(char::REPLACEMENT_CHARACTER.into()));
        }
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// What the parser has found.
#[derive(Default)]
struct Found {
    pieces: Vec<Piece>,
    /// Whether the control sequence has ended, so that text may follow.
    has_ended: bool,
    /// The bytes of the current device control string that have been parsed so far.
    device: Vec<u8>,
}

impl vte::Perform for Found {
    /// Text may follow a malformed control sequence whose end was not detected.
    fn print(&mut self, char: char) {
        self.has_ended = true;
        self.pieces.push(Piece::Text(char.into()));
    }

    fn execute(&mut self, byte: u8) {
        // The control characters CAN and SUB abort a control sequence. Other control characters may be inside it.
        self.has_ended |= matches!(byte, 0x18 | 0x1a);
        self.pieces.push(Piece::Control(byte));
    }

    fn esc_dispatch(&mut self, marks: &[u8], _ignore: bool, last: u8) {
        self.has_ended = true;
        // `ESC \` ends a string.
        if last != b'\\' {
            self.pieces.push(Piece::Escape(marks.to_vec(), last));
        }
    }

    fn csi_dispatch(&mut self, params: &vte::Params, marks: &[u8], _ignore: bool, last: char) {
        self.has_ended = true;
        let numbers = params.iter().filter_map(|param| param.first().copied()).collect();
        self.pieces.push(Piece::Sequence(marks.to_vec(), numbers, last));
    }

    fn osc_dispatch(&mut self, fields: &[&[u8]], ends_with_bell: bool) {
        // If the command does not end with a bell, the rest of its terminator follows.
        self.has_ended = ends_with_bell;
        self.pieces.push(Piece::Command(fields.iter().map(|field| field.to_vec()).collect()));
    }

    fn hook(&mut self, _: &vte::Params, marks: &[u8], _ignore: bool, last: char) {
        self.device = marks.to_vec();
        self.device.extend(u8::try_from(last));
    }

    fn put(&mut self, byte: u8) {
        if self.device.len() < MAX_STRING {
            self.device.push(byte);
        }
    }

    fn unhook(&mut self) {
        self.pieces.push(Piece::Device(std::mem::take(&mut self.device)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Cutter, Piece};

    /// Joins text pieces, because text may be split anywhere.
    fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
        let mut joined: Vec<Piece> = Vec::new();
        for piece in pieces {
            match (joined.last_mut(), piece) {
                (Some(Piece::Text(text)), Piece::Text(more)) => text.push_str(&more),
                (_, piece) => joined.push(piece),
            }
        }
        joined
    }

    #[test]
    fn the_pieces_do_not_depend_on_how_the_bytes_arrive() {
        let output = "a\r\ncafé 👩‍🚀\x1b[31mred\x1b[0m\x1b7\x1b(0\x1b[?25l\x1b]0;title\x07b\x1b]11;?\x1b\\\
                      \x1bP$qm\x1b\\c\x1b[1;2\x18d\x1b_other\x1b\\e\x1b[2\n;3Hf";
        let mut bytes = output.as_bytes().to_vec();
        bytes.extend(b"\xff caf\xc3\x07 \xe6\x97");
        let whole = joined(Cutter::default().cut(&bytes));
        for portion in 1..9 {
            let mut cutter = Cutter::default();
            let pieces = bytes.chunks(portion).flat_map(|portion| cutter.cut(portion)).collect();
            assert_eq!(joined(pieces), whole, "{portion} bytes at a time");
        }
        let text = |text: &str| Piece::Text(text.to_owned());
        let sequence = |marks: &str, numbers: &[u16], last| {
            Piece::Sequence(marks.into(), numbers.to_vec(), last)
        };
        let expected = [
            text("a"),
            Piece::Control(b'\r'),
            Piece::Control(b'\n'),
            text("café 👩‍🚀"),
            sequence("", &[31], 'm'),
            text("red"),
            sequence("", &[0], 'm'),
            Piece::Escape(vec![], b'7'),
            Piece::Escape(b"(".to_vec(), b'0'),
            sequence("?", &[25], 'l'),
            Piece::Command(vec![b"0".to_vec(), b"title".to_vec()]),
            text("b"),
            Piece::Command(vec![b"11".to_vec(), b"?".to_vec()]),
            Piece::Device(b"$qm".to_vec()),
            text("c"),
            Piece::Control(0x18),
            text("de"),
            // A control character inside a sequence becomes a piece that precedes the sequence.
            Piece::Control(b'\n'),
            sequence("", &[2, 3], 'H'),
            text("f\u{fffd} caf\u{fffd}"),
            Piece::Control(7),
            text(" "),
        ];
        assert_eq!(whole, expected);
    }
}

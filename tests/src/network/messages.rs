//! Finds where one message ends and the next begins, in each lab's wire format. A ladder has one arrow for each
//! message.

/// The length of a header in wire format 3, in bytes.
pub const HEADER: usize = 64;

/// The first words of the requests and replies in wire format 4. Each of these words begins a message.
const FIRST_WORDS: [&[u8]; 9] = [
    b"JOIN_CHATROOM:",
    b"JOINED_CHATROOM:",
    b"LEAVE_CHATROOM:",
    b"LEFT_CHATROOM:",
    b"CHAT:",
    b"DISCONNECT:",
    b"ERROR_CODE:",
    b"HELO ",
    b"KILL_SERVICE",
];

/// Splits bytes in the wire format of this lab into messages. The last message may be incomplete.
pub fn messages(lab: u32, bytes: &[u8]) -> Vec<&[u8]> {
    let len = match lab {
        3 => frame_len,
        4 => request_len,
        _ => line_len,
    };
    let (mut rest, mut messages) = (bytes, Vec::new());
    while !rest.is_empty() {
        let (message, more) = rest.split_at(len(rest).clamp(1, rest.len()));
        messages.push(message);
        rest = more;
    }
    messages
}

/// A header in wire format 3 and the bytes after it.
pub struct Frame<'a> {
    /// The number in the header.
    pub said: usize,
    /// The bytes after the header: the payload, and perhaps further frames.
    pub after: &'a [u8],
}

impl Frame<'_> {
    /// Returns whether the number in the header matches the number of bytes after it.
    pub fn fits(&self) -> bool {
        self.said == self.after.len()
    }
}

/// Reads a frame's header: digits followed by spaces, 64 bytes in all.
pub fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (header, after) = bytes.split_at_checked(HEADER)?;
    let digits = header.trim_ascii_end();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let said = std::str::from_utf8(digits).ok()?.parse().ok().filter(|_| is_number)?;
    Some(Frame { said, after })
}

fn line_len(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| at + 1)
}

/// Bytes that do not begin with a header are not split.
fn frame_len(bytes: &[u8]) -> usize {
    frame(bytes).map_or(bytes.len(), |frame| HEADER.saturating_add(frame.said))
}

/// A chat message ends with an empty line, and its text may contain any other line. Other messages end where the next
/// message begins.
fn request_len(bytes: &[u8]) -> usize {
    let mut len = line_len(bytes);
    let is_chat = bytes.starts_with(b"CHAT:");
    while len < bytes.len() {
        let line = &bytes[len..len + line_len(&bytes[len..])];
        if is_chat && line.trim_ascii().is_empty() {
            return len + line.len();
        }
        if !is_chat && FIRST_WORDS.iter().any(|word| line.starts_with(word)) {
            return len;
        }
        len += line.len();
    }
    len
}

#[cfg(test)]
mod tests {
    use super::messages;

    fn texts(lab: u32, bytes: &str) -> Vec<&str> {
        let messages = messages(lab, bytes.as_bytes()).into_iter();
        messages.map(|message| str::from_utf8(message).unwrap()).collect()
    }

    #[test]
    fn lines_are_messages() {
        assert_eq!(texts(1, "one\ntwo\nth"), ["one\n", "two\n", "th"]);
        assert!(texts(2, "").is_empty());
    }

    #[test]
    fn frames_are_messages() {
        let one = format!("{:<64}hi", 2);
        assert_eq!(texts(3, &one.repeat(2)), [&one, &one]);
        assert_eq!(texts(3, &one[..70.min(one.len() - 1)]), [&one[..one.len() - 1]]);
        let huge = format!("{:<64}hi", usize::MAX);
        assert_eq!(texts(3, &huge), [&huge]);
        let unpadded = "2 hi2 hi";
        assert_eq!(texts(3, unpadded), [unpadded]);
    }

    #[test]
    fn requests_and_replies_are_messages() {
        let join = "JOIN_CHATROOM: a\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: bob\n";
        let chat = "CHAT: 1\nCLIENT_NAME: bob\nMESSAGE: hi\nCHAT: 2\n\n";
        let error = "ERROR_CODE: 2\nERROR_DESCRIPTION: no room 99\n";
        assert_eq!(texts(4, &[join, chat, error, join].concat()), [join, chat, error, join]);
        let begun = "JOINED_CHATROOM: a\nSERVER_IP: 0";
        assert_eq!(texts(4, begun), [begun]);
    }
}

//! Encodes and decodes the messages of the four wire formats.

/// The length of a header in wire format 3, in bytes.
const HEADER: usize = 64;

/// One message from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The welcome message, in wire format 1.
    Welcome,
    /// The request for the nickname, in wire format 2.
    Nick,
    /// The message that tells newcomers that they have joined, in wire format 2.
    Connected,
    /// The message that tells newcomers that they may not join, in wire formats 1 and 2.
    Refused,
    /// The reply to a request to join, in wire format 4.
    Entered {
        /// The room's name.
        room: String,
        /// The room's reference.
        reference: String,
        /// The number that the server has assigned to the person.
        join_id: String,
    },
    /// The reply to a request to leave, in wire format 4.
    Exited {
        /// The room's reference.
        reference: String,
    },
    /// An error, in wire format 4.
    Error,
    /// The announcement that a member has joined a room.
    Joined {
        /// The member.
        name: String,
        /// The room's reference, in wire format 4.
        reference: String,
    },
    /// The announcement that a member has left a room.
    Left {
        /// The member.
        name: String,
        /// The room's reference, in wire format 4.
        reference: String,
    },
    /// A chat message from a member.
    Said {
        /// The member's name, or `None` in wire format 1.
        name: Option<String>,
        /// The room's reference, in wire format 4.
        reference: String,
        /// The text of the message.
        text: String,
    },
    /// Anything else.
    Other,
}

/// Encodes a chat message.
pub fn say(lab: u32, name: &str, reference: &str, text: &str) -> Vec<u8> {
    match lab {
        1 => format!("{text}\n").into_bytes(),
        2 => format!("{name}: {text}\n").into_bytes(),
        3 => frame(&format!("[{name}] : {text}")),
        _ => format!("CHAT: {reference}\nJOIN_ID: 1\nCLIENT_NAME: {name}\nMESSAGE: {text}\n\n")
            .into_bytes(),
    }
}

/// Encodes a frame in wire format 3.
pub fn frame(payload: &str) -> Vec<u8> {
    format!("{:<HEADER$}{payload}", payload.len()).into_bytes()
}

/// Encodes a request to join, in wire format 4.
pub fn enter(name: &str, room: &str) -> Vec<u8> {
    format!("JOIN_CHATROOM: {room}\nCLIENT_IP: 0\nPORT: 0\nCLIENT_NAME: {name}\n").into_bytes()
}

/// Encodes a request to leave, in wire format 4.
pub fn exit(name: &str, reference: &str, join_id: &str) -> Vec<u8> {
    format!("LEAVE_CHATROOM: {reference}\nJOIN_ID: {join_id}\nCLIENT_NAME: {name}\n").into_bytes()
}

/// Encodes the message that a member sends to leave for good.
pub fn leave(lab: u32, name: &str) -> Vec<u8> {
    match lab {
        1 => b"quit".to_vec(),
        // Wire format 2 has no message for leaving: a client leaves by ending its stream.
        2 => Vec::new(),
        3 => frame(&format!("[{name}] : !DISCONNECT")),
        _ => format!("DISCONNECT: 0\nPORT: 0\nCLIENT_NAME: {name}\n").into_bytes(),
    }
}

/// Returns the first message and its length, or `None` if the message is incomplete. In wire format 2, `asked`
/// indicates whether the server has already asked for the nickname.
pub fn hear(lab: u32, bytes: &[u8], asked: bool) -> Option<(Heard, usize)> {
    match lab {
        2 if !asked => {
            if bytes.starts_with(b"NICK") {
                return Some((Heard::Nick, 4));
            }
            if b"NICK".starts_with(bytes) {
                return None;
            }
            line(bytes).map(|(text, len)| (of_line(2, &text), len))
        }
        1 | 2 => line(bytes).map(|(text, len)| (of_line(lab, &text), len)),
        3 => of_frame(bytes),
        _ => of_lines(bytes),
    }
}

/// Returns the text of the first line without the line ending, and the line's length including the line ending.
fn line(bytes: &[u8]) -> Option<(String, usize)> {
    let end = bytes.iter().position(|&byte| byte == b'\n')?;
    let text = String::from_utf8_lossy(&bytes[..end]);
    Some((text.trim_end_matches('\r').to_owned(), end + 1))
}

fn of_line(lab: u32, text: &str) -> Heard {
    let nowhere = String::new;
    let one_word = |end: &str| {
        let name = text.strip_suffix(end)?;
        (!name.contains([' ', ':'])).then(|| name.to_owned())
    };
    if lab == 1 {
        return match text {
            "Welcome to this chatroom!" => Heard::Welcome,
            "The chatroom is full" => Heard::Refused,
            _ => match text.strip_prefix("<127.0.0.1> ") {
                Some(text) => {
                    Heard::Said { name: None, reference: nowhere(), text: text.to_owned() }
                }
                None => Heard::Other,
            },
        };
    }
    if text == "Connected to server!" {
        Heard::Connected
    } else if text.starts_with("Nickname refused: ") {
        Heard::Refused
    } else if let Some(name) = one_word(" joined!") {
        Heard::Joined { name, reference: nowhere() }
    } else if let Some(name) = one_word(" left!") {
        Heard::Left { name, reference: nowhere() }
    } else if let Some((name, text)) = text.split_once(": ") {
        let (name, text) = (Some(name.to_owned()), text.to_owned());
        Heard::Said { name, reference: nowhere(), text }
    } else {
        Heard::Other
    }
}

fn of_frame(bytes: &[u8]) -> Option<(Heard, usize)> {
    let (header, rest) = bytes.split_at_checked(HEADER)?;
    let len = str::from_utf8(header).ok().and_then(|header| header.trim().parse::<usize>().ok());
    let Some(len) = len.filter(|len| *len <= 64 * 1024) else {
        return Some((Heard::Other, bytes.len()));
    };
    let payload = String::from_utf8_lossy(rest.get(..len)?);
    let name_and_text = payload.strip_prefix('[').and_then(|rest| rest.split_once("] : "));
    let reference = String::new();
    let heard = match name_and_text {
        Some((name, "!DISCONNECT")) => Heard::Left { name: name.to_owned(), reference },
        Some((name, text)) => {
            Heard::Said { name: Some(name.to_owned()), reference, text: text.to_owned() }
        }
        None => Heard::Other,
    };
    Some((heard, HEADER + len))
}

fn of_lines(bytes: &[u8]) -> Option<(Heard, usize)> {
    let (mut lines, mut len) = (Vec::new(), 0);
    loop {
        let (text, more) = line(&bytes[len..])?;
        len += more;
        // Blank lines between messages are skipped.
        if lines.is_empty() && text.is_empty() {
            continue;
        }
        let is_blank = text.is_empty();
        lines.push(text);
        let first = lines[0].split(':').next().unwrap_or_default();
        let is_complete = match first {
            "JOINED_CHATROOM" => lines.len() == 5,
            "LEFT_CHATROOM" | "ERROR_CODE" => lines.len() == 2,
            "CHAT" => is_blank,
            _ => true,
        };
        if is_complete {
            return Some((of_fields(&lines).unwrap_or(Heard::Other), len));
        }
    }
}

fn of_fields(lines: &[String]) -> Option<Heard> {
    let field = |at: usize, name: &str| {
        let value = lines.get(at)?.strip_prefix(name)?.strip_prefix(':')?;
        Some(value.trim_start_matches(' ').to_owned())
    };
    if let Some(room) = field(0, "JOINED_CHATROOM") {
        let (reference, join_id) = (field(3, "ROOM_REF")?, field(4, "JOIN_ID")?);
        return Some(Heard::Entered { room, reference, join_id });
    }
    if let Some(reference) = field(0, "LEFT_CHATROOM") {
        return Some(Heard::Exited { reference });
    }
    if field(0, "ERROR_CODE").is_some() {
        return Some(Heard::Error);
    }
    let (reference, name) = (field(0, "CHAT")?, field(1, "CLIENT_NAME")?);
    let first = field(2, "MESSAGE")?;
    let rest = lines.get(3..lines.len() - 1)?.iter().map(String::as_str);
    let text = [first.as_str()].into_iter().chain(rest).collect::<Vec<_>>().join("\n");
    Some(match text.strip_prefix(&name) {
        Some(" has joined this chatroom.") => Heard::Joined { name, reference },
        Some(" has left this chatroom.") => Heard::Left { name, reference },
        _ => Heard::Said { name: Some(name), reference, text },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lab: u32, mut bytes: &[u8]) -> Vec<Heard> {
        let mut all = Vec::new();
        while let Some((heard, len)) = hear(lab, bytes, !all.is_empty()) {
            all.push(heard);
            bytes = &bytes[len..];
        }
        all
    }

    fn said(name: Option<&str>, reference: &str, text: &str) -> Heard {
        let name = name.map(ToOwned::to_owned);
        Heard::Said { name, reference: reference.into(), text: text.into() }
    }

    #[test]
    fn the_messages_of_all_wires_are_heard_once_they_are_complete() {
        let one = b"Welcome to this chatroom!\n<127.0.0.1> hi\r\nodd\n<127.0.0.1> ha";
        assert_eq!(all(1, one), [Heard::Welcome, said(None, "", "hi"), Heard::Other]);
        let (name, reference) = ("ann".to_owned(), String::new());
        let joined = Heard::Joined { name: name.clone(), reference: reference.clone() };
        let left = Heard::Left { name: name.clone(), reference: reference.clone() };
        let two = b"NICKann joined!\nConnected to server!\nann: a: b\nann left!\n";
        let expected =
            [Heard::Nick, joined, Heard::Connected, said(Some("ann"), "", "a: b"), left.clone()];
        assert_eq!(all(2, two), expected);
        assert!(all(2, b"NIC").is_empty());
        let three = [say(3, "ann", "", "café"), leave(3, "ann"), frame("x")].concat();
        assert_eq!(all(3, &three), [said(Some("ann"), "", "café"), left, Heard::Other]);
        assert!(all(3, &three[..70]).is_empty());
        let four = "JOINED_CHATROOM: r\nSERVER_IP: 0\nPORT: 0\nROOM_REF: 7\nJOIN_ID: 1\n\
                    CHAT:7\nCLIENT_NAME:ann\nMESSAGE:ann has joined this chatroom.\n\n\n\
                    CHAT: 7\nCLIENT_NAME: ann\nMESSAGE: one\ntwo\n\n\
                    LEFT_CHATROOM: 7\nJOIN_ID: 1\nERROR_CODE: 2\nERROR_DESCRIPTION: no\nodd\nCHAT: 7\n";
        let reference = "7".to_owned();
        let expected = [
            Heard::Entered { room: "r".into(), reference: reference.clone(), join_id: "1".into() },
            Heard::Joined { name, reference: reference.clone() },
            said(Some("ann"), "7", "one\ntwo"),
            Heard::Exited { reference },
            Heard::Error,
            Heard::Other,
        ];
        assert_eq!(all(4, four.as_bytes()), expected);
    }
}

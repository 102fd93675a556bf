//! Explains what is wrong with a frame in wire format 3: its header, its payload, or both.

use crate::network::messages::{Frame, HEADER, frame};

/// Explains how a frame differs from the expected frame. Returns `None` if no frame was expected or nothing arrived.
pub fn frame_miss(expected: &[u8], came: &[u8]) -> Option<String> {
    let wanted = frame(expected)?;
    let payload = wanted.after;
    if came.is_empty() {
        return None;
    }
    let Some(Frame { said, after }) = frame(came) else {
        return Some(no_header(came));
    };
    let (bytes, is_right) = (payload.len(), after.starts_with(payload));
    let characters = str::from_utf8(payload).ok().map(|text| text.chars().count());
    if said == bytes && is_right && came[..HEADER] != expected[..HEADER] {
        return Some("the number in the header is correct, but has leading zeros".to_owned());
    }
    if said != bytes && is_right {
        return Some(if Some(said) == characters {
            format!("the header counts the {said} characters of the payload, not its {bytes} bytes")
        } else {
            format!("the payload is correct, but the header says {said} instead of {bytes} bytes")
        });
    }
    if after.len() < said {
        let count = after.len();
        return Some(format!("the header says {said} bytes, but only {count} followed"));
    }
    if said > 0 && starts_with_header(after) {
        return Some("the header is followed by another header instead of its payload".to_owned());
    }
    let (payload_that_came, next) = after.split_at(said);
    if !next.is_empty() && !starts_with_header(next) {
        return Some(format!(
            "the header says {said} bytes, but no frame begins after these bytes"
        ));
    }
    if payload_that_came == payload {
        return None;
    }
    if headers_follow_each_other(next) {
        return Some(
            "further on, a header is followed by another header instead of its payload".to_owned(),
        );
    }
    let same = payload.iter().zip(payload_that_came).take_while(|(a, b)| a == b).count();
    Some(match same {
        // A different frame arrived instead.
        _ if same * 3 < bytes * 2 => {
            "the header matches its payload, but the payload is not the expected one".to_owned()
        }
        _ => format!("the header matches its payload, but the payload differs after {same} bytes"),
    })
}

/// Returns true if one of the frames has another header in place of its payload.
fn headers_follow_each_other(mut bytes: &[u8]) -> bool {
    while let Some(Frame { said, after }) = frame(bytes) {
        if said > 0 && starts_with_header(after) {
            return true;
        }
        bytes = after.get(said..).unwrap_or_default();
    }
    false
}

/// Returns true if the bytes begin with a complete or incomplete header.
fn starts_with_header(bytes: &[u8]) -> bool {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let header = &bytes[..bytes.len().min(HEADER)];
    digits > 0 && header.len() > digits && header[digits..].iter().all(|&byte| byte == b' ')
}

/// Returns the reason why the first bytes are not a header.
fn no_header(came: &[u8]) -> String {
    let digits = came.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let after = &came[digits..];
    let spaces = after.iter().take_while(|&&byte| byte == b' ').count();
    match (digits, spaces) {
        _ if came.len() < HEADER && digits > 0 && digits + spaces == came.len() => {
            format!("a header has {HEADER} bytes, but only {} arrived", came.len())
        }
        (0, _) => "the header of this frame does not begin with a digit".to_owned(),
        (_, 0) => {
            "spaces must follow the number in a header, but another character follows".to_owned()
        }
        _ => format!(
            "a header must be padded with spaces to {HEADER} bytes, but here, the spaces end after {} bytes",
            digits + spaces
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::frame_miss;

    fn miss(expected: &str, came: &str) -> String {
        frame_miss(expected.as_bytes(), came.as_bytes()).unwrap_or_default()
    }

    #[test]
    fn the_header_and_the_payload_are_judged_apart() {
        let frame = |number: usize, payload: &str| format!("{number:<64}{payload}");
        let right = frame(6, "[b] : ");
        assert_eq!(miss(&right, &right), "");
        assert_eq!(miss(&right, ""), "");
        assert_eq!(miss("no frame", &right), "");
        assert!(miss(&right, &frame(11, "[b] : ")).contains("header says 11 instead of 6 bytes"));
        assert!(miss(&frame(3, "é!"), &frame(2, "é!")).contains("2 characters"));
        assert!(miss(&right, &frame(7, "[b] : ")).contains("says 7"));
        assert!(miss(&right, &frame(4, "[a] ")).contains("not the expected one"));
        assert!(miss(&right, &frame(6, "[b] ; ")).contains("differs after 4 bytes"));
        let empty = format!("{:<64}{:<64}[c] : ", 0, 6);
        assert!(!miss(&right, &empty).contains("another header"));
        let headers = format!("{:<64}{:<64}[b] : [c] : ", 6, 6);
        assert!(miss(&right, &headers).contains("followed by another header"));
        let later = frame(4, "[a] ") + &headers;
        assert!(miss(&right, &later).contains("further on"));
        assert!(miss(&right, &frame(4, "[a] : and more")).contains("no frame begins after"));
        assert!(miss(&right, &frame(9, "[b]")).contains("says 9 bytes, but only 3 followed"));
        assert!(miss(&right, "6 [b] : ").contains("the spaces end after 2 bytes"));
        assert!(miss(&right, &format!("{:0>64}[b] : ", 6)).contains("leading zeros"));
        assert!(miss(&right, &format!("{:\0<64}[b] : ", 6)).contains("spaces must follow"));
        assert!(miss(&right, &format!("{:>64}[b] : ", 6)).contains("does not begin with a digit"));
        assert!(miss(&right, "6   ").contains("only 4 arrived"));
    }
}

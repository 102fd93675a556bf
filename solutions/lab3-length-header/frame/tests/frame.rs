//! Tests that frames are read correctly no matter where the stream is split.

use std::io::{self, BufReader, ErrorKind, Read};

use solution3_frame::{HEADER, MAX_PAYLOAD, encode, read};

/// A stream that returns one byte at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(&mut buffer[..1])
    }
}

#[test]
fn payloads_are_read_as_they_were_encoded() {
    let longest = "é".repeat(MAX_PAYLOAD / 2);
    let payloads = ["", "hello", "café ok", "👩‍🚀", "two\nlines", &longest];
    let stream: Vec<u8> = payloads.iter().flat_map(|payload| encode(payload)).collect();
    let mut whole = &stream[..];
    let mut trickling = BufReader::with_capacity(1, Trickle(&stream));
    for payload in payloads {
        assert_eq!(read(&mut whole).unwrap().as_deref(), Some(payload));
        assert_eq!(read(&mut trickling).unwrap().as_deref(), Some(payload));
    }
    assert_eq!(read(&mut whole).unwrap(), None);
    assert_eq!(read(&mut trickling).unwrap(), None);
}

#[test]
fn the_header_counts_bytes() {
    assert_eq!(&encode("é")[..HEADER], format!("{:<64}", 2).as_bytes());
}

#[test]
fn a_bad_header_is_an_error() {
    for header in ["", "x", "-1", "+1", "+65537", "1 1", "1x", "18446744073709551616", "\t1", "1\n"]
    {
        let stream = format!("{header:<64}hello");
        let error = read(&mut stream.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{header:?}");
        assert_eq!(error.to_string(), format!("bad header {header:?}"));
    }
    let too_long = format!("{:<64}hello", MAX_PAYLOAD + 1);
    let error = read(&mut too_long.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(error.to_string(), "a payload of 65537 bytes is too long");
    let stream = format!("{:>64}hello", 5);
    assert_eq!(read(&mut stream.as_bytes()).unwrap().unwrap(), "hello");
}

/// The sender might never send the rest of a header.
#[test]
fn the_first_wrong_byte_of_a_header_is_an_error() {
    struct Silent;
    impl Read for Silent {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            panic!("the reader should not wait for more bytes")
        }
    }
    for begin in ["x", "+", "\t", " 1 1", "65537", "1\n"] {
        let mut reader = BufReader::new(begin.as_bytes().chain(Silent));
        assert_eq!(read(&mut reader).unwrap_err().kind(), ErrorKind::InvalidData, "{begin:?}");
    }
}

#[test]
fn a_cut_off_frame_is_an_error() {
    let frame = encode("hello");
    for end in 1..frame.len() {
        let error = read(&mut &frame[..end]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof, "after {end} bytes");
        assert_eq!(error.to_string(), "the stream ended within a frame");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_replaced() {
    let mut frame = encode("cafe");
    *frame.last_mut().unwrap() = 0xe9;
    assert_eq!(read(&mut &frame[..]).unwrap().unwrap(), "caf\u{FFFD}");
}

//! Tests that lines, requests, replies, and problems are the same no matter how the stream is split.

mod bytes;

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use bytes::{read_all, some_bytes};
use proptest::collection::vec;
use proptest::prelude::*;
use solution4_protocol::{Lines, read_reply, read_request};

/// A stream whose reads are limited: the iterator's next number is the maximum number of bytes that the next read
/// returns. If the iterator's next number is 0, the next read fails as if a signal had interrupted it.
struct Cut<'a, L>(&'a [u8], L);

impl<L: Iterator<Item = usize>> Read for Cut<'_, L> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = match self.1.next().unwrap() {
            0 => return Err(ErrorKind::Interrupted.into()),
            most => buffer.len().min(most),
        };
        self.0.read(&mut buffer[..most])
    }
}

fn cut<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl BufRead {
    BufReader::new(Cut(bytes, lengths.iter().copied().cycle()))
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    let lengths = vec(prop_oneof![0..9_usize, 1..100_usize], 1..20);
    // The list of lengths ends with 1: if all lengths were 0, every read would be interrupted, and the test would never
    // end.
    lengths.prop_map(|lengths| [lengths, vec![1]].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn lines(bytes in some_bytes(), lengths in lengths()) {
        let came = read_all(Lines::new(cut(&bytes, &lengths), |_| {}), Lines::next_line);
        prop_assert_eq!(came, read_all(Lines::new(&bytes[..], |_| {}), Lines::next_line));
    }

    #[test]
    fn requests(bytes in some_bytes(), lengths in lengths()) {
        let came = read_all(Lines::new(cut(&bytes, &lengths), |_| {}), read_request);
        prop_assert_eq!(came, read_all(Lines::new(&bytes[..], |_| {}), read_request));
    }

    #[test]
    fn replies(bytes in some_bytes(), lengths in lengths()) {
        let came = read_all(Lines::from_server(cut(&bytes, &lengths)), read_reply);
        prop_assert_eq!(came, read_all(Lines::from_server(&bytes[..]), read_reply));
    }
}

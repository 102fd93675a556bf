//! Tests that a stream's payloads, and the error that ends it, are the same no matter how the stream is split.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::iter;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use solution3_frame::{HEADER, MAX_PAYLOAD, encode, read};

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

/// Returns all payloads and, if there was one, the error that ended the stream.
fn read_all(mut reader: impl BufRead) -> (Vec<String>, Option<ErrorKind>) {
    let mut end = None;
    let payloads = iter::from_fn(|| {
        read(&mut reader).unwrap_or_else(|error| {
            end = Some(error.kind());
            None
        })
    });
    (payloads.collect(), end)
}

fn payload() -> impl Strategy<Value = String> {
    let short = "(?s).{0,80}";
    let long = short.prop_map(|text| text.repeat(MAX_PAYLOAD / text.len().max(1)));
    prop_oneof![20 => short, 1 => long]
}

/// Generates the bytes of valid and invalid frames.
fn some_frames() -> impl Strategy<Value = Vec<u8>> {
    let header = prop_oneof![
        "[0-9 ]{0,3}",
        "[ 0]{0,63}[0-9]{0,3}",
        "[0-9+x \t\n-]{0,6}",
        (MAX_PAYLOAD - 3..MAX_PAYLOAD + 3).prop_map(|length| length.to_string()),
    ];
    let frame = (header, 0..HEADER + 6, vec(select(b"a1 \xe9".as_slice()), 0..200));
    let frame = frame.prop_map(|(header, width, rest)| {
        [format!("{header:<width$}").into_bytes(), rest].concat()
    });
    let right = (payload(), 0..HEADER - 5).prop_map(|(payload, before)| {
        let length = format!("{:before$}{}", "", payload.len());
        format!("{length:<HEADER$}{payload}").into_bytes()
    });
    vec(prop_oneof![right, frame], 1..4).prop_map(|frames| frames.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_in_comes_out(payloads in vec(payload(), 0..6), lengths in lengths()) {
        let stream: Vec<u8> = payloads.iter().flat_map(|payload| encode(payload)).collect();
        prop_assert_eq!(read_all(cut(&stream, &lengths)), (payloads, None));
    }

    #[test]
    fn a_wrong_stream_ends_the_same_way(stream in some_frames(), lengths in lengths()) {
        prop_assert_eq!(read_all(cut(&stream, &lengths)), read_all(&stream[..]));
    }

    #[test]
    fn a_cut_off_frame_is_an_error(
        payload in payload(),
        at in any::<prop::sample::Index>(),
        lengths in lengths(),
    ) {
        let frame = encode(&payload);
        let end = 1 + at.index(frame.len() - 1);
        let cut_off = (vec![], Some(ErrorKind::UnexpectedEof));
        prop_assert_eq!(read_all(cut(&frame[..end], &lengths)), cut_off);
    }
}

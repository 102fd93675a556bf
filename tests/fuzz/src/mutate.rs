//! Makes a new input from the inputs of the corpus.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The usual maximum length of an input, in bytes.
pub const MAX: usize = 4096;

/// The maximum length, in bytes, of an input that is meant to exceed the limits of the chats.
const MAX_LONG: usize = 150_000;

/// Numbers that parsers often get wrong.
const NUMBERS: [&str; 12] = [
    "0",
    "1",
    "00",
    "-1",
    "+1",
    "63",
    "64",
    "255",
    "65535",
    "65536",
    "65537",
    "340282366920938463463374607431768211456",
];

/// Bytes that mean something to the kit's parsers.
const BYTES: &[u8] = b"\n\r\t :/!<>[]{}\"\\=\x00\x1b\x7f\x80\xc3\xe9\xff\xe2\x9b";

/// Returns a new input: one of the inputs of the corpus (`kept`), changed in a few places. `words` are typical pieces
/// of this parser's inputs.
pub fn mutated(rng: &mut StdRng, kept: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut input = kept.choose(rng).cloned().unwrap_or_default();
    for _ in 0..=rng.random_range(0..5_u32) {
        change(rng, &mut input, kept, words);
    }
    if rng.random_ratio(1, 512) {
        grow(rng, &mut input);
    } else {
        input.truncate(MAX);
    }
    input
}

fn change(rng: &mut StdRng, input: &mut Vec<u8>, kept: &[Vec<u8>], words: &[&[u8]]) {
    let at = rng.random_range(0..=input.len());
    let (begin, end) = part(rng, input.len());
    match rng.random_range(0..14_u32) {
        0 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.random_range(0..8_u32);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(at) {
                *byte = rng.random();
            }
        }
        2 => input.insert(at, *BYTES.choose(rng).unwrap_or(&0)),
        3 => input.insert(at, rng.random()),
        4 => drop(input.drain(begin..end)),
        5 => {
            let copy = input[begin..end].to_vec();
            input.splice(at..at, copy);
        }
        6 => {
            let (copy, count) = (input[begin..end].to_vec(), rng.random_range(2..20_usize));
            if copy.len() * count <= MAX {
                input.splice(at..at, copy.repeat(count));
            }
        }
        7 | 8 => {
            let word = words.choose(rng).copied().unwrap_or_default();
            input.splice(at..at, word.iter().copied());
        }
        9 => {
            let word = words.choose(rng).copied().unwrap_or_default();
            input.splice(begin..end, word.iter().copied());
        }
        10 => {
            let other = kept.choose(rng).map(Vec::as_slice).unwrap_or_default();
            let (from, to) = part(rng, other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
        11 => input.truncate(at),
        12 => {
            let number = NUMBERS.choose(rng).copied().unwrap_or_default();
            let is_digit = |byte: &u8| byte.is_ascii_digit();
            let begin = input[begin..].iter().position(is_digit).map_or(begin, |more| begin + more);
            let digits = input[begin..].iter().take_while(|byte| is_digit(byte)).count();
            input.splice(begin..begin + digits, number.bytes());
        }
        _ => {
            let middle = rng.random_range(begin..=end);
            input[begin..end].rotate_left(middle - begin);
        }
    }
}

/// Returns where a random part of an input of `length` bytes begins and ends. Most of these parts are short.
fn part(rng: &mut StdRng, length: usize) -> (usize, usize) {
    let begin = rng.random_range(0..=length);
    let most = if rng.random_ratio(1, 4) { length } else { length.min(begin + 8) };
    (begin, rng.random_range(begin..=most.max(begin)))
}

/// Makes an input long enough to exceed the limits of the chats.
fn grow(rng: &mut StdRng, input: &mut Vec<u8>) {
    let (begin, end) = part(rng, input.len());
    let piece = input[begin..end].to_vec();
    if piece.is_empty() {
        return;
    }
    let room = MAX_LONG.saturating_sub(input.len());
    let exact =
        (65_536_usize.saturating_sub(input.len()) + rng.random_range(0..80_usize)).min(room);
    let length = if rng.random() { exact } else { rng.random_range(0..=room) };
    let long = piece.iter().copied().cycle().take(length).collect::<Vec<_>>();
    input.splice(begin..begin, long);
}

/// Returns an input of `length` bytes that repeats a part of `input`.
pub fn repeated(rng: &mut StdRng, input: &[u8], length: usize) -> Vec<u8> {
    let (begin, end) = part(rng, input.len());
    let piece = if begin == end { &b"a"[..] } else { &input[begin..end] };
    input.iter().chain(piece.iter().cycle()).copied().take(length).collect()
}

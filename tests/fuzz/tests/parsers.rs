//! Puts mistakes into parsers and checks that the fuzzer finds each of them quickly. Also runs every kept input.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use frame::HEADER;
use fuzz::corpus;
use fuzz::engine::{Run, Target, verdict};
use fuzz::targets::{ALL, frames};
use fuzz::watch::Watch;

/// The time within which a mistake must be found. Without optimization, each takes a few seconds at most.
const LIMIT: Duration = Duration::from_secs(100);

#[test]
fn every_kept_input_is_read_correctly() {
    for target in ALL {
        let inputs = corpus::read(&corpus::file(target.name)).unwrap();
        assert!(!inputs.is_empty(), "{}", target.name);
        for input in inputs {
            assert_eq!(
                verdict(target, &input),
                Ok(()),
                "{}: {}",
                target.name,
                corpus::escaped(&input)
            );
        }
    }
}

/// Fuzzes a frame reader that contains a mistake, and checks what the fuzzer reports.
fn is_found(check: fn(&[u8]) -> Result<(), String>, says: &str) {
    let words = ALL.iter().find(|target| target.name == "frames").unwrap().words;
    let target: &Target = Box::leak(Box::new(Target { name: "frames", check, words }));
    let kept = corpus::read(&corpus::file("frames")).unwrap();
    let begin = Instant::now();
    let mut run = Run::new(target, kept, 1, 0, &Watch::start());
    let finding =
        run.turn(begin + LIMIT, u64::MAX, None).expect_err("the fuzzer did not find the mistake");
    println!("found after {:.1?} and {} executions: {}", begin.elapsed(), run.next, finding.why);
    assert!(finding.why.contains(says), "{}", finding.why);
}

/// This reader expects a whole header in the first piece.
#[test]
fn a_panic_on_a_short_header_is_found() {
    is_found(
        |bytes| {
            let short_header: frames::Read = |mut reader| {
                let bytes = reader.fill_buf().unwrap_or_default();
                assert!(bytes.is_empty() || bytes[..HEADER].is_ascii());
                frame::read(&mut reader)
            };
            frames::check_with(short_header, bytes)
        },
        "it panicked: range end index 64 out of range",
    );
}

/// This reader trusts every header.
#[test]
fn unlimited_memory_is_found() {
    is_found(
        |bytes| {
            let believing: frames::Read = |reader| {
                if reader.fill_buf().is_ok_and(<[u8]>::is_empty) {
                    return Ok(None);
                }
                let mut header = [0; HEADER];
                reader.read_exact(&mut header)?;
                let header = String::from_utf8_lossy(&header).trim().parse::<u32>();
                let length = header.map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
                let mut payload = vec![0; usize::try_from(length).unwrap()];
                reader.read_exact(&mut payload)?;
                Ok(Some(String::from_utf8_lossy(&payload).into_owned()))
            };
            // The wrong results of this reader are found even earlier.
            let result = frames::check_with(believing, bytes);
            result.or_else(|why| if why.contains("held") { Err(why) } else { Ok(()) })
        },
        "the reader held",
    );
}

/// For every 64 bytes of a payload, this reader reads all earlier bytes of the payload again.
#[test]
fn quadratic_time_is_found() {
    is_found(
        |bytes| {
            let again_and_again: frames::Read = |mut reader| {
                let payload = frame::read(&mut reader)?;
                let bytes = payload.as_deref().unwrap_or_default().as_bytes();
                for end in (0..bytes.len()).step_by(64) {
                    let sum = bytes[..end].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                    std::hint::black_box(sum);
                }
                Ok(payload)
            };
            frames::check_with(again_and_again, bytes)
        },
        "bytes take",
    );
}

/// This reader drops bytes if a piece ends within a payload.
#[test]
fn a_result_that_depends_on_the_cuts_is_found() {
    is_found(
        |bytes| {
            let hasty: frames::Read = |mut reader| {
                let payload = frame::read(&mut reader)?;
                let rest = reader.fill_buf().map_or(0, <[u8]>::len);
                reader.consume(if (1..HEADER).contains(&rest) { rest } else { 0 });
                Ok(payload)
            };
            frames::check_with(hasty, bytes)
        },
        "but should have read",
    );
}

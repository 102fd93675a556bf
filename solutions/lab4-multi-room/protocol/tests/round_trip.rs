//! Tests that a message, once read, stays the same when it is written and read again.

mod bytes;

use bytes::{read_all, some_bytes};
use proptest::prelude::*;
use solution4_protocol::{Lines, read_reply, read_request};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn a_request_that_was_read(bytes in some_bytes()) {
        for request in read_all(Lines::new(&bytes[..], |_| {}), read_request).into_iter().flatten() {
            let written = request.to_string();
            let again = read_all(Lines::new(written.as_bytes(), |_| {}), read_request);
            prop_assert_eq!(again, [Ok(request)]);
        }
    }

    #[test]
    fn a_reply_that_was_read(bytes in some_bytes()) {
        for reply in read_all(Lines::from_server(&bytes[..]), read_reply).into_iter().flatten() {
            let written = reply.to_string();
            let again = read_all(Lines::from_server(written.as_bytes()), read_reply);
            prop_assert_eq!(again, [Ok(reply)]);
        }
    }
}

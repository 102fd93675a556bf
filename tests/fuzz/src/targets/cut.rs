//! A stream that arrives in pieces.

use std::io::{self, BufRead, ErrorKind, Read};

/// A reader that returns the bytes in pieces of random lengths. Sometimes a read is interrupted by a signal.
pub struct Cut<'a> {
    rest: &'a [u8],
    /// The length of the current piece.
    piece: usize,
    state: u64,
    /// The maximum length of a piece.
    most: u64,
}

impl<'a> Cut<'a> {
    /// Cuts the bytes. Inputs whose first 64 bytes are the same are cut at the same positions.
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut state = 0xcbf2_9ce4_8422_2325_u64;
        for byte in bytes.iter().take(64) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let most = [1, 3, 70, 5000][usize::try_from(state >> 40).unwrap_or(0) % 4];
        Self { rest: bytes, piece: 0, state, most }
    }

    /// Returns the length of the next piece. A 0 means that the read is interrupted.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let random = self.state >> 33;
        if random.is_multiple_of(16) { 0 } else { 1 + random % self.most }
    }

    /// Returns the next piece as a slice.
    pub fn piece(&mut self) -> Option<&'a [u8]> {
        let length = self.next().max(1);
        let (piece, rest) = self.rest.split_at(self.rest.len().min(usize::try_from(length).ok()?));
        self.rest = rest;
        (!piece.is_empty()).then_some(piece)
    }
}

impl Read for Cut<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let count = bytes.len().min(buffer.len());
        buffer[..count].copy_from_slice(&bytes[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Cut<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece == 0 {
            self.piece = usize::try_from(self.next()).unwrap_or(1);
            if self.piece == 0 {
                return Err(ErrorKind::Interrupted.into());
            }
        }
        Ok(&self.rest[..self.piece.min(self.rest.len())])
    }

    fn consume(&mut self, count: usize) {
        self.rest = &self.rest[count..];
        self.piece -= count;
    }
}

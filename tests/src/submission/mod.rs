//! What a student hands in: read and packed with limits, and built in a kit of its own.

pub mod handed_in;
pub mod pack;
pub mod sources;
pub mod sums;
pub mod warm;
pub mod zipped;

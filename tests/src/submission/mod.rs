//! Reads and packs submissions of limited size and builds them in a separate kit.

pub mod handed_in;
pub mod pack;
pub mod sources;
pub mod sums;
pub mod warm;
pub mod zipped;

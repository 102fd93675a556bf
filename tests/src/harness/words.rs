//! Random words.

use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Random words that no program can know in advance. The same seed always produces the same words.
pub struct Words {
    seed: u64,
    random: Mutex<StdRng>,
}

impl Words {
    /// Creates the sequence of words for this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, random: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    /// Returns the seed from which the words are generated.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns `count` words and a random number. Without the random number at the end, lines with the same words would
    /// be hard to tell apart.
    pub fn next(&self, count: usize) -> String {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let words: Vec<_> = (0..count).map(|_| WORDS[random.random_range(..WORDS.len())]).collect();
        format!("{}-{}", words.join(" "), random.random_range(100..1000))
    }
}

const WORDS: [&str; 48] = [
    "amber", "anchor", "apple", "arrow", "basil", "beacon", "birch", "bottle", "candle", "canyon",
    "cedar", "cherry", "cloud", "comet", "copper", "coral", "cradle", "daisy", "ember", "falcon",
    "feather", "fiddle", "forest", "garden", "ginger", "harbor", "hazel", "island", "ivory",
    "jasmine", "kettle", "kite", "ladder", "lantern", "lemon", "maple", "marble", "meadow",
    "mirror", "nutmeg", "olive", "orchard", "pebble", "pepper", "raven", "saddle", "seven",
    "velvet",
];

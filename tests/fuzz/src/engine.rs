//! Runs a target with many inputs until one of them exposes a mistake.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use grader::journal::panics::caught;
use nix::time::{ClockId, clock_gettime};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::coverage::Coverage;
use crate::finding::Finding;
use crate::memory;
use crate::mutate::{MAX, mutated, repeated};
use crate::watch::Watch;

/// A parser and a check that must succeed for every input.
pub struct Target {
    /// The name, which is used on the command line and for the corpus.
    pub name: &'static str,
    /// Runs the parser. The error says what is wrong.
    pub check: fn(&[u8]) -> Result<(), String>,
    /// Typical pieces of the parser's inputs, from which new inputs are made.
    pub words: &'static [&'static [u8]],
}

/// After this many executions, the parser gets a very long input.
const LONG_EVERY: u64 = 8192;

/// The length of a very long input, in bytes. No parser may hold the whole input in memory unless the check in the
/// parser's [`Target`] permits this.
const LONG: usize = 1024 * 1024;

/// After this many executions, the times for a long input and for its beginning are compared.
const COMPARE_EVERY: u64 = 1024;

/// The lengths of the inputs whose times are compared, in bytes. The longer input is eight times as long as the
/// shorter input.
const SHORT_AND_LONG: [usize; 2] = [8 * 1024, 64 * 1024];

/// The maximum ratio of the time for the longer input to the time for the shorter input. If the time grows in
/// proportion to the length, the ratio is 8; if the time grows in proportion to the square of the length, it is 64.
const MAX_RATIO: u32 = 28;

/// Shorter times are not compared, because their ratio depends too much on chance.
const MIN_TIME: Duration = Duration::from_millis(10);

/// The maximum number of bytes that all executions together may leave behind.
const MAX_GROWTH: isize = 4 * 1024 * 1024;

/// The state of a target's run.
pub struct Run {
    target: &'static Target,
    seed: u64,
    /// The number of the next execution. Together with the seed and the corpus, this number determines the input.
    pub next: u64,
    /// The inputs of the corpus, and those that this run has added to it.
    pub kept: Vec<Vec<u8>>,
    /// Whether the run has begun. At its beginning, a run executes each input of the corpus once, without changes.
    has_begun: bool,
    growth: isize,
    watch: Arc<Watch>,
}

impl Run {
    /// Prepares a run that begins with execution number `from`.
    pub fn new(
        target: &'static Target,
        kept: Vec<Vec<u8>>,
        seed: u64,
        from: u64,
        watch: &Arc<Watch>,
    ) -> Self {
        let watch = Arc::clone(watch);
        Self { target, seed, next: from, kept, has_begun: false, growth: 0, watch }
    }

    /// Runs the target until `end`, but with at most `executions` mutated inputs. Returns the number of mutated inputs
    /// with which the target has run. With `coverage`, keeps the inputs that reach new code.
    ///
    /// # Errors
    /// Returns the first mistake.
    pub fn turn(
        &mut self,
        end: Instant,
        executions: u64,
        mut coverage: Option<&mut Coverage>,
    ) -> Result<u64, Finding> {
        if !self.has_begun {
            self.has_begun = true;
            for input in self.kept.clone() {
                self.execute(&input, coverage.as_deref_mut())?;
            }
            self.growth = 0;
        }
        for count in 0..executions {
            // Reading the clock takes as long as running the parser with a small input.
            if count % 64 == 0 && Instant::now() >= end {
                return Ok(count);
            }
            let number = self.next;
            self.next += 1;
            let mut rng =
                StdRng::seed_from_u64(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let input = mutated(&mut rng, &self.kept, self.target.words);
            let is_new = self.execute(&input, coverage.as_deref_mut())?;
            if is_new && input.len() <= MAX {
                self.kept.push(input.clone());
            }
            if number % COMPARE_EVERY == COMPARE_EVERY - 1 {
                let long = repeated(&mut rng, &input, SHORT_AND_LONG[1]);
                self.is_fast_enough(&long)?;
            }
            if number % LONG_EVERY == LONG_EVERY - 1 {
                let long = repeated(&mut rng, &input, LONG);
                self.execute(&long, None)?;
            }
        }
        Ok(executions)
    }

    /// Runs the target once. With `coverage`, returns whether the input has reached new code ([`Coverage::is_new`]).
    fn execute(&mut self, input: &[u8], coverage: Option<&mut Coverage>) -> Result<bool, Finding> {
        self.watch.begin(self.target.name, input);
        let (mut is_new, before) = (false, memory::held());
        let verdict = if let Some(coverage) = coverage {
            coverage.begin();
            let verdict = verdict(self.target, input);
            is_new = coverage.is_new();
            verdict
        } else {
            verdict(self.target, input)
        };
        self.growth += memory::held() - before;
        self.watch.end();
        verdict.map_err(|why| self.finding(why, input))?;
        if self.growth > MAX_GROWTH {
            let why = format!("all executions together have left {} bytes behind", self.growth);
            return Err(self.finding(why, input));
        }
        Ok(is_new)
    }

    /// Compares the times for a part of an input and for a longer part.
    fn is_fast_enough(&self, input: &[u8]) -> Result<(), Finding> {
        let time = |length: usize| {
            let input = &input[..length];
            self.watch.begin(self.target.name, input);
            let begin = processor_time();
            let _ = verdict(self.target, input);
            let took = processor_time().saturating_sub(begin);
            self.watch.end();
            took
        };
        let [short, long] = SHORT_AND_LONG;
        let mut times = [Duration::MAX; 2];
        // Another program can slow down one attempt, but is unlikely to slow down all five.
        for _ in 0..5 {
            times = [times[0].min(time(short)), times[1].min(time(long))];
            if times[1] < MIN_TIME || times[1] < times[0] * MAX_RATIO {
                return Ok(());
            }
        }
        let [of_short, of_long] = times;
        let why = format!("{short} bytes take {of_short:.1?}, but {long} bytes take {of_long:.1?}");
        Err(self.finding(why, &input[..long]))
    }

    fn finding(&self, why: String, input: &[u8]) -> Finding {
        let number = self.next.saturating_sub(1);
        let again = format!("--seed {} --from {number} --executions 1", self.seed);
        Finding { target: self.target.name.to_owned(), why, again, input: input.to_vec() }
    }
}

/// Runs a target once.
///
/// # Errors
/// Returns an error that says what is wrong. A panic is also an error.
pub fn verdict(target: &Target, input: &[u8]) -> Result<(), String> {
    match caught("a fuzzed parser", || (target.check)(input)) {
        Ok(verdict) => verdict,
        Err(panic) => Err(format!("it panicked: {panic}")),
    }
}

fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Returns a shorter input that also exposes a mistake, or the same input if no shorter one is found within `limit`.
pub fn shrunk(target: &Target, input: &[u8], limit: Duration) -> Vec<u8> {
    let end = Instant::now() + limit;
    let mut input = input.to_vec();
    let mut size = input.len() / 2;
    while size > 0 && Instant::now() < end {
        let mut at = 0;
        while at < input.len() && Instant::now() < end {
            let mut shorter = input.clone();
            shorter.drain(at..input.len().min(at + size));
            if verdict(target, &shorter).is_err() {
                input = shorter;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    input
}

/// Returns a subset of the inputs, the shortest first, that reaches the same code as all inputs.
pub fn needed(target: &Target, mut inputs: Vec<Vec<u8>>, coverage: &mut Coverage) -> Vec<Vec<u8>> {
    inputs.sort_by_key(Vec::len);
    coverage.forget();
    inputs.retain(|input| {
        coverage.begin();
        let _ = verdict(target, input);
        coverage.is_new()
    });
    inputs
}

/// Writes an input to a file in the kit's build folder and returns the file's path.
pub fn saved(target: &str, input: &[u8]) -> Option<PathBuf> {
    let folder = grader::kit::root().join("target/fuzz");
    fs::create_dir_all(&folder).ok()?;
    let path = folder.join(format!("{target}-{}", std::process::id()));
    fs::write(&path, input).ok()?;
    Some(path)
}

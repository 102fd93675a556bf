//! Finds out which parts of the code an input reaches. To measure coverage, the program needs counters in its code,
//! which the compiler adds only with `--guided`.
//!
//! With the options in [`FLAGS`], which stable Rust also accepts, LLVM adds an 8-bit counter to each edge between two
//! basic blocks (see the page `SanitizerCoverage` in Clang's documentation). cargo-fuzz uses the same counters.

use std::slice;
use std::sync::Mutex;

/// The compiler options that add the counters.
pub const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3 \
                         -Cllvm-args=-sanitizer-coverage-inline-8bit-counters";

/// The addresses of the first counter and of the byte after the last counter.
static COUNTERS: Mutex<Option<(usize, usize)>> = Mutex::new(None);

/// The compiled code calls this function when the program starts.
#[allow(unsafe_code)]
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(begin: *mut u8, end: *mut u8) {
    if let Ok(mut counters) = COUNTERS.lock() {
        *counters = Some((begin.addr(), end.addr()));
    }
}

/// The edges in the code that the inputs have reached so far, and how many times an execution reached each edge.
pub struct Coverage {
    counters: &'static mut [u8],
    /// For each counter, the magnitudes that it has had, one bit for each magnitude.
    seen: Vec<u8>,
}

impl Coverage {
    /// Returns `None` if the code was compiled without counters. Only one thread may use the result.
    pub fn new() -> Option<Self> {
        let (begin, end) = COUNTERS.lock().ok()?.take()?;
        // The compiled code changes the counters without synchronization. Only this thread runs parsers, and it reads
        // the counters only between two executions.
        #[allow(unsafe_code)]
        let counters = unsafe {
            slice::from_raw_parts_mut(std::ptr::with_exposed_provenance_mut(begin), end - begin)
        };
        Some(Self { seen: vec![0; counters.len()], counters })
    }

    /// Returns the number of edges that were reached.
    pub fn edges(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }

    /// Forgets which edges the inputs have reached.
    pub fn forget(&mut self) {
        self.seen.fill(0);
        self.counters.fill(0);
    }

    /// Resets the counters before an execution.
    pub fn begin(&mut self) {
        self.counters.fill(0);
    }

    /// Returns whether the execution has reached a new edge, or whether a known edge's counter has a new magnitude.
    pub fn is_new(&mut self) -> bool {
        let mut is_new = false;
        let (counters, rest) = self.counters.as_chunks::<32>();
        for (chunk, counters) in counters.iter().enumerate() {
            if *counters != [0; 32] {
                is_new |= merge(counters, &mut self.seen[chunk * 32..]);
            }
        }
        let begin = self.seen.len() - rest.len();
        is_new | merge(rest, &mut self.seen[begin..])
    }
}

fn merge(counters: &[u8], seen: &mut [u8]) -> bool {
    let mut is_new = false;
    for (counter, seen) in counters.iter().zip(seen) {
        let magnitude = match counter {
            0 => 0,
            1 => 1,
            2 => 2,
            3 => 4,
            4..8 => 8,
            8..16 => 16,
            16..32 => 32,
            32..128 => 64,
            128.. => 128,
        };
        is_new |= magnitude & !*seen != 0;
        *seen |= magnitude;
    }
    is_new
}

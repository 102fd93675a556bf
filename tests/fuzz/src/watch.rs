//! Detects when a parser hangs.

use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::engine::saved;

/// The maximum time for one execution. Even a very long input takes much less time.
const LIMIT: Duration = Duration::from_secs(30);

/// Watches the current execution of a parser.
#[derive(Default)]
pub struct Watch {
    running: Mutex<Running>,
}

#[derive(Default)]
struct Running {
    target: &'static str,
    input: Vec<u8>,
    /// How many times an execution has begun or ended. This number is odd while an execution is running.
    number: u64,
}

impl Watch {
    /// Starts a thread that ends the program if an execution takes too long.
    pub fn start() -> Arc<Self> {
        let watch = Arc::new(Self::default());
        let watched = Arc::clone(&watch);
        thread::spawn(move || watched.look());
        watch
    }

    /// Called before each execution.
    pub fn begin(&self, target: &'static str, input: &[u8]) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.target = target;
        running.input.clear();
        running.input.extend_from_slice(input);
        running.number += 1;
    }

    /// Called after each execution.
    pub fn end(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).number += 1;
    }

    fn look(&self) {
        let (mut number, mut since) = (0, Instant::now());
        loop {
            thread::sleep(Duration::from_secs(1));
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            if running.number != number || running.number.is_multiple_of(2) {
                (number, since) = (running.number, Instant::now());
            } else if since.elapsed() > LIMIT {
                let Running { target, input, .. } = &*running;
                let path = saved(target, input).unwrap_or_default();
                println!(
                    "{target}: it hangs\nagain: cargo run -p fuzz -- {target} --input {}",
                    path.display()
                );
                process::exit(1);
            }
        }
    }
}

//! Decides when a program has had enough time to start its line editor.

use std::time::{Duration, Instant};

use crate::system::process::Process;

/// The time that a program gets to start its line editor.
pub const EDITOR: Duration = Duration::from_secs(1);

/// How often the process's state is checked.
const CHECK: Duration = Duration::from_millis(20);

/// Measures how much time a program has already had to start its line editor. The time that the program spends waiting
/// for a processor or a disk does not count, because on a busy machine a program may wait longer than it works.
pub struct Patience<'a> {
    process: &'a Process,
    had: Duration,
    checked: Instant,
    cpu_time: Duration,
}

impl<'a> Patience<'a> {
    /// Starts measuring the time.
    pub fn new(process: &'a Process) -> Self {
        let cpu_time = process.cpu_time().unwrap_or_default();
        Self { process, had: Duration::ZERO, checked: Instant::now(), cpu_time }
    }

    /// Returns whether the program has had enough time.
    pub fn is_over(&mut self) -> bool {
        let passed = self.checked.elapsed();
        if passed >= CHECK {
            let cpu_time = self.process.cpu_time().unwrap_or_default();
            let used = cpu_time.saturating_sub(self.cpu_time);
            self.had += if matches!(self.process.is_held_up(), Ok(true)) { used } else { passed };
            (self.checked, self.cpu_time) = (Instant::now(), cpu_time);
        }
        self.had >= EDITOR
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::unistd::Pid;

    use super::{EDITOR, Patience};
    use crate::system::process::Process;

    struct Child(std::process::Child);

    impl Drop for Child {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Starts a program on the first processor.
    fn start(command: &[&str]) -> Child {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", "0"]).args(command).stdin(Stdio::piped());
        Child(taskset.spawn().unwrap())
    }

    fn patience_with(child: &Child) -> Duration {
        let begin = Instant::now();
        let process = Process::new("program", Pid::from_raw(child.0.id().cast_signed()), begin);
        let mut patience = Patience::new(&process);
        while !patience.is_over() && begin.elapsed() < 10 * EDITOR {
            thread::sleep(Duration::from_millis(1));
        }
        begin.elapsed()
    }

    #[test]
    fn an_idle_program_gets_its_time_and_no_more() {
        let had = patience_with(&start(&["cat"]));
        assert!((EDITOR..3 * EDITOR).contains(&had), "{had:?}");
    }

    #[test]
    fn waiting_for_a_processor_does_not_count() {
        let busy = ["sh", "-c", "while :; do :; done"];
        let all = [(); 4].map(|()| start(&busy));
        let had = patience_with(&all[0]);
        assert!(
            had > 2 * EDITOR,
            "with a quarter of a processor, the time ran out after only {had:?}"
        );
    }
}

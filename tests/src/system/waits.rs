//! Finds the system calls in which a program's threads are waiting. This works only on Linux.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use nix::unistd::Pid;

/// The names of the helper threads in the kit's programs. These threads always wait for work, so their waits do not
/// indicate a mistake.
const HELPERS: [&str; 2] = ["ctrl-c", "log"];

/// The system calls in which threads are waiting, each with the number of those threads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits(BTreeMap<String, usize>);

impl Waits {
    /// Returns the system calls in which a process's threads are waiting. Threads that are running or have just exited
    /// are left out.
    pub fn of(pid: Pid) -> Self {
        let mut waits = BTreeMap::new();
        let process = format!("/proc/{pid}");
        let process = Path::new(&process);
        let tasks = fs::read_dir(process.join("task")).into_iter().flatten().flatten();
        for task in tasks.map(|task| task.path()) {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            let call = fs::read_to_string(task.join("syscall")).unwrap_or_default();
            if let Some(wait) = wait(&call, process).filter(|_| !HELPERS.contains(&name.trim())) {
                *waits.entry(wait).or_default() += 1;
            }
        }
        Self(waits)
    }

    /// Returns whether the list of waits is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for (position, (wait, count)) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "; " };
            let times = if *count == 1 { String::new() } else { format!(" ({count} threads)") };
            write!(out, "{separator}{wait}{times}")?;
        }
        Ok(())
    }
}

/// Describes the system call in which a thread is waiting. `call` contains either the number and arguments of this call
/// or `running`; see `proc_pid_syscall(5)`.
#[cfg(target_os = "linux")]
fn wait(call: &str, process: &Path) -> Option<String> {
    const POLL: &str = "a poll of several files";
    let mut fields = call.split_whitespace();
    let number = fields.next()?.parse().ok()?;
    let descriptor = fields.next().and_then(|field| i32::from_str_radix(&field[2..], 16).ok());
    let file = || {
        let link = fs::read_link(process.join(format!("fd/{}", descriptor?))).ok()?;
        let link = link.to_string_lossy();
        let kinds =
            [("socket:", "a connection"), ("/dev/pts/", "the terminal"), ("pipe:", "a pipe")];
        kinds.iter().find(|(begin, _)| link.starts_with(begin)).map(|(_, kind)| *kind)
    };
    let on_file = |action: &str| format!("{action} {}", file().unwrap_or("a file"));
    Some(match number {
        libc::SYS_accept | libc::SYS_accept4 => "accept".to_owned(),
        libc::SYS_connect => "connect".to_owned(),
        libc::SYS_read | libc::SYS_readv | libc::SYS_recvfrom | libc::SYS_recvmsg => {
            on_file("a read from")
        }
        libc::SYS_write | libc::SYS_writev | libc::SYS_sendto | libc::SYS_sendmsg => {
            on_file("a write to")
        }
        libc::SYS_futex => "a lock, a channel, or the end of a thread".to_owned(),
        libc::SYS_nanosleep | libc::SYS_clock_nanosleep => "a sleep".to_owned(),
        libc::SYS_ppoll | libc::SYS_pselect6 | libc::SYS_epoll_pwait => POLL.to_owned(),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll | libc::SYS_select | libc::SYS_epoll_wait => POLL.to_owned(),
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn wait(_call: &str, _process: &Path) -> Option<String> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use nix::unistd::Pid;

    use super::{Waits, wait};

    /// Waits until a thread of the process is waiting in the expected system call.
    fn soon(pid: u32, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let pid = Pid::from_raw(pid.cast_signed());
        loop {
            let found = Waits::of(pid).to_string();
            if found.split("; ").any(|wait| wait == expected) {
                return;
            }
            assert!(Instant::now() < deadline, "found {found}, not {expected}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    struct Running(Child);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_program_that_reads_from_a_pipe_waits_in_a_read() {
        let cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let cat = Running(cat);
        soon(cat.0.id(), "a read from a pipe");
    }

    #[test]
    fn threads_that_accept_receive_and_wait_for_a_channel_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (end, ended) = mpsc::channel::<()>();
        let accepting = thread::spawn(move || {
            let first = listener.accept().unwrap();
            let second = listener.accept().unwrap();
            (first, second)
        });
        let address = stream.peer_addr().unwrap();
        let mut reader = stream.try_clone().unwrap();
        let reading = thread::spawn(move || reader.read(&mut [0]).unwrap());
        let waiting = thread::spawn(move || ended.recv());
        // Other tests run in this process at the same time, so the list may also contain their system calls.
        let deadline = Instant::now() + Duration::from_secs(10);
        let expected = ["accept", "a read from a connection", "a lock, a channel"];
        loop {
            let found = Waits::of(Pid::this()).to_string();
            if expected.iter().all(|wait| found.contains(wait)) {
                break;
            }
            assert!(Instant::now() < deadline, "{found}");
            thread::sleep(Duration::from_millis(1));
        }
        stream = TcpStream::connect(address).unwrap();
        drop(end);
        drop(accepting.join().unwrap());
        drop(stream);
        assert_eq!(reading.join().unwrap(), 0);
        assert!(waiting.join().unwrap().is_err());
    }

    #[test]
    fn a_running_thread_does_not_wait() {
        assert_eq!(wait("running\n", "/proc/self".as_ref()), None);
        assert_eq!(wait("", "/proc/self".as_ref()), None);
        assert_eq!(wait("-1 0x7ffe 0x7f10\n", "/proc/self".as_ref()), None);
        assert_eq!(wait("x", "/proc/self".as_ref()), None);
    }
}

//! A second process that waits for the grader to exit. If the grader is killed before it has printed the sum of the
//! points, this process reports that the sum is missing.
//!
//! The grader itself cannot report that the sum of the points is missing: no code runs after a stack overflow or after
//! the system has killed the process because memory ran out. Without the second process, the output would end with the
//! line for a stage and look like a complete result.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, kill, raise, signal, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, fork, getpid, getppid};

/// The socket through which the grader tells the waiting process that the last line has been printed.
static PRINTED: OnceLock<UnixStream> = OnceLock::new();

/// The signals that users send to terminate a program. The waiting process passes these signals on to the grader.
const PASSED_ON: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// Forks a child process, which continues as the grader. The parent process waits for the grader to exit and then exits
/// in the same way. If the grader is killed, the parent calls `say` with the reason.
///
/// This function must be called while this process has only one thread.
///
/// # Errors
/// Returns an error if the system cannot create another process. If there is no second process, the calling process
/// continues as the grader, and if it is killed, nothing reports that the sum of the points is missing.
pub fn wait_for_grader(say: fn(&str)) -> io::Result<()> {
    let (waiting, printed) = UnixStream::pair()?;
    waiting.set_nonblocking(true)?;
    let mut signals: SigSet = PASSED_ON.into_iter().collect();
    signals.add(Signal::SIGCHLD);
    // The parent blocks the signals before it creates the child, so that no signal is missed.
    let mut usual = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), Some(&mut usual))?;
    // SAFETY: the default action runs none of this program's code. This process may have inherited the setting to
    // ignore SIGCHLD. Without this call, it would then wait forever for the grader to exit.
    #[allow(unsafe_code)]
    unsafe {
        signal(Signal::SIGCHLD, SigHandler::SigDfl)?;
    }
    let parent = getpid();
    // SAFETY: there is no other thread, so the child may do everything that the parent may do.
    #[allow(unsafe_code)]
    let forked = unsafe { fork() };
    if let Ok(ForkResult::Parent { child }) = forked {
        drop(printed);
        let ending = wait(child, &signals);
        let is_printed = (&waiting).read(&mut [0]).is_ok_and(|read| read == 1);
        end_like(ending, if is_printed { |_| () } else { say });
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&usual), None)?;
    forked?;
    end_with(parent);
    let _ = PRINTED.set(printed);
    Ok(())
}

/// Records that the last line has been printed. After this call, the waiting process prints nothing, even if the grader
/// is killed while it cleans up.
pub fn is_printed() {
    if let Some(mut printed) = PRINTED.get() {
        let _ = printed.write_all(&[1]);
    }
}

/// Makes the grader exit when the process that waits for it is killed.
fn end_with(parent: Pid) {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: a plain system call.
        #[allow(unsafe_code)]
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        }
    }
    // The parent may have been killed before the system call.
    if getppid() != parent {
        exit(1);
    }
}

/// Waits until the grader exits.
fn wait(grader: Pid, signals: &SigSet) -> WaitStatus {
    loop {
        match waitpid(grader, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR) => {}
            Ok(ending) => return ending,
            Err(_) => return WaitStatus::Exited(grader, 1),
        }
        if let Ok(signal) = signals.wait()
            && PASSED_ON.contains(&signal)
        {
            let _ = kill(grader, signal);
        }
    }
}

/// Ends this process with the grader's exit status. If a signal terminated the grader, the same signal terminates
/// this process, or this process exits with status 128 plus the signal's number, as in a shell.
fn end_like(ending: WaitStatus, say: fn(&str)) -> ! {
    let killed_by = match ending {
        WaitStatus::Exited(_, code) => exit(code),
        WaitStatus::Signaled(_, signal, _) => signal,
        _ => exit(1),
    };
    // SIGPIPE means that the program reading the output has closed the pipe, so nobody would see a message.
    if killed_by != Signal::SIGPIPE {
        say(&format!("the grader was terminated by {killed_by} before all stages were graded"));
    }
    if PASSED_ON.contains(&killed_by) || killed_by == Signal::SIGPIPE {
        // A shell stops a loop only if a signal has terminated the program in the loop. SAFETY: the default action runs
        // none of this program's code.
        #[allow(unsafe_code)]
        unsafe {
            let _ = signal(killed_by, SigHandler::SigDfl);
        }
        let _ = SigSet::all().thread_unblock();
        let _ = raise(killed_by);
    }
    exit(128 + killed_by as i32)
}

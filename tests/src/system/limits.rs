//! Sets limits for a program under test and keeps it from inheriting the grader's signal settings and open files.

use std::io;
use std::num::NonZero;
#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::setsid;

use crate::journal::terminal::ROWS;
#[cfg(target_os = "linux")]
use crate::system::capabilities;
use crate::system::confinement::Rules;

/// Runs in the child process after its terminal has been set up and before the program starts.
pub(super) fn prepare_child(
    columns: NonZero<u16>,
    echoes: bool,
    rules: Option<&Rules>,
) -> io::Result<()> {
    let mut mode = tcgetattr(io::stdin())?;
    // rexpect has turned echo off, but a line editor shows the typed text only if echo is on. On a dumb terminal, echo
    // stays off, because half-typed lines would otherwise be mixed with received text. Even while echo is off,
    // pressing Enter begins a new line (ECHONL), for example after a question.
    mode.local_flags |= if echoes { LocalFlags::ECHO } else { LocalFlags::ECHONL };
    tcsetattr(io::stdin(), SetArg::TCSANOW, &mode)?;
    set_size(io::stdin().as_fd(), columns, ROWS)?;
    prepare_process()?;
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call with valid arguments.
    #[allow(unsafe_code)]
    unsafe {
        // The program must not inherit the grader's other terminals and sockets.
        libc::close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed());
    }
    let megabyte = 1024 * 1024;
    setrlimit(Resource::RLIMIT_CPU, 60, 60)?;
    setrlimit(Resource::RLIMIT_FSIZE, 64 * megabyte, 64 * megabyte)?;
    rules.map_or(Ok(()), restrict)
}

/// Runs in the child process before a build starts. The build has no terminal, so it can neither write to the grader's
/// terminal nor simulate typing on it.
pub(super) fn prepare_build(rules: &Rules) -> io::Result<()> {
    setsid()?;
    prepare_process()?;
    restrict(rules)
}

fn prepare_process() -> io::Result<()> {
    // SAFETY: plain system calls with valid arguments.
    #[allow(unsafe_code)]
    unsafe {
        // A grader that was started in the background or by Python may ignore these signals, and child processes
        // inherit this setting.
        for ignored in
            [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGTERM, Signal::SIGXFSZ]
        {
            signal(ignored, SigHandler::SigDfl)?;
        }
        // If the grader is killed, the thread that started this process ends, so the kernel also kills this process.
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    Ok(setrlimit(Resource::RLIMIT_CORE, 0, 0)?)
}

/// Sets a terminal's size.
pub(super) fn set_size(
    terminal: BorrowedFd,
    columns: NonZero<u16>,
    rows: NonZero<u16>,
) -> io::Result<()> {
    let window =
        libc::winsize { ws_row: rows.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: a plain system call with valid arguments.
    #[allow(unsafe_code)]
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const window) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Applies the restrictions to this process and its future children.
#[cfg(target_os = "linux")]
fn restrict(rules: &Rules) -> io::Result<()> {
    rules.landlock.as_ref().map_or(Ok(()), restrict_files)?;
    rules.filter.map_or(Ok(()), filter_calls)
}

#[cfg(not(target_os = "linux"))]
#[allow(clippy::unnecessary_wraps)] // same signature as on Linux
fn restrict(_rules: &Rules) -> io::Result<()> {
    Ok(())
}

/// Applies the landlock(7) rules.
#[cfg(target_os = "linux")]
fn restrict_files(rules: &OwnedFd) -> io::Result<()> {
    /// `struct landlock_path_beneath_attr`
    #[repr(C, packed)]
    struct PathBeneath {
        access: u64,
        parent: libc::c_int,
    }
    const PATH_BENEATH: libc::c_int = 1;
    const WRITE_FILE: u64 = 1 << 1;
    const READ_FILE: u64 = 1 << 2;
    const READ_DIR: u64 = 1 << 3;

    // SAFETY: plain system calls with valid arguments.
    #[allow(unsafe_code)]
    let result = unsafe {
        // Two paths are known only at this point: the terminal, to which `/dev/stdin` also leads, and this process's
        // own folder in `/proc`.
        let own = libc::open(c"/proc/self".as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
        let known = [(libc::STDIN_FILENO, READ_FILE | WRITE_FILE), (own, READ_FILE | READ_DIR)];
        for (parent, access) in known {
            let rule = PathBeneath { access, parent };
            let (rules, flags): (libc::c_int, libc::c_int) = (rules.as_raw_fd(), 0);
            libc::syscall(libc::SYS_landlock_add_rule, rules, PATH_BENEATH, &raw const rule, flags);
        }
        // The kernel requires this call before it accepts rules, so that the rules cannot mislead a set-user-ID
        // program.
        let (yes, unused): (libc::c_ulong, libc::c_ulong) = (1, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, yes, unused, unused, unused);
        libc::syscall(libc::SYS_landlock_restrict_self, rules.as_raw_fd(), 0)
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Applies the system-call filter, if the kernel supports such filters.
#[cfg(target_os = "linux")]
fn filter_calls(filter: &seccompiler::BpfProgram) -> io::Result<()> {
    use seccompiler::Error::{Prctl, Seccomp};
    capabilities::drop_most();
    match seccompiler::apply_filter(filter) {
        Err(Prctl(error) | Seccomp(error)) if error.raw_os_error() != Some(libc::EINVAL) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

//! Isolates a command by giving it its own processes, network, shared memory, and temporary files; see namespaces(7).
//!
//! The command's processes can neither reach nor see other processes. When the command exits, all these processes are
//! killed. When this process exits, the command is killed. Many containers do not allow namespaces, so [`works`] tests
//! beforehand whether namespaces are available.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The hidden subcommand of `cargo lab` that calls [`run`].
pub const SUBCOMMAND: &str = "apart";

/// The exit status if the command was not started because namespaces are not available.
pub const FAILED: u8 = 125;

/// The command-line options for [`run`].
#[derive(clap::Args)]
pub struct Options {
    /// Gives the command its own /tmp in addition to its own $TMPDIR
    #[arg(long)]
    tmp: bool,
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Runs a command in its own namespaces and returns the command's exit status. This process must have only one thread
/// and cannot be used for anything else afterward.
///
/// If the system does not provide namespaces, the exit status is [`FAILED`], and the reason is printed on standard
/// error.
///
/// # Errors
/// Returns an error if this process cannot start or wait for the command.
pub fn run(options: &Options) -> Result<u8> {
    kernel::run(&options.command, options.tmp)
}

/// Returns a command that runs a second command in separate namespaces. The caller appends the second command to the
/// arguments of the first.
pub fn apart(lab: &Path, has_own_tmp: bool) -> Command {
    let mut command = Command::new(lab);
    command.arg(SUBCOMMAND).args(has_own_tmp.then_some("--tmp")).arg("--");
    command
}

/// Tests whether namespaces are available.
///
/// # Errors
/// Returns an error if namespaces are not available. The error says what the kernel refuses to do.
pub fn works(lab: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut probe = apart(lab, true);
    probe.arg("true").env("TMPDIR", folder.path()).stdin(Stdio::null());
    let output = probe.output().with_context(|| format!("cannot start {}", lab.display()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}", said.trim().trim_start_matches("Error: "));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::convert::Infallible;
    use std::ffi::OsString;
    use std::fs;
    use std::io::{self, Read, Write, pipe};
    use std::os::fd::AsRawFd;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Command, exit};

    use anyhow::{Context, Result, ensure};
    use nix::errno::Errno;
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::prctl::set_pdeathsig;
    use nix::sys::signal::Signal;
    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, Pid, close, fork, getgid, getuid, setsid};

    use super::FAILED;

    /// The mount options of a folder for temporary files: the maximum size, the maximum number of files, and the
    /// permissions.
    const TEMPORARY: &str = "size=512m,nr_inodes=100k,mode=1777";

    pub fn run(command: &[OsString], has_own_tmp: bool) -> Result<u8> {
        if let Err(error) = enter() {
            eprintln!("Error: {error:#}");
            return Ok(FAILED);
        }
        // The child is the first process of its PID namespace. When the child exits, the kernel kills all other
        // processes in the namespace and then notifies this process.
        let first = in_child(|| {
            let Err(error) = prepare(has_own_tmp).and_then(|()| become_command(command));
            eprintln!("Error: {error:#}");
            FAILED
        })?;
        match wait(first)? {
            WaitStatus::Exited(_, status) => Ok(u8::try_from(status).unwrap_or(u8::MAX)),
            WaitStatus::Signaled(_, signal, _) => {
                eprintln!("terminated by {signal}");
                Ok(128 + u8::try_from(signal as i32).unwrap_or(0))
            }
            other => anyhow::bail!("the process stopped for an unknown reason: {other:?}"),
        }
    }

    /// Starts a child process that calls a function and exits with its result.
    fn in_child(what: impl FnOnce() -> u8) -> Result<Pid> {
        // SAFETY: this process has only one thread, so no lock is held in the child.
        #[allow(unsafe_code)]
        match unsafe { fork() }.context("cannot start a process")? {
            ForkResult::Child => exit(what().into()),
            ForkResult::Parent { child } => Ok(child),
        }
    }

    fn wait(child: Pid) -> Result<WaitStatus> {
        loop {
            match waitpid(child, None) {
                Err(Errno::EINTR) => {}
                status => return status.context("cannot wait for a process"),
            }
        }
    }

    /// Enters all namespaces. The next child is the first process of the new PID namespace.
    fn enter() -> Result<()> {
        let all = CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWPID;
        let this = Pid::this();
        let (mut reader, mut writer) = pipe()?;
        // Only a process outside the namespaces can define which users and groups exist inside.
        let inherited = writer.as_raw_fd();
        let helper = in_child(|| {
            // The helper closes its own copy of the writer, so that it sees the end of the pipe when its parent closes
            // the writer.
            let _ = close(inherited);
            let has_entered = reader.read_exact(&mut [0]).is_ok();
            let users = || map_ids(this, "uid_map", getuid().as_raw());
            let groups = || map_ids(this, "gid_map", getgid().as_raw());
            u8::from(!has_entered || users().and_then(|()| groups()).is_err())
        })?;
        drop(reader);
        let entered = unshare(all).context("the kernel refuses to create namespaces");
        if entered.is_ok() {
            writer.write_all(b"x")?;
        }
        drop(writer);
        let mapped = wait(helper)?;
        entered?;
        ensure!(
            mapped == WaitStatus::Exited(helper, 0),
            "the kernel refuses to map users and groups into the namespaces"
        );
        Ok(())
    }

    /// Maps each user or group inside the namespaces to the same user or group outside. Only root may map all users and
    /// groups. Other users can map only their own user and group.
    fn map_ids(process: Pid, map: &str, own: u32) -> io::Result<()> {
        let folder = Path::new("/proc").join(process.to_string());
        let known = fs::read_to_string(Path::new("/proc/self").join(map))?;
        // `0 100000 65536`: the first ID inside, the first ID outside, and the number of IDs
        let same = |line: &str| {
            let mut fields = line.split_whitespace();
            Some(format!("{0} {0} {1}\n", fields.next()?, fields.nth(1)?))
        };
        let all: String = known.lines().filter_map(same).collect();
        fs::write(folder.join(map), all).or_else(|_| {
            // The kernel requires this setting before an ordinary user may map a group.
            if map == "gid_map" {
                fs::write(folder.join("setgroups"), "deny")?;
            }
            fs::write(folder.join(map), format!("{own} {own} 1\n"))
        })
    }

    /// Sets up the namespaces from inside. Runs in the first process of the namespaces.
    fn prepare(has_own_tmp: bool) -> Result<()> {
        // If the parent process outside the namespaces is killed, the kernel kills this process and all others inside.
        set_pdeathsig(Signal::SIGKILL)?;
        setsid()?;
        loopback_up().context("the kernel refuses to bring up the loopback interface")?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .context("the kernel refuses to make the mounts private")?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let new = |kind: &str, folder: &Path, flags: MsFlags, options: Option<&str>| {
            mount(Some(kind), folder, Some(kind), flags, options)
                .with_context(|| format!("the kernel refuses to mount {}", folder.display()))
        };
        new("proc", Path::new("/proc"), flags | MsFlags::MS_NOEXEC, none)?;
        // The mounted folders are in memory, so their files cannot fill the disk. The folders disappear when the last
        // process exits.
        let temporary = Path::new("/tmp");
        let folder = std::env::temp_dir();
        new("tmpfs", Path::new("/dev/shm"), flags, Some("size=64m,nr_inodes=10k,mode=1777"))?;
        if has_own_tmp {
            new("tmpfs", temporary, flags, Some(TEMPORARY))?;
            fs::create_dir_all(&folder)?;
        }
        if folder != temporary {
            new("tmpfs", &folder, flags, Some(TEMPORARY))?;
        }
        Ok(())
    }

    fn become_command(command: &[OsString]) -> Result<Infallible> {
        let (program, arguments) = command.split_first().context("no command was given")?;
        let error = Command::new(program).args(arguments).exec();
        Err(error).with_context(|| format!("cannot start {}", program.display()))
    }

    /// Brings up the loopback interface, which is down in a new network namespace.
    fn loopback_up() -> io::Result<()> {
        // SAFETY: plain system calls with valid arguments. An all-zero interface request is valid.
        #[allow(unsafe_code)]
        unsafe {
            let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
            let mut request: libc::ifreq = std::mem::zeroed();
            for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
                *to = libc::c_char::from_ne_bytes([*from]);
            }
            request.ifr_ifru.ifru_flags =
                libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
            let result = libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request);
            let error = io::Error::last_os_error();
            libc::close(socket);
            if result == 0 { Ok(()) } else { Err(error) }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod kernel {
    use std::ffi::OsString;

    pub fn run(_command: &[OsString], _has_own_tmp: bool) -> anyhow::Result<u8> {
        anyhow::bail!("namespaces need Linux")
    }
}

//! Kills a program that uses too much memory or starts too many processes.
//!
//! Only resident memory counts, because a limit on the address space would keep a Java virtual machine from starting.
//! One thread watches all programs, so watching many programs costs little more than watching a few.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::unistd::{Pid, getpgrp, getsid};

use crate::system::orphans;
use crate::system::process::{Excess, Process, bytes_of};

/// The maximum resident memory of a program and of all processes that it has started, in bytes.
pub const MAX_MEMORY: u64 = 1024 * 1024 * 1024;

/// The maximum number of processes that a program may have.
pub const MAX_PROCESSES: usize = 512;

/// The limits of a build allow at least this many compilers to run at the same time, even on a machine with fewer
/// processors.
const MIN_COMPILERS: usize = 4;

/// The time between two checks.
const INTERVAL: Duration = Duration::from_millis(100);

/// The limits for a process and all processes that it has started.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// The number of processes.
    pub processes: usize,
}

impl Bounds {
    /// The limits for a program under test.
    pub const PROGRAM: Self = Self { memory: MAX_MEMORY, processes: MAX_PROCESSES };

    /// Returns the limits for a build, which may run one compiler per processor.
    pub fn of_build() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from).max(MIN_COMPILERS);
        let memory = MAX_MEMORY.saturating_mul(processors as u64);
        Self { memory, processes: MAX_PROCESSES * processors }
    }
}

/// A watched program and its limits.
type Watched = (Weak<Process>, Bounds);

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

/// Watches a process until its [`Process`] value is dropped.
pub fn watch(process: &Arc<Process>, bounds: Bounds) {
    static THREAD: Once = Once::new();
    let watched = (Arc::downgrade(process), bounds);
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
    if cfg!(target_os = "linux") {
        THREAD.call_once(|| {
            // If no thread can be started, the programs run without these limits.
            let _ = thread::Builder::new().name("memory".to_owned()).spawn(keep_looking);
        });
    }
}

fn keep_looking() {
    loop {
        let begin = Instant::now();
        look();
        // A longer check is followed by a longer pause, because a check takes a long time on a machine with thousands
        // of processes.
        thread::sleep(INTERVAL.max(begin.elapsed() * 20));
    }
}

fn look() {
    let running: Vec<_> = {
        let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|(one, _)| one.strong_count() > 0);
        let alive = watched.iter().filter_map(|(one, bounds)| Some((one.upgrade()?, *bounds)));
        alive.filter(|(one, _)| one.ended().is_none()).collect()
    };
    if running.is_empty() {
        return;
    }
    let table = Table::read();
    let programs: HashSet<i32> =
        running.iter().map(|(program, _)| program.pid().as_raw()).collect();
    for (program, bounds) in &running {
        let pid = program.pid().as_raw();
        let excess = |table: &Table| {
            let orphans = table.orphans().filter(|(_, line)| line.session == pid);
            let orphans = orphans.map(|(pid, _)| pid);
            table.excess(std::iter::once(pid).chain(orphans), *bounds)
        };
        // While a process is exiting, its memory may be counted twice: once for the process itself and once for the
        // processes with which it shared the memory.
        if let Some(excess) = excess(&table).and_then(|_| excess(&Table::read())) {
            program.end_because_of(excess);
            orphans::end_orphans();
        }
    }
    // Processes that have left their program's session cannot be assigned to a program, so they are counted together.
    // The grader's own helper processes are in the grader's session.
    let own = getsid(None).map_or(0, Pid::as_raw);
    let others = table.orphans().filter(|(pid, line)| {
        !programs.contains(pid) && !programs.contains(&line.session) && line.session != own
    });
    if table.excess(others.map(|(pid, _)| pid), Bounds::PROGRAM).is_some() {
        orphans::end_orphans();
    }
}

/// A process, as described in `/proc/PID/stat`; see `proc_pid_stat(5)`.
struct Line {
    parent: i32,
    group: i32,
    session: i32,
    memory: u64,
}

/// All processes on the system.
struct Table(HashMap<i32, Line>);

impl Table {
    fn read() -> Self {
        // SAFETY: a plain system call.
        #[allow(unsafe_code)]
        let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let line = |pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // `7 (name) R 1 7 7 …`, where the name may contain anything
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |at: usize| fields.get(at)?.parse().ok();
            let pages: u64 = fields.get(21)?.parse().ok()?;
            let memory = pages * page;
            Some((pid, Line { parent: number(1)?, group: number(2)?, session: number(3)?, memory }))
        };
        let names = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self(pids.filter_map(line).collect())
    }

    /// Returns the grader's children that are not in the grader's process group. The grader's own helper processes are
    /// in that group.
    fn orphans(&self) -> impl Iterator<Item = (i32, &Line)> {
        let (own, group) = (Pid::this().as_raw(), getpgrp().as_raw());
        let is_orphan = move |line: &Line| line.parent == own && line.group != group;
        self.0.iter().filter(move |(_, line)| is_orphan(line)).map(|(&pid, line)| (pid, line))
    }

    /// Returns the limit that these processes and their descendants exceed, if any.
    fn excess(&self, roots: impl Iterator<Item = i32>, bounds: Bounds) -> Option<Excess> {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (&pid, line) in &self.0 {
            children.entry(line.parent).or_default().push(pid);
        }
        // The program itself is the first process in its session.
        let mut known: HashSet<i32> = roots.collect();
        let mut all: Vec<i32> = known.iter().copied().collect();
        let mut next = 0;
        while let Some(pid) = all.get(next) {
            let more: Vec<_> = children
                .get(pid)
                .into_iter()
                .flatten()
                .copied()
                .filter(|pid| known.insert(*pid))
                .collect();
            all.extend(more);
            next += 1;
        }
        let resident = |pid: &i32| self.0.get(pid).map_or(0, |line| line.memory);
        if all.len() > bounds.processes {
            Some(Excess::Processes)
        } else if all.iter().map(resident).sum::<u64>() <= bounds.memory {
            None
        } else {
            // Processes can share pages of memory, for example after fork(2). The amount of shared memory is determined
            // only if the memory limit might be exceeded, because determining it takes more time.
            let own = |pid: &i32| proportional(*pid, resident(pid));
            (all.iter().map(own).sum::<u64>() > bounds.memory).then_some(Excess::Memory)
        }
    }
}

/// Returns how much memory a process uses, including its proportional share of shared pages; see `proc_pid_smaps(5)`.
/// Returns `resident` if the system does not report the process's share of the shared pages, and 0 if the process has
/// exited in the meantime.
fn proportional(pid: i32, resident: u64) -> u64 {
    let text = match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) => text,
        Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return 0,
        Err(_) if !Path::new(&format!("/proc/{pid}")).exists() => return 0,
        Err(_) => return resident,
    };
    bytes_of(&text, "Pss:").unwrap_or(resident)
}

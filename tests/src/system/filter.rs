//! Forbids system calls that Landlock does not restrict and that a program under test could use to affect the grader,
//! another program, or the machine. A forbidden call fails with `EPERM`, as in most containers, so language runtimes
//! can handle the error.

use std::sync::OnceLock;

use libc::{
    AF_INET, AF_INET6, CLONE_NEWUSER, IPPROTO_TCP, MSG_FASTOPEN, PRIO_PROCESS, SOCK_DGRAM,
    SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, c_int, c_long,
};
use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

/// System calls that no chat program needs.
const REFUSED: &[c_long] = &[
    // a way around the filter
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // resources that outlive the program
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_msgget,
    libc::SYS_msgsnd,
    libc::SYS_msgrcv,
    libc::SYS_msgctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semctl,
    libc::SYS_semtimedop,
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // the machine
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_mount_setattr,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
];

/// System calls that are allowed only if their first argument, a process id, is 0. The id 0 means the calling process.
const ONLY_ONESELF: &[c_long] = &[
    libc::SYS_prlimit64,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setattr,
];

/// Returns the filter, if this machine's architecture is supported. The filter is the same for all programs.
pub fn program() -> Option<&'static BpfProgram> {
    static PROGRAM: OnceLock<Option<BpfProgram>> = OnceLock::new();
    PROGRAM.get_or_init(|| build().ok()).as_ref()
}

/// Returns whether the kernel can filter system calls.
pub fn holds() -> bool {
    // This file exists if and only if the kernel supports filters. On a machine without `/proc`, this function returns
    // false, but the filter is still applied before programs start.
    program().is_some() && std::path::Path::new("/proc/sys/kernel/seccomp/actions_avail").exists()
}

fn build() -> Result<BpfProgram, Error> {
    use SeccompCmpOp::{MaskedEq, Ne};

    let is = |index: u8, how: SeccompCmpOp, value: c_int| {
        let value = u64::from(value.cast_unsigned());
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, how, value)
    };
    let mask = |bits: c_int| MaskedEq(u64::from(bits.cast_unsigned()));
    let rule = SeccompRule::new;

    let mut rules: Vec<(c_long, Vec<SeccompRule>)> =
        REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    for &call in ONLY_ONESELF {
        rules.push((call, vec![rule(vec![is(0, Ne, 0)?])?]));
    }
    for call in [libc::SYS_setpriority, libc::SYS_ioprio_set] {
        // IOPRIO_WHO_PROCESS is 1, and PRIO_PROCESS is 0.
        let process = if call == libc::SYS_ioprio_set { 1 } else { PRIO_PROCESS.cast_signed() };
        rules.push((call, vec![rule(vec![is(0, Ne, process)?])?, rule(vec![is(1, Ne, 0)?])?]));
    }
    // A program may open only TCP sockets, and only in ways that Landlock can restrict. Socket pairs (socketpair) are
    // still allowed.
    let mut sockets = vec![
        rule(vec![is(0, Ne, AF_INET)?, is(0, Ne, AF_INET6)?])?,
        rule(vec![is(2, Ne, 0)?, is(2, Ne, IPPROTO_TCP)?])?,
    ];
    for kind in [SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET] {
        sockets.push(rule(vec![is(1, mask(0xf), kind)?])?);
    }
    rules.push((libc::SYS_socket, sockets));
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.push((call, vec![rule(vec![is(flags, mask(MSG_FASTOPEN), MSG_FASTOPEN)?])?]));
    }
    let user = rule(vec![is(0, mask(CLONE_NEWUSER), CLONE_NEWUSER)?])?;
    rules.push((libc::SYS_clone, vec![user]));

    let refused = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let rules = rules.into_iter().collect();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)?;
    let filter: BpfProgram = filter.try_into()?;
    Ok(before().into_iter().chain(filter).collect())
}

/// The instructions that precede the filter and reject `clone3` and x32 ABI calls. The flags of `clone3` are in memory,
/// where a filter cannot see them. The x32 ABI's calls have different numbers. The error is `ENOSYS`, so that the C
/// library uses other calls instead.
fn before() -> [sock_filter; 4] {
    const X32: u32 = 0x4000_0000;
    let clone3 = u32::try_from(libc::SYS_clone3).unwrap_or(u32::MAX);
    let step = |code: u32, yes: u8, no: u8, value: u32| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt: yes,
        jf: no,
        k: value,
    };
    let jump = libc::BPF_JMP | libc::BPF_K;
    [
        // loads the number of the system call
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(jump | libc::BPF_JGE, 1, 0, X32),
        step(jump | libc::BPF_JEQ, 0, 1, clone3),
        step(
            libc::BPF_RET | libc::BPF_K,
            0,
            0,
            libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(),
        ),
    ]
}

//! Removes most of root's capabilities from a program if the grader runs as root; see capabilities(7). With all of
//! root's capabilities, a program could open the disk as a device, raise its own limits, or take processor time from
//! all other programs.

/// The capabilities that a program keeps, as numbered in `linux/capability.h`: those that concern files and users, and
/// the one for binding to low ports. Landlock restricts what these capabilities allow. Without these capabilities, root
/// could not run a program in a student's folder. They are `CAP_CHOWN`, `CAP_DAC_OVERRIDE`, `CAP_DAC_READ_SEARCH`,
/// `CAP_FOWNER`, `CAP_FSETID`, `CAP_SETGID`, `CAP_SETUID`, and `CAP_NET_BIND_SERVICE`.
const KEPT: [libc::c_ulong; 8] = [0, 1, 2, 3, 4, 6, 7, 10];

/// The kernel supports at most 64 capabilities.
const MOST: libc::c_ulong = 64;

/// Limits the capabilities that this process has after its next `exec`, and those of all its future children.
pub(super) fn drop_most() {
    let unused: libc::c_ulong = 0;
    for right in (0..MOST).filter(|right| !KEPT.contains(right)) {
        // SAFETY: a plain system call. The call fails for non-root users, but they have no capabilities to drop.
        #[allow(unsafe_code)]
        unsafe {
            libc::prctl(libc::PR_CAPBSET_DROP, right, unused, unused, unused);
        }
    }
}

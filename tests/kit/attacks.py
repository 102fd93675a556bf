"""Tries to use things that a chat does not need, and prints whether each attempt succeeded.

Every attempt is harmless: it sets a value only to its current value, and reaches only things that the test has made.
"""

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import struct
import sys
import termios

_, port, kit, neighbour, other_port, other_socket, other_pid, other_terminal, other_memory = sys.argv
other_pid = int(other_pid)
temporary = os.environ["TMPDIR"]
parent = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)
# Some system calls have no wrapper function in the C library. Their numbers on x86-64 differ from those on other
# processors.
X86 = os.uname().machine == "x86_64"


def call(x86, other, *arguments):
    result = libc.syscall(x86 if X86 else other, *arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def tcp(protocol=0):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)


def abstract():
    here = socket.socket(socket.AF_UNIX)
    here.bind("\0chat-lab-%d" % os.getpid())


def connects_fast():
    tcp().sendto(b"x", 0x20000000, ("127.0.0.1", int(other_port)))


def binds_another():
    other = tcp()
    other.bind(("127.0.0.1", 0))
    other.listen()


def udp():
    to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    to.sendto(b"x", ("127.0.0.1", int(other_port)))


def memory_of_the_parent():
    with open("/proc/%d/environ" % parent, "rb") as file:
        file.read(1)


def reads_memory():
    here, there = ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)
    local = struct.pack("PN", ctypes.addressof(here), 8)
    remote = struct.pack("PN", ctypes.addressof(there), 8)
    call(310, 270, os.getpid(), local, 1, remote, 1, 0)


def traces_a_child():
    child = os.fork()
    if child == 0:
        os.read(0, 1)
        os._exit(0)
    try:
        libc.ptrace.argtypes = [ctypes.c_long] * 4
        checked(libc.ptrace(0x4206, child, 0, 0))
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def in_a_child(what):
    """Runs in a child process an attempt that would change this process."""
    child = os.fork()
    if child == 0:
        try:
            what()
        except OSError as error:
            os._exit(error.errno)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status < 0:
        raise OSError(-status, signal.strsignal(-status))
    if status:
        raise OSError(status, os.strerror(status))


def queue():
    name = b"/chat-lab-%d" % os.getpid()
    call(240, 180, name[1:], os.O_CREAT | os.O_RDWR, 0o600, None)
    call(241, 181, name[1:])


def runs(program):
    in_a_child(lambda: os.execv(program, [program, "--version"]))


def shm():
    id = call(29, 194, 0, 4096, 0o1600)
    call(31, 195, id, 0, None)


def messages():
    id = call(68, 186, 0, 0o1600)
    call(71, 187, id, 0, None)


def semaphores():
    id = call(64, 190, 0, 1, 0o1600)
    call(66, 191, id, 0, 0)


def another_address():
    """This computer's other addresses stand for other computers."""
    tcp().connect(("127.0.0.77", int(port)))


def ports_of_others():
    with open("/proc/self/net/tcp") as table:
        if ":%04X " % int(other_port) not in table.read():
            raise OSError(2, "not there")


def network_of_the_computer():
    names = [line.split(":")[0].strip() for line in open("/proc/self/net/dev").readlines()[2:]]
    if names == ["lo"]:
        raise OSError(2, "only its own")


def types_for_others():
    terminal = os.open(other_terminal, os.O_RDWR | os.O_NOCTTY)
    fcntl.ioctl(terminal, termios.TIOCSTI, b"x")


def writes_for_others():
    terminal = os.open(other_terminal, os.O_WRONLY | os.O_NOCTTY)
    os.write(terminal, b"1.1 passed")


def in_32_bits():
    """If `mov eax, 20; int 0x80; ret` succeeds, it returns the process id."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    checked(ctypes.CFUNCTYPE(ctypes.c_int)(address)())


def clones():
    child = call(56, 220, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def clones_anew():
    arguments = struct.pack("8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    child = call(435, 435, arguments, len(arguments))
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def mounts():
    folder = (temporary + "/mount").encode()
    os.mkdir(folder)
    checked(libc.mount(b"none", folder, b"tmpfs", 0, None))
    checked(libc.umount2(folder, 0))


def opens_the_disk():
    device = temporary + "/disk"
    os.mknod(device, stat.S_IFBLK | 0o600, os.stat(kit).st_dev)
    os.close(os.open(device, os.O_RDONLY))


def keeps_a_file():
    """The grader could not remove a file that cannot be changed."""
    with open(temporary + "/kept", "w") as file:
        flags = bytearray(fcntl.ioctl(file, 0x80086601, bytes(8)))
        fcntl.ioctl(file, 0x40086602, bytes([flags[0] | 0x10]) + bytes(flags[1:]))
        fcntl.ioctl(file, 0x40086602, bytes(flags))


def raises_its_limits():
    in_a_child(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 40, 1 << 40)))


def map_of_the_kernel():
    call(321, 280, 0, struct.pack("4I", 2, 4, 4, 1) + bytes(112), 128)


def counts_events():
    call(298, 241, struct.pack("IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0)


def traces_the_grader():
    libc.ptrace.argtypes = [ctypes.c_long] * 4
    in_a_child(lambda: checked(libc.ptrace(0x4206, parent, 0, 0)))


ATTACKS = {
    "reads the grader's memory": lambda: open("/proc/%d/mem" % parent, "rb").close(),
    "reads the grader's open files": lambda: os.listdir("/proc/%d/fd" % parent),
    "reads a neighbor's command line": lambda: open("/proc/%d/cmdline" % other_pid).read(1),
    "reads the registry": lambda: os.listdir(os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")) + "/registry"),
    "traces the grader": traces_the_grader,
    "ends a neighbor": lambda: os.kill(other_pid, signal.SIGTERM),
    "ends a neighbor by a descriptor": lambda: signal.pidfd_send_signal(os.pidfd_open(other_pid), signal.SIGTERM),
    "slows a neighbor down": lambda: os.setpriority(os.PRIO_PROCESS, other_pid, os.getpriority(os.PRIO_PROCESS, other_pid)),
    "opens a neighbor's shared memory": lambda: os.close(os.open("/dev/shm/" + other_memory, os.O_RDWR)),
    "writes to the folder for temporary files": lambda: (open("/tmp/chat-lab-attack-%d" % os.getpid(), "w").close(), os.remove("/tmp/chat-lab-attack-%d" % os.getpid())),
    "types into another program's terminal": types_for_others,
    "writes to another program's terminal": writes_for_others,
    "connects to its port at another address": another_address,
    "sees other programs' ports": ports_of_others,
    "sees the computer's network": network_of_the_computer,
    "opens a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "opens a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "connects to a local socket without a file": lambda: socket.socket(socket.AF_UNIX).connect("\0" + other_memory),
    "makes a 32-bit system call": lambda: in_a_child(in_32_bits),
    "clones itself into a new namespace": clones,
    "clones itself into a new namespace with clone3": clones_anew,
    "changes its root": lambda: in_a_child(lambda: os.chroot(temporary)),
    "mounts a file system": mounts,
    "opens the disk": opens_the_disk,
    "keeps a file from being removed": keeps_a_file,
    "raises its own limits": raises_its_limits,
    "gets a whole processor": lambda: in_a_child(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),
    "runs before other programs": lambda: in_a_child(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),
    "makes a BPF map": map_of_the_kernel,
    "counts processor events": counts_events,
    "handles its own page faults": lambda: os.close(call(323, 282, 1)),
    "reads the grader": lambda: open(kit + "/tests/src/lib.rs").read(1),
    "reads the finished programs": lambda: open(kit + "/solutions/lab1-one-to-one/server/src/main.rs").read(1),
    "reads another submission's work": lambda: open(neighbour + "/work").read(1),
    "lists another submission's work": lambda: os.listdir(neighbour),
    "lists the home folder": lambda: os.listdir(os.path.expanduser("~")),
    "lists the kit": lambda: os.listdir(kit + "/labs"),
    "runs another submission's program": lambda: runs(neighbour + "/program"),
    "reads through a link": lambda: (os.symlink(neighbour + "/work", os.environ["TMPDIR"] + "/link"), open(os.environ["TMPDIR"] + "/link").read(1)),
    "reads through another name": lambda: (os.link(neighbour + "/work", os.environ["TMPDIR"] + "/hard"), open(os.environ["TMPDIR"] + "/hard").read(1)),
    "reads the grader's command line": lambda: open("/proc/%d/cmdline" % parent).read(1),
    "reads the grader's environment": memory_of_the_parent,
    "lists all processes": lambda: os.listdir("/proc"),
    "lists shared memory": lambda: os.listdir("/dev/shm"),
    "writes to another submission's file": lambda: open(neighbour + "/work", "a").close(),
    "truncates another submission's file": lambda: os.truncate(neighbour + "/work", 1),
    "makes a file in the kit's folder": lambda: (open(neighbour + "/new", "w").close(), os.remove(neighbour + "/new")),
    "signals the grader": lambda: os.kill(parent, 0),
    "connects to another port": lambda: tcp().connect(("127.0.0.1", int(other_port))),
    "connects over multipath TCP": lambda: tcp(262).connect(("127.0.0.1", int(other_port))),
    "connects by sending": connects_fast,
    "listens on another port": binds_another,
    "sends by UDP": udp,
    "opens a netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "connects to a local socket": lambda: socket.socket(socket.AF_UNIX).connect(other_socket),
    "opens a local socket without a file": abstract,
    "limits the grader": lambda: resource.prlimit(parent, resource.RLIMIT_CORE, resource.prlimit(parent, resource.RLIMIT_CORE)),
    "slows the grader down": lambda: os.setpriority(os.PRIO_PROCESS, parent, os.getpriority(os.PRIO_PROCESS, parent)),
    "slows all programs down": lambda: os.setpriority(os.PRIO_USER, 0, os.getpriority(os.PRIO_PROCESS, 0)),
    "ties the grader to a processor": lambda: os.sched_setaffinity(parent, os.sched_getaffinity(parent)),
    "changes the grader's scheduling": lambda: os.sched_setscheduler(parent, os.sched_getscheduler(parent), os.sched_getparam(parent)),
    "keeps the grader from the disk": lambda: call(251, 30, 1, parent, call(252, 31, 1, parent)),
    "reads the memory of a process": reads_memory,
    "traces a process": traces_a_child,
    "opens an io_uring": lambda: os.close(call(425, 425, 1, ctypes.create_string_buffer(120))),
    "leaves System V shared memory": shm,
    "leaves System V messages": messages,
    "leaves System V semaphores": semaphores,
    "leaves a message queue": queue,
    "leaves a key": lambda: call(250, 219, 0, -3, 0),
    "gets namespaces of its own": lambda: in_a_child(lambda: checked(libc.unshare(0x10000000))),
}

for name, attack in ATTACKS.items():
    try:
        attack()
        print(name + ": done")
    except OSError as error:
        print("%s: held, %s" % (name, error.strerror))
    except (AttributeError, PermissionError, termios.error) as error:
        print("%s: held, %s" % (name, error))
# A chat needs all of the following.
here, there = socket.socketpair()
here.sendall(b"x")
with open("/proc/self/status") as file, open("/dev/stdin"), open("/dev/urandom", "rb"):
    file.read()
own = tcp()
own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
own.bind(("127.0.0.1", int(port)))
own.listen()
tcp().connect(("127.0.0.1", int(port)))
print("all tried", flush=True)

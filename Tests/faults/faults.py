# SPDX-License-Identifier: Apache-2.0
"""Commands of ours with one fault in them: a system call that fails or is the last, an old kernel, a kill.

A `Command` is one row of the table in commands.py; a `Runner` runs it on a simulated node through inject.c."""

import errno
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "blackbox/inject"))
from injection import PATH_VARIABLE, RECORDER, Node, images  # noqa: E402

AT_EMPTY_PATH = 0x1000
TEMPORARY = re.compile(r"\.config\.json\.|\.nvidia-runtime|nvml\.new$")


@cache
def program(name):
    """A C program of this folder or of testdata, built."""
    source, = [path for path in (HERE / f"{name}.c", HERE.parents[1] / f"testdata/{name}/{name}.c") if path.exists()]
    to = images.BUILD / f"faults-{name}"
    to.parent.mkdir(parents=True, exist_ok=True)
    images.run("gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-static", "-o", to, source)
    return to


@cache
def numbers():
    """The numbers of the system calls, by name."""
    words = ("cc", "-dM", "-E", "-include", "sys/syscall.h", "-x", "c", "/dev/null")
    text = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)}


@cache
def names():
    return {number: name for name, number in numbers().items()}


# Of each kind of call, what the kernel can answer (the manual pages, section 2, ERRORS), and what filters of engines do
# (EPERM, ENOSYS).
LOOKING = ("ENOENT", "EACCES", "EIO", "ENOMEM", "EPERM", "ENOSYS", "EINTR", "ELOOP", "ESTALE")
OPENED = ("EIO", "ENOMEM", "EPERM", "ENOSYS", "EINTR", "ESTALE")
OPENING = (*LOOKING, "EMFILE", "ENFILE", "EAGAIN")
MAKING = ("ENOSPC", "EDQUOT", "EROFS", "EPERM", "EACCES", "EIO", "ENOMEM", "EEXIST", "EINTR", "ENOSYS", "EBUSY")
READING = ("EIO", "EINTR", "EAGAIN", "ENOMEM", "EISDIR", "EPERM")
MEMORY = ("ENOMEM", "EAGAIN", "EPERM")
STARTING = ("EAGAIN", "ENOMEM", "EPERM", "ENOSYS", "EINTR")
CONFINING = ("EPERM", "EINVAL", "ENOMEM", "ENOSYS", "EFAULT", "EINTR")  # and all calls that are not listed
# Groups of calls. See `Call.errors`.
KINDS = {
    "newfstatat statx stat lstat readlink readlinkat access faccessat2 statfs getcwd": LOOKING,
    "fstat fstatfs": OPENED,
    "open openat": OPENING,
    "creating-openat": (*OPENING, *MAKING),
    "openat2": (*OPENING, "E2BIG", "EXDEV"),
    "execve execveat": (*OPENING, "ETXTBSY", "E2BIG"),
    "mkdir mkdirat mknodat symlinkat linkat unlinkat unlink rename": MAKING,
    "chmod fchmod fchmodat fchmodat2 fchown fchownat": MAKING,
    "ftruncate fallocate mount umount2 open_tree move_mount fsopen fsconfig fsmount mount_setattr": MAKING,
    "renameat renameat2": (*MAKING, "EXDEV"),
    "read pread64": READING,
    "getdents64": (*READING, "ENOENT", "ENOSYS"),
    "write": ("ENOSPC", "EDQUOT", "EIO", "EINTR", "EAGAIN", "EPIPE", "EFBIG", "EPERM"),
    "close": ("EIO", "EINTR", "ENOSPC"),
    "lseek": ("EINVAL", "ESPIPE"),
    "fgetxattr": ("ENOTSUP", "EIO", "EPERM", "ENODATA"),
    "fsetxattr": ("ENOTSUP", "ENOSPC", "EDQUOT", "EPERM"),
    "flock": ("ENOLCK", "EINTR", "ENOSYS"),
    "pipe2": ("EMFILE", "ENFILE", "ENOSYS"),
    "dup2": ("EMFILE", "EINTR"),
    "poll ppoll": ("EINTR", "ENOMEM", "EAGAIN"),
    "mmap brk munmap mremap": MEMORY,
    "mprotect": (*MEMORY, "EACCES"),
    "clone clone3 fork vfork": STARTING,
    "wait4 waitid": ("EINTR", "ECHILD"),
    "kill": ("ESRCH", "EPERM"),
    "prctl": ("EPERM", "EINVAL"),
    "getrandom": ("ENOSYS", "EINTR", "EAGAIN", "EPERM"),
    # What can't fail when its arguments are right, and they are.
    "getpid gettid getuid geteuid getgid getegid getppid umask alarm uname sched_yield exit exit_group setitimer": (),
    "set_tid_address set_robust_list rseq arch_prctl rt_sigaction rt_sigprocmask rt_sigreturn clock_gettime getcpu": (),
}
ERRORS = {name: errors for group, errors in KINDS.items() for name in group.split()}
SHORT = ("read", "pread64", "write")
# Where inject.c looks at every call.
TRACED = ("trace", "kill", "error", "short", "without")


@dataclass
class Call:
    """The `place`-th system call of a good run."""

    place: int
    name: str
    arguments: tuple

    @property
    def use(self):
        """Its name in `KINDS`."""
        if self.name == "openat" and self.arguments[2] & os.O_CREAT:
            return "creating-openat"
        return "fstat" if self.name == "newfstatat" and self.arguments[3] & AT_EMPTY_PATH else self.name

    @property
    def errors(self):
        """What it is made to fail with, by name."""
        return ERRORS.get(self.use, CONFINING)


@dataclass
class Ending:
    """How one run ended, and what it left."""

    fault: str
    call: str | None  # the one with the fault, and with which error
    error: str | None
    status: int
    signal: int
    executed: bool | None  # nobody looked
    left: int
    mounts_are_same: bool
    seconds: float
    stderr: str
    confinement: str


class PrivateNode(Node):
    """A node in which no mount appears that is made elsewhere on the machine, as by other tests."""

    def __init__(self, *options):
        super().__init__(*options)
        self.run("mount", "--make-rprivate", "/", check=True)


class Runner:
    """Runs a command on a node, any number of times."""

    def __init__(self, node, folder, words, stdin=b""):
        self.files = [folder / name for name in ("stdin", "stdout", "stderr")]
        self.files[0].write_bytes(stdin)
        enter = ("nsenter", "--target", str(node.pid), "--mount", "--pid", "--cgroup", "--wdns=/", "--")
        self.process = subprocess.Popen(
            [*enter, program("inject"), *self.files, RECORDER, *map(str, words)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env={"PATH": PATH_VARIABLE})

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def run(self, *request):
        """One run with the fault `request`, in the words of inject.c: its ending, and with `trace` its calls too."""
        self.process.stdin.write(" ".join(map(str, request)) + "\n")
        self.process.stdin.flush()
        calls = []
        while True:
            line = self.process.stdout.readline()
            kind, *words = line.split()
            if kind == "ended":
                break
            number, *arguments = map(int, words)
            calls.append(Call(len(calls) + 1, names()[number], tuple(arguments)))
        *words, confinement = words
        status, signal, _, number, executed, left, mounts_are_same, microseconds = map(int, words)
        ending = Ending(
            fault=" ".join(map(str, request)), call=names().get(number), error=None, status=status, signal=signal,
            executed=bool(executed) if request[0] in TRACED else None, left=left, mounts_are_same=bool(mounts_are_same),
            seconds=microseconds / 1e6, stderr=self.files[2].read_text(), confinement=confinement)
        return (ending, calls) if request == ("trace",) else ending

    def error(self, call, name):
        """One run where `call` fails with the error `name`."""
        ending = self.run("error", call.place, getattr(errno, name))
        ending.fault, ending.error = f"{name} of {call.name} ({call.place})", name
        return ending

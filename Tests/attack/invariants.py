# SPDX-License-Identifier: Apache-2.0
"""What no attack may break, whatever else it achieves: I1 to I9, checked after every test.

I1  the host's files are as they were, and there are no new ones outside of what the attack is about
I2  the host has the mounts that it had
I3  no process is left
I4  config.json is the one that it was, or completely the new one
I5  no device was granted but those that may be
I6  what was none of our business in config.json is the same, byte by byte
I7  everything ended in time
I8  nothing in logs and on standard error controls a terminal
I9  nothing crashed
and a daemon that lives on has the descriptors that it had.
"""

import ctypes
import hashlib
import json
import os
import re
import resource
import signal
import stat
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

LIMIT = 30.0  # seconds; tests state less
LIBRARY = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE, PR_SET_CHILD_SUBREAPER = 0x00020000, 0x4000, 0x40000, 36
CRASHES = {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS}
# Names that the programs under test write, so that a write which goes astray hits a file; `empty` is for new files.
CANARY_FILES = {
    "secret": (0o600, 0, 0), "shadow": (0o640, 0, 42), "program": (0o4755, 0, 0), "ld.so.cache": (0o644, 0, 0),
    "ld.so.conf": (0o644, 0, 0), "ld.so.conf.d/00-nvidia-runtime.conf": (0o644, 0, 0), "config.json": (0o644, 0, 0),
    "libcuda.so.1": (0o755, 1000, 1000), "libcuda.so": (0o444, 0, 0), "libcuda.so.550.1": (0o644, 0, 0),
    "folder/file": (0o606, 1000, 1000),
}
# Of the host: whole trees, folders alone, and folders of which only the names count, as others work in them.
TREES, FOLDERS, NAMES = ("/etc", "/run"), ("/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64"), ("/", "/opt", "/usr")
# What we write into a config.json, by its path there.
EDITED = (
    "mounts", "hooks", "linux.devices", "linux.resources", "linux.netDevices", "linux.intelRdt", "process.env",
    "process.user",
)
long_lived = set()


def _checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), what)


def take_own_mounts():
    """Gives this process mounts of its own, with an empty /run, and the orphans among its descendants. It is "the host"
    for what it starts."""
    _checked(LIBRARY.unshare(CLONE_NEWNS), "unshare")
    _checked(LIBRARY.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    _checked(LIBRARY.mount(b"none", b"/run", b"tmpfs", 0, b"mode=755"), "mount /run")
    _checked(LIBRARY.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "become the reaper of orphans")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # a crash shall leave its core


# The state of things


def entry(path):
    """All that tells whether a file was changed or replaced; its time of access may."""
    status = os.lstat(path)
    return (
        status.st_ino, status.st_mode, status.st_nlink, status.st_uid, status.st_gid, status.st_rdev,
        0 if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def contents(path):
    """What is in the file, the link or the extended attributes."""
    mode = os.lstat(path).st_mode
    attributes = tuple((name, os.getxattr(path, name, follow_symlinks=False))
                       for name in os.listxattr(path, follow_symlinks=False))
    if stat.S_ISLNK(mode):
        return os.readlink(path), attributes
    if stat.S_ISREG(mode):
        return hashlib.sha256(Path(path).read_bytes()).hexdigest(), attributes
    return None, attributes


def tree(top, *, deep=False):
    """Every file below `top` and `top` itself, by its path; `deep` reads them too."""
    found, rest = {}, [os.fspath(top)]
    while rest:
        path = rest.pop()
        try:
            found[path] = entry(path), contents(path) if deep else None
            if stat.S_ISDIR(found[path][0][1]):
                rest += [each.path for each in os.scandir(path)]
        except FileNotFoundError:
            continue  # it is going away just now
    return found


def difference(before, after):
    """What the two say differently, in words."""
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            yield f"{path} is gone ({before[path]})"
        elif path not in before:
            yield f"{path} is new ({after[path]})"
        elif before[path] != after[path]:
            yield f"{path} was changed from {before[path]} to {after[path]}"


def host_files():
    found = {}
    for top in TREES:
        found |= tree(top)
    for path in [path for path in found if path.startswith("/run/mount")] + ["/run"]:
        found.pop(path, None)  # mount(8) keeps notes there
    for folder in FOLDERS:
        if os.path.isdir(folder):
            found |= {each.path: entry(each.path) for each in os.scandir(folder) if not each.is_dir()}
    for folder in NAMES:
        found |= {each.path: each.inode() for each in os.scandir(folder)}
    for parent, folders, files in os.walk("/dev"):
        if parent == "/dev":
            folders[:] = [name for name in folders if name not in ("pts", "shm", "mqueue", "fd")]
        for name in files:
            path = os.path.join(parent, name)
            found[path] = entry(path)[:2] + entry(path)[3:6]  # who writes to a terminal changes its times
    return found


def mounts(process="self"):
    """How often each mount is there, without its number."""
    lines = Path(f"/proc/{process}/mountinfo").read_text().splitlines()
    return Counter(re.sub(r"^\d+ \d+ ", "", line) for line in lines)


def _stat(pid):
    """The state, the parent and the time of start of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return words[0], int(words[1]), int(words[19])


def descendants(of=None):
    """Number and time of start of each living process below this one or below `of`."""
    parents, started = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            state, parent, start = _stat(name)
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(name)] = parent
        if state not in "ZX":
            started[int(name)] = start
    found, known = set(), {of or os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in known} - known:
        known |= new
        found |= new
    return {(pid, started[pid]) for pid in found if pid in started}


def let_live(pid):
    """That process and those below it now may outlive tests: a simulated node, say."""
    long_lived.update(descendants(pid) | {(pid, _stat(pid)[2])})


def descriptors(pid):
    """What each descriptor of the process is of."""
    return {name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}


# config.json


def members(text, edited=EDITED, path=""):
    """The text of each member of the document by its path. Where `edited` names what is below a member, of each of its
    members."""
    decoder, position, found = json.JSONDecoder(strict=False), 0, {}

    def skip(characters):
        nonlocal position
        while position < len(text) and text[position] in " \t\r\n" + characters:
            position += 1

    skip("{")
    while position < len(text) and text[position] != "}":
        name, position = decoder.raw_decode(text, position)
        skip(":")
        value, end = decoder.raw_decode(text, position)
        inner = f"{path}.{name}" if path else name
        if isinstance(value, dict) and any(each.startswith(inner + ".") for each in edited):
            found |= members(text[position:end], edited, inner)
        elif inner not in edited:
            found[inner] = text[position:end]
        position = end
        skip(",")
    return found


def granted(document):
    """The numbers of the devices that a document makes or allows."""
    linux = document.get("linux") or {}
    for device in linux.get("devices") or []:
        yield device["type"], device["major"], device["minor"]
    for rule in (linux.get("resources") or {}).get("devices") or []:
        if rule["allow"]:
            yield rule.get("type", "a"), rule.get("major", -1), rule.get("minor", -1)


@dataclass
class Config:
    """A config.json under guard. `devices` are those that may be granted, as (type, major, minor); `expected` is the
    new text where only one is right."""

    path: Path
    devices: frozenset
    edited: tuple
    expected: bytes | None

    def __post_init__(self):
        self.before = self.path.read_bytes()
        self.folder = set(os.listdir(self.path.parent))

    def violations(self):
        after = self.path.read_bytes()
        left = set(os.listdir(self.path.parent)) - self.folder
        for name in sorted(name for name in left if "config.json" in name):
            yield f"I4: {name} was left beside config.json"
        if after == self.before:
            return
        if self.expected is not None and after != self.expected:
            yield "I4: config.json is neither the old nor the new one"
            return
        try:
            old, new = json.loads(self.before), json.loads(after)
        except ValueError as error:
            yield f"I4: config.json was changed, and the old or the new one is no JSON: {error}"
            return
        for device in sorted(set(granted(new)) - set(granted(old)) - self.devices):
            yield f"I5: {device} was granted"
        old, new = (members(text.decode("utf-8", "surrogateescape"), self.edited) for text in (self.before, after))
        yield from (f"I6: config.json: {text}" for text in difference(old, new))


@dataclass
class Run:
    """How a program ended."""

    code: int
    output: bytes
    error: bytes
    seconds: float


class Scene:
    """One attack: a folder for it, with a canary that nothing may touch, and the state of the host before it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.canary = self.folder / "canary"
        self.limit = LIMIT
        self._make_canary()
        self._reports, self._configs, self._daemons, self._spaces, self._trees = [], [], {}, {"self": mounts()}, {}
        self.guard_tree(self.canary)
        self._host, self._processes = host_files(), descendants()

    def _make_canary(self):
        self.canary.mkdir(mode=0o755)
        (self.canary / "empty").mkdir()
        for name, (mode, user, group) in CANARY_FILES.items():
            path = self.canary / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"canary {name}\n")
            os.chown(path, user, group)
            path.chmod(mode)
        os.symlink("secret", self.canary / "link")
        os.mkfifo(self.canary / "fifo")

    # What else is under guard

    def guard_tree(self, path):
        """Nothing below `path` may change."""
        self._trees[path] = tree(path, deep=True)

    def guard_config(self, path, *, devices=(), edited=EDITED, expected=None):
        self._configs.append(Config(Path(path), frozenset(devices), edited, expected))

    def guard_mounts(self, pid):
        """Of another mount namespace, that of the process `pid`."""
        self._spaces[pid] = mounts(pid)

    def guard_daemon(self, pid):
        """It has to keep the descriptors that it has."""
        self._daemons[pid] = descriptors(pid)

    # What happens

    def run(self, *command, input=b"", limit=None, output_is_ours=True, **options):
        """Runs a program of ours, or one that runs ours, and keeps what the invariants are about; `limit` is
        in seconds."""
        limit, start = limit or self.limit, time.monotonic()
        options.setdefault("cwd", self.folder)  # where a crash would leave its core
        process = subprocess.Popen(
            [os.fspath(word) if isinstance(word, (str, bytes, Path)) else str(word) for word in command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **options)
        try:
            output, error = process.communicate(input, limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, error = process.communicate()
            self.report(f"I7: no end after {limit} s: {command[0]}")
        seconds = time.monotonic() - start
        self.saw(process.returncode, *([output, error] if output_is_ours else []), seconds=seconds, limit=limit)
        return Run(process.returncode, output, error, seconds)

    def saw(self, code, *texts, seconds=0.0, limit=None):
        """For programs that `run` did not start: exit status as Popen has it, what they wrote, how long they took."""
        if seconds > (limit or self.limit):
            self.report(f"I7: it took {seconds:.1f} s")
        if -code in CRASHES or code - 128 in CRASHES:
            self.report(f"I9: a program ended with {code}")
        for text in texts:
            bad = re.search(rb"[^\n\x20-\x7e]", text)
            if bad:
                self.report(f"I8: byte {bad[0].hex()} in {text[max(0, bad.start() - 80):bad.end() + 40]!r}")

    def report(self, violation):
        self._reports.append(violation)

    # What came of it

    def violations(self, patience=3.0):
        """All that is not as it has to be, each with the number of the invariant. Processes have `patience` seconds to
        end."""
        found = list(self._reports)
        deadline = time.monotonic() + patience
        while (left := descendants() - self._processes - long_lived) and time.monotonic() < deadline:
            time.sleep(0.01)
        found += [f"I3: process {pid} is left: {_command(pid)}" for pid, _ in sorted(left)]
        for path, before in self._trees.items():
            found += [f"I1: {text}" for text in difference(before, tree(path, deep=True))]
        found += [f"I1: {text}" for text in difference(self._host, host_files())]
        for process, before in self._spaces.items():
            after = mounts(process)
            found += [f"I2: new mount: {line}" for line in after - before]
            found += [f"I2: lost mount: {line}" for line in before - after]
        for config in self._configs:
            found += config.violations()
        for pid, before in self._daemons.items():
            found += [f"descriptors of {pid}: {text}" for text in difference(before, descriptors(pid))]
        found += [f"I9: {path}" for path in self.folder.rglob("core*") if _is_core(path)]
        return found


def _command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "gone now"


def _is_core(path):
    if not path.is_file() or path.is_symlink():
        return False
    with open(path, "rb") as file:
        return file.read(18)[16:] == b"\x04\x00"  # ET_CORE

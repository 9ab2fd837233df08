# SPDX-License-Identifier: Apache-2.0
"""The commands under test: a row in `COMMANDS` each. A new one needs what `Command` says, and gets every fault."""

import json
import os
import random
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from faults import TEMPORARY, Runner, images
from injection import RECORDER, Bundle, Record, environment

LINE = re.compile(r"nvidia-\w[\w-]*: (NVR\d{4}: )?[ -~]{1,600}\n")
WARNINGS = re.compile(r"(nvidia-\w[\w-]*: warning: [ -~]{1,600}\n)*")
# What the C library says and does where it can't start a program.
LIBRARY = re.compile(r"\S*: error while loading shared libraries: .*\n|cannot set %fs base address .*|")
# Errors that are about us, and not about the file (LinuxError.isShortage).
SHORTAGES = ("EMFILE", "ENFILE", "ENOMEM", "EAGAIN")
MEMORY = ("brk", "mmap", "mremap", "mprotect")


class Command:
    """A command: `words`, `stdin` and what it may leave."""

    # Whether its success is that the low-level runtime is executed, and whether it mounts anything.
    executes = False
    mounts = False
    stdin = b""
    words = ()

    def __init__(self, node, folder):
        self.node, self.folder = node, folder
        self.prepare()
        self.runner = Runner(node, folder, self.words, self.stdin)
        self.reset()
        self.old = self.new = self.state()
        self.good, calls = self.runner.run("trace")
        self.calls = self.chosen(calls)
        self.new = self.state()
        assert (self.good.status, self.good.stderr, self.leftovers()) == (0, "", []), self.good
        assert self.new != self.old

    def prepare(self):
        """Makes what it works on."""
        raise NotImplementedError

    def reset(self):
        """Puts that back to where it was."""
        raise NotImplementedError

    def state(self):
        """What it changes, to be compared."""
        raise NotImplementedError

    def is_complete(self, state, ending):
        """Whether all that it must do is done in `state`, after a run that ended so."""
        raise NotImplementedError

    def is_whole(self, state, ending):
        """Whether no part of `state` is between what it was and what it is to be."""
        raise NotImplementedError

    def leftovers(self):
        """The temporary files."""
        raise NotImplementedError

    def chosen(self, calls):
        """The calls of a good run that are tried."""
        return calls

    def errors(self, call):
        """What a call is made to fail with."""
        return call.errors

    def age(self):
        """Makes the temporary files look as if they were left long ago."""

    def close(self):
        self.runner.close()

    def check(self, ending):
        """The promises that hold whatever goes wrong."""
        state, leftovers = self.state(), self.leftovers()
        assert ending.signal != -1, "no end"
        assert ending.left == 0, "a process is left"
        assert ending.mounts_are_same or self.mounts, "a mount is left or gone"
        assert self.is_whole(state, ending), "something is half done"
        is_killed = ending.fault.split()[0] in ("kill", "after")
        assert len(leftovers) <= (1 if is_killed else 0), leftovers
        if ending.status == 0:
            assert ending.executed in (None, self.executes)
            assert self.is_complete(state, ending), "success, and not all is done"
            assert WARNINGS.fullmatch(ending.stderr), ending.stderr
            if not self.executes and ending.confinement != "-":
                assert ending.confinement == self.good.confinement
        elif ending.signal == 0:
            assert not ending.executed
            if ending.status == 127:
                assert state == self.old and LIBRARY.fullmatch(ending.stderr), ending.stderr
            else:
                assert ending.status == 1
                lines = ending.stderr.splitlines(True)
                assert lines and LINE.fullmatch(lines[-1]) and WARNINGS.fullmatch("".join(lines[:-1])), ending.stderr
        elif is_killed:
            assert ending.signal == signal.SIGKILL, "a crash"
        else:
            # malloc(3), Swift's allocator and C++ end the process where there is no memory; nothing is half done.
            is_abort = ending.signal in (signal.SIGABRT, signal.SIGILL, signal.SIGTRAP)
            assert is_abort and ending.call in MEMORY, "a crash"

    def check_next(self):
        """After a run that was killed the next one puts all right, once it is clear that nobody is at it any more."""
        self.age()
        ending = self.runner.run("plain")
        self.check(ending)
        assert (ending.status, ending.stderr) == (0, ""), ending
        assert self.state() == self.new, "not put right"


class Create(Command):
    """The shim, for a container that asks for GPUs. The low-level runtime records the config.json that it sees."""

    executes = True
    request = ("all",)
    change = None

    def prepare(self):
        self.node.configure(f'[nvidia-container-runtime]\nruntimes = ["{RECORDER}"]\n')
        self.bundle = Bundle(self.folder / "bundle", *self.request, change=self.change)
        self.text = self.bundle.config.read_bytes()
        self.log = self.folder / "log"
        self.record = self.node.path(RECORDER).with_name("record")
        log = ("--log", self.log, "--log-format", "json")
        self.words = ("nvidia-runtime", *log, "create", "--bundle", self.bundle.folder, "id")

    def reset(self):
        for name in self.leftovers():
            (self.bundle.folder / name).unlink()
        for path in (self.record, self.log):
            path.unlink(missing_ok=True)
        self.bundle.config.write_bytes(self.text)

    def state(self):
        return self.bundle.config.read_bytes()

    def leftovers(self):
        return [name for name in os.listdir(self.bundle.folder) if TEMPORARY.search(name)]

    def recorded(self):
        """The config.json that the low-level runtime saw."""
        lines = dict(line.partition(" ")[::2] for line in self.record.read_text().splitlines())
        return bytes.fromhex(lines["spec"])

    def is_whole(self, state, ending):
        return state in (self.old, self.new) or self.is_reduced(state, ending)

    def is_complete(self, state, ending):
        if state == self.old:
            # The low-level runtime says best why it has no config.json.
            return ending.call == "openat" and ending.error in ("ENOENT", "EACCES", "ELOOP")
        return self.is_whole(state, ending)

    def is_reduced(self, state, ending):
        """All devices, the core of the driver and the hook are there, and the rest is as it was. A GPU that can't be
        read is not among all GPUs, unless it is we who lack something."""
        old, best, found = (json.loads(text) for text in (self.text, self.new, state))
        devices, rules = found["linux"]["devices"], found["linux"]["resources"]["devices"]
        if len(devices) != len(rules) - len(old["linux"]["resources"]["devices"]):
            return False
        missing = {device["path"] for device in best["linux"]["devices"]} - {device["path"] for device in devices}
        optional = {"/dev/nvidia-uvm-tools"}
        if ending.error not in SHORTAGES and len(missing & {"/dev/nvidia0", "/dev/nvidia1"}) == 1:
            optional |= {"/dev/nvidia0", "/dev/nvidia1"}
        mounts = {mount["destination"] for mount in found["mounts"]}
        core = [name for name in ("libcuda.so.", "libnvidia-ml.so.") if any(name in mount for mount in mounts)]
        if not missing <= optional or not mounts <= {mount["destination"] for mount in best["mounts"]} or len(core) < 2:
            return False
        hook, = found["hooks"]["createContainer"]
        if hook["args"][:2] != ["nvidia-runtime-hook", "create-container"]:
            return False
        for document in (old, found):
            document.pop("hooks", None)
            document.pop("mounts")
            document["linux"].pop("devices", None)
            document["linux"]["resources"].pop("devices")
        return found == old

    def check(self, ending):
        super().check(ending)
        executed = self.record.exists()
        if ending.executed is not None or ending.status == 0:
            assert executed == (ending.executed in (None, True)), "whether the low-level runtime ran"
        if executed:
            # It may have been killed, too, while it wrote that down.
            seen = self.recorded() if ending.signal == 0 else self.new
            assert seen == self.state(), "the low-level runtime saw something else"


class CreateAskingNVML(Create):
    """The same where NVML has to be asked, by a helper process, and nothing was kept of an earlier answer."""

    change = staticmethod(environment(NVIDIA_REQUIRE_CUDA="brand=nvidia"))

    def reset(self):
        shutil.rmtree(self.node.path("/run/nvidia-runtime"), ignore_errors=True)
        super().reset()

    def chosen(self, calls):
        """From the start of the helper to what is made of its answer; the rest is as in the other command."""
        names = [call.name for call in calls]
        return calls[names.index("pipe2"):names.index("renameat") + 1]

    def errors(self, call):
        """Most calls are the helper's, and whatever it fails with, it has failed."""
        return random.Random(call.place).sample(call.errors, min(3, len(call.errors)))


class CreateContainer(Command):
    """The hook, on a root that has all that it changes: a cache, ld.so.conf and links of another driver."""

    CACHE, LIST = "etc/ld.so.cache", "etc/ld.so.conf.d/00-nvidia-runtime.conf"
    FOLDER = "/opt/nv"  # the one that ldconfig(8) has to be told
    folder_name = "usr/lib/x86_64-linux-gnu"
    version = "570.86.15"
    changed = ("etc", "etc/ld.so.conf.d", folder_name)

    def prepare(self):
        self.bundle = self.folder / "bundle"
        images.bundle(images.root("debian"), self.bundle, ["true"], {})
        self.root = self.bundle / "rootfs"
        libraries = ("libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1")
        words = []
        for name in libraries:
            path = f"{self.folder_name}/{name.removesuffix('1')}{self.version}"
            (self.root / path).write_bytes(b"")
            words += ["--library", f"native:{name}:/{path}"]
        (self.root / self.folder_name / "libcuda.so.1").symlink_to("libcuda.so.470.1")
        words += ["--library", f"native:libnvoptix.so.1:/opt/nv/libnvoptix.so.{self.version}"]
        words += ["--link", f"libcuda.so.1::/{self.folder_name}/libcuda.so"]
        self.words = ("nvidia-runtime-hook", "create-container", *words)
        self.stdin = json.dumps({"ociVersion": "1.0.2", "id": "id", "status": "creating", "pid": 1,
                                 "bundle": str(self.bundle)}).encode()
        self.before = self.entries()

    def entries(self):
        """What is in the folders that change: the text of a link, the content of a file that the hook may write."""
        found = {}
        for folder in self.changed + ("opt/nv", "opt"):
            if not (self.root / folder).is_dir():
                continue
            with os.scandir(self.root / folder) as listing:
                for entry in listing:
                    path = f"{folder}/{entry.name}"
                    if entry.is_symlink():
                        found[path] = os.readlink(self.root / path)
                    elif entry.is_file() and folder.startswith("etc"):
                        found[path] = (self.root / path).read_bytes()
                    else:
                        found[path] = None
        return found

    def reset(self):
        shutil.rmtree(self.root / "opt", ignore_errors=True)
        for path, content in self.entries().items():
            if path not in self.before:
                (self.root / path).unlink()
            elif content != self.before[path]:
                (self.root / path).unlink()
                if isinstance(self.before[path], str):
                    (self.root / path).symlink_to(self.before[path])
                else:
                    (self.root / path).write_bytes(self.before[path])

    def state(self):
        return self.entries()

    def leftovers(self):
        return [path for path in self.entries() if TEMPORARY.search(path)]

    def age(self):
        for path in self.leftovers():
            os.utime(self.root / path, (0, 0), follow_symlinks=False)

    def differing(self, state):
        return {path for path in state.keys() | self.new.keys() if state.get(path) != self.new.get(path)}

    def is_complete(self, state, ending):
        """What is read-only is left out with a warning, and so is the list for later runs of ldconfig(8)."""
        if ending.error == "EROFS" and "warning: read-only file system: " in ending.stderr:
            return True
        if self.CACHE in self.differing(state) and ending.error != "ENOENT":
            return False
        if self.differing(state) - {self.CACHE, self.LIST}:
            return False
        is_told = "warning: " in ending.stderr and self.FOLDER in ending.stderr
        return is_told or f"{self.FOLDER}\n".encode() in (state.get(self.LIST) or b"")

    def is_whole(self, state, ending):
        """Every file and link is the old one or the new one. A cache that is said not to exist is made anew, and the
        list for ldconfig(8) may have more."""
        for path, content in state.items():
            if TEMPORARY.search(path) or content in (self.old.get(path, ...), self.new.get(path, ...)):
                continue
            if path == self.LIST and set(content.splitlines(True)) >= set(self.new[path].splitlines(True)):
                continue
            if path == self.CACHE and ending.error == "ENOENT" and "libcuda.so.1" in listing(content):
                continue
            return False
        return self.old.keys() <= state.keys()


class UpdateLdcache(CreateContainer):
    """A verb of CDI specifications, which reads the libraries itself."""

    def prepare(self):
        super().prepare()
        folder = self.root / "usr/lib/nv"
        folder.mkdir()
        build = ("gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "/dev/null", "-Wl,-soname,libcuda.so.1")
        images.run(*build, "-o", folder / f"libcuda.so.{self.version}")
        self.words = ("nvidia-cdi-hook", "update-ldcache", "--folder", "/usr/lib/nv")
        self.before = self.entries()

    changed = (*CreateContainer.changed, "usr/lib/nv")
    FOLDER = "/usr/lib/nv"

    def is_complete(self, state, ending):
        """A library that can't be read is none, as for ldconfig(8), unless it is we who lack something."""
        is_none = ending.error and ending.error not in SHORTAGES and state.get(self.CACHE) == self.old[self.CACHE]
        return is_none or super().is_complete(state, ending)

    def errors(self, call):
        return random.Random(call.place).sample(call.errors, min(2, len(call.errors)))


class Prestart(Command):
    """The prestart hook, for a mount namespace as a runtime makes one: each run has one of its own, with the image's root
    below a layer that takes what changes."""

    ENTER = """
    root=$1 layer=$2
    mount -t tmpfs none "$layer" && mkdir "$layer/upper" "$layer/work" || exit 9
    mount -t overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" none "$root" || exit 9
    mount -t tmpfs -o nosuid,mode=755 none "$root/dev" && mount --rbind /proc "$root/proc" || exit 9
    echo $$ && exec cat"""
    # What changes something; the reading is as in the shim, and each run takes long.
    CHANGING = (
        "setns", "unshare", "clone", "clone3", "fork", "vfork", "wait4", "waitid", "mount", "umount2", "open_tree",
        "move_mount", "mount_setattr", "fsopen", "fsconfig", "fsmount", "mknodat", "mkdirat", "symlinkat", "renameat",
        "renameat2", "unlinkat", "fchmodat", "fchmod", "chmod", "fchownat", "fchown", "write", "bpf", "capset", "seccomp",
        "chroot", "fchdir", "memfd_create", "execveat", "close_range", "prctl", "pipe2", "creating-openat",
    )
    words = ("nvidia-container-runtime-hook", "prestart")
    process = None

    def prepare(self):
        self.node.configure("[nvidia-container-cli]\nno-cgroups = true\n")  # all of this shares one cgroup
        self.layer = self.folder / "layer"
        self.layer.mkdir()
        self.bundle = self.folder / "bundle"
        images.bundle(images.root("debian"), self.bundle, ["true"], {"NVIDIA_VISIBLE_DEVICES": "all"})

    def reset(self):
        self.end()
        enter = ("nsenter", "--target", str(self.node.pid), "--mount", "--pid", "--wdns=/", "--")
        words = ("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", self.ENTER, "-")
        self.process = subprocess.Popen(
            [*enter, *words, self.bundle / "rootfs", self.layer], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = int(self.process.stdout.readline())
        state = {"ociVersion": "1.0.2", "id": "id", "status": "creating", "pid": self.pid, "bundle": str(self.bundle)}
        self.runner.files[0].write_text(json.dumps(state))

    def end(self):
        if self.process:
            self.process.communicate()  # the end of its input is that of cat(1), and of the namespace

    def close(self):
        super().close()
        self.end()

    def state(self):
        """The mounts and device nodes in the root, and what was made in it, by path."""
        root = str(self.bundle / "rootfs")
        table = self.node.path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        paths = [line.split()[4] for line in table]
        view = self.node.path(f"/proc/{self.pid}/root")
        nodes = [path.name for path in (view / f"{root}/dev".lstrip("/")).rglob("nvidia*")]
        upper = view / f"{self.layer}/upper".lstrip("/")
        made = [str(path.relative_to(upper)) for path in upper.rglob("*")]
        return [sorted(path.removeprefix(root) for path in paths if path.startswith(root + "/")), sorted(nodes), sorted(made)]

    def leftovers(self):
        return [path for path in self.state()[2] if TEMPORARY.search(path)]

    def chosen(self, calls):
        return [call for call in calls if call.use in self.CHANGING]

    def errors(self, call):
        return random.Random(call.place).sample(call.errors, min(1, len(call.errors)))

    def is_whole(self, state, ending):
        """Nothing is mounted after a failure. What was killed, and its container with it, is nobody's any more."""
        return ending.signal != 0 or state[0] in (self.old[0], self.new[0]) or self.is_complete(state, ending)

    def is_complete(self, state, ending):
        """What is missing is optional, or it is told. A node that may not be made is the host's own."""
        mounts = set(state[0])
        if ending.error == "EPERM":
            mounts -= {f"/dev/{name}" for name in self.new[1]}
        core = [name for name in ("libcuda.so.", "libnvidia-ml.so.") if any(name in path for path in mounts)]
        is_all = mounts == set(self.new[0]) or len(core) == 2 and "warning: " in ending.stderr
        return ending.status == 0 and is_all and state[1] == self.new[1]

    def check_next(self):
        """Another container has another namespace."""


class Configure(Command):
    """`nvidia-container-cli configure` on a root: mounts, device nodes, links and the loader's cache."""

    mounts = True
    LIBRARIES = "usr/lib/x86_64-linux-gnu"

    def prepare(self):
        self.node._install(os.environ["NVIDIA_CONTAINER_CLI"], "/usr/bin/nvidia-container-cli")
        self.root = self.folder / "rootfs"
        for name in ("dev", "proc/driver/nvidia", "etc", "run", "usr/bin", self.LIBRARIES):
            (self.root / name).mkdir(parents=True)
        self.words = ("nvidia-container-cli", "configure", "--no-cgroups", "--device=0", "--utility", self.root)
        # The first run on a node makes /dev/char.
        self.node.run(*self.words, check=True)

    def mounted(self):
        """Mount points in the root with their options, in the order in which they were made."""
        lines = [line.split(" ") for line in self.node.mounts().splitlines()]
        return [(words[4].removeprefix(str(self.root)), words[5]) for words in lines
                if words[4].startswith(f"{self.root}/")]

    def reset(self):
        while places := [place for place, _ in self.mounted()]:
            self.node.run("umount", *(f"{self.root}{place}" for place in reversed(places)), check=True)
        for folder in ("dev", "etc", "run", "usr/bin", "usr/lib"):
            shutil.rmtree(self.root / folder)
            (self.root / folder).mkdir()
        (self.root / self.LIBRARIES).mkdir()

    def state(self):
        """Mounts, and device nodes, links and the loader's files by path."""
        made = {}
        for parent, _, files in os.walk(self.root):
            for path in (os.path.join(parent, name) for name in files):
                status = os.lstat(path)
                name = os.path.relpath(path, self.root)
                if os.path.islink(path):
                    made[name] = os.readlink(path)
                elif stat.S_ISCHR(status.st_mode):
                    made[name] = (status.st_rdev, status.st_mode)
                elif name.startswith("etc/ld.so") and not TEMPORARY.search(name):
                    made[name] = Path(path).read_bytes()
        return dict(self.mounted()), made  # the uppermost of each

    def leftovers(self):
        return [path for path in self.root.rglob("*") if TEMPORARY.search(path.name)]

    def age(self):
        for path in self.leftovers():
            os.utime(path, (0, 0), follow_symlinks=False)

    def chosen(self, calls):
        """What happens in the root; the rest is as in other commands."""
        names = [call.name for call in calls]
        self.fork = max(index for index, name in enumerate(names) if name in ("clone", "clone3", "fork", "vfork"))
        return calls[names.index("fsopen") - 20:]

    def errors(self, call):
        """A close that fails has closed, other than with inject.c, and who can't hear of a child any more ends it."""
        if call.name == "close" or call.name == "read" and call.place > self.fork:
            return ()
        return random.Random(call.place).sample(call.errors, min(2, len(call.errors)))

    def is_complete(self, state, ending):
        """Nodes that may not be made are mounted. The list for later runs of ldconfig(8) can be missing, and the cache on
        a read-only file system; what it warns of is in its log."""
        (mounts, made), (all_mounts, all_made) = state, self.new
        if ending.error == "EPERM" and mounts.items() > all_mounts.items():
            return True
        names = {name for name in made.keys() | all_made.keys() if made.get(name) != all_made.get(name)}
        if "etc/ld.so.cache" in names and ending.error != "EROFS":
            return False
        return mounts == all_mounts and all(name.startswith("etc/ld.so") for name in names)

    def is_whole(self, state, ending):
        """After an error nothing is mounted. Who is killed can take nothing away."""
        return ending.status == 0 or ending.signal != 0 or not state[0]


@cache
def listing(content):
    """What ldconfig(8) reads in a cache."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        words = ("/sbin/ldconfig", "-p", "-C", file.name)
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout


COMMANDS = {command.__name__: command for command in (
    Create, CreateAskingNVML, CreateContainer, UpdateLdcache, Prestart, Configure)}

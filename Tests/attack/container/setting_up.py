# SPDX-License-Identifier: Apache-2.0
"""What mounts and makes nodes in a container that exists, the prestart hook and `nvidia-container-cli configure`, and the
container: a mount namespace on a simulated node in which a hostile root is mounted."""

import errno
import os
import re
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from image import QUICK
from injection import PATH_VARIABLE, Bundle
from prestarting import plan
from support import SYS_MOUNT_SETATTR, SYS_OPEN_TREE, SYS_OPENAT2, deny

LIBRARIES, DRIVER, VERSION = "/usr/lib/x86_64-linux-gnu", "/proc/driver/nvidia", "570.86.15"
FIRMWARE = f"/usr/lib/firmware/nvidia/{VERSION}"
SYS_MOVE_MOUNT, SYS_FSOPEN = 429, 430
OLD_MOUNTS = dict.fromkeys((SYS_OPEN_TREE, SYS_MOVE_MOUNT, SYS_FSOPEN, SYS_MOUNT_SETATTR), errno.ENOSYS)
WALK = {SYS_OPENAT2: errno.ENOSYS}
# What a kernel lacks: nothing; openat2(2), as before 5.6; the newer calls that mount, as before 5.2; both.
KERNELS = {"new": {}, "walk": WALK, "old mounts": OLD_MOUNTS, "old": WALK | OLD_MOUNTS}
# As a runtime makes it. $1 is the root, $2 the canary.
ENTER = """
root=$1 canary=$2
mount --bind "$root" "$root" && mount -t tmpfs -o mode=755 tmpfs "$root/dev" && mount --rbind /proc "$root/proc" || exit 9
"""


class Hostile:
    """A container whose root `prepare` has made hostile: a shell script that runs in its namespace, for which $root is
    the root, $canary the canary."""

    def __init__(self, scene, node, name, prepare=""):
        self.scene, self.node = scene, node
        scene.limit = QUICK
        self.bundle = Bundle(scene.folder / name, "all", "all")
        self.root = self.bundle.folder / "rootfs"
        for folder in ("dev", "proc", "etc", "run", "var", "tmp", "usr/bin", LIBRARIES[1:]):
            (self.root / folder).mkdir(parents=True)
        for folder in ("bin", "lib"):
            (self.root / folder).symlink_to("usr/" + folder)
        (self.root / "var/run").symlink_to("/run")
        self.enter = ("nsenter", "--target", str(node.pid), "--mount", "--pid", "--cgroup", "--wdns=/", "--")
        self.process = subprocess.Popen(
            [*self.enter, "unshare", "--mount", "--propagation", "private", "sh", "-c",
             f"{ENTER}set -e\n{prepare}\necho $$; exec sleep infinity", "-", self.root, scene.canary],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read())
        self.pid = int(line)
        self.before, self.nodes = self.table(), self.device_nodes()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.node.run("kill", "-KILL", self.pid)
        self.process.communicate()

    def run(self, *command, kernel="new", input=b""):
        """Runs it on the node. It ends with success, or refuses in one line."""
        run = self.scene.run(
            *self.enter, *command, input=input, env={"PATH": PATH_VARIABLE},
            preexec_fn=(lambda: deny(KERNELS[kernel])) if KERNELS[kernel] else None)
        assert run.code in (0, 1) and run.output == b"", run
        failures = [line for line in run.error.decode("ascii").splitlines() if ": warning: " not in line]
        assert len(failures) == run.code, run
        return run

    # What came of it

    def table(self):
        """The lines of mountinfo."""
        return self.node.path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def path(self, path):
        """A path in the root, from outside."""
        return self.node.path(f"/proc/{self.pid}/root{self.root}") / path.lstrip("/")

    def device_nodes(self):
        """The device nodes in the root, those that are mounted there too."""
        found = set()
        for parent, folders, files in os.walk(self.path("/")):
            folders[:] = [name for name in folders if name != "proc"]
            found |= {path for path in (Path(parent, name) for name in files)
                      if stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFCHR, stat.S_IFBLK)}
        return found

    def sources(self):
        """Device, inode and kind of all that may be mounted."""
        places = [*plan(self.node, self.bundle.folder)["mounts"].values()]
        places += [f"{DRIVER}/gpus/{gpu['address']}" for gpu in self.node.gpus]
        return {identity(self.node.path(place)) for place in places}

    def check(self, run):
        """All that was mounted is the driver's and is in the root; or nothing was, and no node made."""
        now = self.table()
        added = [line for line in now if line not in self.before]
        assert [line for line in self.before if line not in now] == []
        if run.code == 1:
            assert added == [], run
            assert self.device_nodes() <= self.nodes, run
            return
        allowed, root = self.sources(), f"{self.root}/"
        for line in added:
            words, kind = line.partition(" - ")[0].split(), line.partition(" - ")[2].split()[0]
            place = re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), words[4])
            assert place.startswith(root), line
            options = set(words[5].split(","))
            if place == f"{root[:-1]}{DRIVER}":
                assert kind == "tmpfs" and words[3] == "/" and "ro" in options, line
            else:
                assert identity(self.node.path(f"/proc/{self.pid}/root{place}")) in allowed, line
            assert {"nosuid", "nodev"} <= options, line
            assert place.endswith(("/socket", "/nvidia-mps")) != ("ro" in options), line


def identity(path):
    status = os.lstat(path)
    return status.st_dev, status.st_ino, status.st_mode


@dataclass(frozen=True)
class SettingUp:
    """A program that sets up a container. `command` gives its words and its input for one."""

    name: str
    command: object

    def __str__(self):
        return self.name

    def __call__(self, container, kernel="new"):
        words, input = self.command(container)
        run = container.run(*words, kernel=kernel, input=input)
        container.check(run)
        return run


ALL = ("--compute", "--utility", "--video", "--graphics", "--display", "--ngx", "--compat32", "--device=all", "--no-cgroups")


def prestart(container):
    container.node.configure("[nvidia-container-cli]\nno-cgroups = true\n")
    state = container.node.state(container.bundle, pid=container.pid)
    return ("nvidia-container-runtime-hook", "prestart"), state


def configure(container):
    inside = ("nsenter", "--target", str(container.pid), "--mount", "--")
    return (*inside, "nvidia-container-cli", "configure", *ALL, container.root), b""


def configure_by_pid(container):
    return ("nvidia-container-cli", "configure", *ALL, f"--pid={container.pid}", container.root), b""


PROGRAMS = [SettingUp("prestart", prestart), SettingUp("configure", configure), SettingUp("configure --pid", configure_by_pid)]

# SPDX-License-Identifier: Apache-2.0
"""A cgroup of the node's own in every hierarchy, seen from inside as the root, so that whatever engines and containers
make below it can be removed when the node ends."""

import contextlib
import os
import time
from pathlib import Path

from namespaces import CLONE_NEWCGROUP, mount, unmount, unshare

PREFIX = "simulated-node-"  # and the process that made it


class Hierarchy:
    """A mounted cgroup hierarchy and the node's folder in it."""

    def __init__(self, mount_point, kind, options, own_path, name):
        self.mount_point, self.kind, self.options = Path(mount_point), kind, options
        # In v1 below the caller's cgroup, whose limits go on to hold. In v2 a cgroup with processes has no
        # controllers to give, so beside the root's own children.
        self.folder = self.mount_point / ("" if kind == "cgroup2" else own_path.lstrip("/")) / name

    def make(self):
        for stale in self.folder.parent.glob(f"{PREFIX}*"):  # of a node that was killed
            if not Path("/proc", stale.name.removeprefix(PREFIX)).exists():
                with contextlib.suppress(OSError):
                    remove(stale)
        self.folder.mkdir()
        for name in ("cpuset.cpus", "cpuset.mems"):  # v1 starts without any
            if self.kind == "cgroup" and (self.folder / name).exists():
                (self.folder / name).write_text((self.folder.parent / name).read_text())

    def join(self):
        (self.folder / "cgroup.procs").write_text("0")

    def delegate(self):
        """v2 gives controllers only to children of a cgroup without processes: move into a leaf, pass all on."""
        if self.kind == "cgroup2":
            leaf = self.folder / "init"
            leaf.mkdir()
            (leaf / "cgroup.procs").write_text("0")
            for controller in (self.folder / "cgroup.controllers").read_text().split():
                with contextlib.suppress(OSError):  # one that needs what this machine has not; engines do without
                    (self.folder / "cgroup.subtree_control").write_text(f"+{controller}")


def remove(folder):
    """Removes a cgroup and those below it. Its processes are dead by now, but may still be leaving."""
    deadline = time.monotonic() + 5
    for path, _, _ in os.walk(folder, topdown=False):
        while True:
            try:
                os.rmdir(path)
                break
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


class Cgroups:
    """The node's cgroups. Nothing is made where the hierarchies aren't this process' to change (in some containers)."""

    def __init__(self):
        name = f"{PREFIX}{os.getpid()}"
        own = {}
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            own[controllers] = path
        self.hierarchies = []
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            kind, _, options = after.split(" ", 2)
            mount_point = before.split()[4]
            if kind not in ("cgroup", "cgroup2") or not os.access(mount_point, os.W_OK):
                continue
            words = [word for word in options.split(",") if word not in ("rw", "xattr", "clone_children")]
            controllers = (
                ""
                if kind == "cgroup2"
                else ",".join(word for word in words if "=" not in word or word.startswith("name="))
            )
            if controllers in own:
                self.hierarchies.append(Hierarchy(mount_point, kind, controllers, own[controllers], name))

    def make(self):
        for hierarchy in self.hierarchies:
            hierarchy.make()

    def enter(self):
        """Moves the calling process in and makes it the root of what it sees."""
        for hierarchy in self.hierarchies:
            hierarchy.join()
        unshare(CLONE_NEWCGROUP)
        for hierarchy in self.hierarchies:
            hierarchy.delegate()

    def remount(self, root):
        """Mounts the hierarchies anew below `root`, so that the mounts show the namespace's root."""
        for hierarchy in self.hierarchies:
            target = root / hierarchy.mount_point.relative_to("/")
            unmount(target)
            mount(hierarchy.kind, target, hierarchy.kind, options=hierarchy.options or None)

    def remove(self):
        for hierarchy in self.hierarchies:
            remove(hierarchy.folder)

# SPDX-License-Identifier: Apache-2.0
"""A bundle whose root is hostile, and running a program of ours in it."""

import json
import os
import re
import stat
import subprocess
from functools import cache
from pathlib import Path

from support import deny_openat2
from ways import BUILD, CDI_HOOK, FOLDER, HOOK

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
CACHE, CONFIGURATION, FRAGMENTS = "etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d"
FRAGMENT = FRAGMENTS + "/00-nvidia-runtime.conf"
# In seconds. A start of the hook takes milliseconds; the machine may be busy.
QUICK = 5.0
# How often a race is run, and for how long at most.
ROUNDS = int(os.environ.get("ATTACK_ROUNDS", "500"))
SECONDS = 60 if "ATTACK_ROUNDS" in os.environ else 2


@cache
def tool(name):
    """A program of this folder, built."""
    BUILD.mkdir(parents=True, exist_ok=True)
    made, source = BUILD / name, HERE / f"{name}.c"
    newest = max(path.stat().st_mtime for path in (source, HERE / "race.h"))
    if not made.exists() or made.stat().st_mtime < newest:
        flags = ("-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror")
        subprocess.run(["gcc", *flags, "-o", f"{made}.new", source], check=True)
        os.rename(f"{made}.new", made)
    return made


class Image:
    """A bundle with an empty root in the folder of a scene. `with_openat2`: or a kernel before 5.6 (S-15)."""

    def __init__(self, scene, with_openat2=True):
        self.scene, self.with_openat2 = scene, with_openat2
        scene.limit = QUICK
        self.bundle = scene.folder / "bundle"
        self.root = self.bundle / "rootfs"
        self.root.mkdir(parents=True)
        self._immutable = []
        self.configure("rootfs")

    def configure(self, path):
        document = {"ociVersion": "1.0.2", "root": {"path": path}}
        (self.bundle / "config.json").write_text(json.dumps(document))

    # Building

    def path(self, name):
        return self.root / os.fspath(name).lstrip("/")

    def _new(self, name):
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def folder(self, name, mode=0o755):
        path = self._new(name)
        path.mkdir(exist_ok=True)
        path.chmod(mode)
        return path

    def file(self, name, contents=b"", mode=0o644):
        path = self._new(name)
        path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
        path.chmod(mode)
        return path

    def sparse(self, name, size):
        os.truncate(self.file(name), size)

    def link(self, name, target):
        os.symlink(target, self._new(name))

    def fifo(self, name):
        os.mkfifo(self._new(name))

    def socket(self, name):
        os.mknod(self._new(name), 0o600 | stat.S_IFSOCK)

    def device(self, name, major=1, minor=3):
        os.mknod(self._new(name), 0o600 | stat.S_IFCHR, os.makedev(major, minor))

    def set_immutable(self, name):
        subprocess.run(["chattr", "+i", self.path(name)], check=True)
        self._immutable.append(self.path(name))

    def give_to(self, user):
        """The whole bundle, and the way to it, to that user."""
        for path in (self.scene.folder, self.bundle, *self.bundle.rglob("*")):
            os.chown(path, user, user, follow_symlinks=False)
        self.reachable()

    def reachable(self):
        """For other users than root too."""
        for path in [self.bundle, self.scene.folder, *self.scene.folder.parents][:-2]:
            path.chmod(path.stat().st_mode | 0o011)

    def release(self):
        for path in self._immutable:
            subprocess.run(["chattr", "-i", path], check=True)

    def with_proc(self):
        """What to put before a command so that procfs is mounted in the root, as low-level runtimes mount it."""
        self.folder("proc")
        return self._mounting('mount -t proc none "$0/proc"')

    def read_only(self, kind):
        """What to put before a command so that the root can't be written, for different reasons."""
        scripts = {
            "bind": 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"',
            "overlay": 'mount -t overlay -o lowerdir="$0:/sys/fs/cgroup" none "$0"',
            "tmpfs": 'mount -t tmpfs none "$0" && mkdir "$0/etc" && mount -o remount,ro "$0"',
        }
        return self._mounting(scripts[kind])

    def _mounting(self, script):
        return "unshare", "-m", "sh", "-c", script + ' >&2 && exec "$@"', self.root

    # Running

    def state(self, **members):
        state = {"ociVersion": "1.0.2", "id": "test", "status": "created", "pid": os.getpid()}
        return json.dumps(state | {"bundle": str(self.bundle)} | members).encode()

    def run(self, *command, prefix=(), state=None, env=None, **settings):
        """Runs it in the container's root. It ends with success, or refuses in one line."""
        before = None if self.with_openat2 else deny_openat2
        run = self.scene.run(
            *prefix, *command, input=self.state() if state is None else state, preexec_fn=before, env=env or {},
            cwd=settings.pop("cwd", self.bundle), **settings)
        assert run.code in (0, 1), run
        assert run.output == b"", run
        lines = run.error.decode("ascii").splitlines()
        failures = [line for line in lines if ": warning: " not in line]
        assert len(failures) == run.code, run
        assert all(re.match(r"[a-z-]+: (NVR\d{4}: |warning: |gave up)", line) for line in lines), run
        return run

    def done(self, *command, **settings):
        run = self.run(*command, **settings)
        assert run.code == 0, run
        return run

    def refused(self, *command, words="", **settings):
        run = self.run(*command, **settings)
        assert run.code == 1 and words in run.error.decode(), run
        return run

    # What came of it

    def files(self):
        """The paths in the root, relative to it."""
        return sorted(os.path.relpath(os.path.join(parent, name), self.root)
                      for parent, folders, files in os.walk(self.root) for name in folders + files)

    def has_links(self, folder=FOLDER):
        return os.readlink(self.path(folder) / "libcuda.so") == "libcuda.so.1"


class Trace:
    """What a program and its descendants asked the kernel for, by strace(1)."""

    def __init__(self, scene, *options):
        self.log = scene.folder / "strace"
        self.words = ("strace", "-f", "-qq", "-s", "4096", "-o", self.log, *options)

    @property
    def lines(self):
        return self.log.read_text(errors="replace").splitlines()

    def calls(self, *names):
        """The calls with these names, the failed ones too."""
        return [line for line in self.lines if any(re.match(rf"\d+ +{name}\(", line) for name in names)]

    def foreign_programs(self):
        """The calls that executed something that is not the program under attack itself, or a copy that it made."""
        called = [line for line in self.calls("execve", "execveat") if line.endswith("= 0")]
        assert called
        own = rf'execve\("({HOOK}|{CDI_HOOK}|/proc/self/exe)"|execveat\(\d+, ""'
        return [line for line in called if not re.search(own, line)]

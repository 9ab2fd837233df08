# SPDX-License-Identifier: Apache-2.0
"""The prestart hook on a simulated node: for containers that runc and crun make, and for a mount namespace alone."""

import itertools
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "inject"))
import explanation  # noqa: E402
from injection import RUNC, Bundle, images, request  # noqa: E402
from test_inject_runc import JOIN_CGROUPS  # noqa: E402

HOOK, CRUN = "/usr/bin/nvidia-container-runtime-hook", "/usr/bin/crun"
CGROUP_VIEW = Path(images.SOURCES).parent / "simulated-node/cgroup-view"
DRIVER = "/proc/driver/nvidia"
FOLDER = "/usr/lib/x86_64-linux-gnu"
# crun on version 2 needs a right that not every machine's root has; the engine suite tries it.
# A view of cgroups is a mount namespace of its own, in which nothing is shared; without one, runc takes version 1.
WITHOUT_VIEW = (RUNC, None)
LOW_LEVEL = [(RUNC, "v1"), (RUNC, "v2"), (CRUN, "v1")]
NO_CGROUPS = "[nvidia-container-cli]\nno-cgroups = true\n"
USUAL_NODES = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx")}
IDS = itertools.count()
NAMES = ["runc-cgroup1", "runc-cgroup2", "crun-cgroup1"]
# A mount namespace as a runtime makes one: the image's root is a mount of its own, and has a /dev and our /proc.
ENTER_ROOT = """
set -e
root=$1
mount --bind "$root" "$root"
mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
mount --rbind /proc "$root/proc"
"""


@dataclass(frozen=True)
class Mount:
    """A line of mountinfo (proc_pid_mountinfo(5))."""

    path: str
    type: str
    options: frozenset  # without those on access times
    propagation: tuple

    @classmethod
    def parse(cls, line):
        mount, _, file_system = line.partition(" - ")
        fields = mount.split()
        options = {option for option in fields[5].split(",") if not option.endswith("time")}
        return cls(fields[4].replace("\\040", " "), file_system.split()[0], frozenset(options), tuple(fields[6:]))


class View:
    """The mount namespace of a process on the node, and in it the root folder `base`."""

    def __init__(self, node, pid, base=""):
        self.node, self.pid, self.base = node, pid, base

    def path(self, path):
        """A path in it, from outside. Absolute links on the way lead elsewhere."""
        return self.node.path(f"/proc/{self.pid}/root{self.base}") / path.lstrip("/")

    def real(self, path):
        """The path that `path` leads to in it."""
        done, rest = [], [name for name in path.split("/") if name]
        while rest:
            name = rest.pop(0)
            found = self.path("/".join([*done, name]))
            if name == "..":
                del done[-1:]
            elif found.is_symlink():
                target = os.readlink(found)
                done = [] if target.startswith("/") else done
                rest[:0] = [part for part in target.split("/") if part not in ("", ".")]
            else:
                done.append(name)
        return "/" + "/".join(done)

    def table(self):
        """The lines of mountinfo."""
        return self.node.path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()

    def mounts(self):
        """The mounts in the root by path, the uppermost of each."""
        mounts = [Mount.parse(line) for line in self.table()]
        return {mount.path.removeprefix(self.base): mount for mount in mounts if mount.path.startswith(self.base + "/")}

    def run(self, *command):
        """What a command prints in it."""
        words = ("--root", "--wd=/", "--") if not self.base else ("--", "chroot", self.base)
        result = self.node.run("nsenter", "--target", self.pid, "--mount", *words, *command)
        assert result.returncode == 0, result
        return result.stdout.decode()

    def cache(self):
        """The loader's cache: (name, path)."""
        lines = self.run("/usr/sbin/ldconfig", "-p").splitlines()
        return [tuple(re.match(r"\s+(\S+) \(.*\) => (\S+)$", line).groups()) for line in lines if "=>" in line]

    def nodes(self):
        """The device nodes that not every container has: numbers, mode and owner by path."""
        found = {}
        for folder, folders, files in os.walk(self.path("/dev")):
            folders[:] = [name for name in folders if name not in ("pts", "shm", "mqueue")]
            for name in files:
                status = Path(folder, name).lstat()
                path = f"/{Path(folder, name).relative_to(self.path('/'))}"
                if stat.S_ISCHR(status.st_mode) and path not in USUAL_NODES:
                    numbers = os.major(status.st_rdev), os.minor(status.st_rdev)
                    found[path] = (*numbers, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)
        return found

    def entries(self):
        """What is in the root's file system, mounts left out: kind and link target by path."""
        found, root = {}, self.path("/")
        device = root.stat().st_dev
        for folder, folders, files in os.walk(root):
            for name in folders + files:
                path = Path(folder, name)
                status = path.lstat()
                if status.st_dev == device:
                    target = os.readlink(path) if path.is_symlink() else None
                    found["/" + str(path.relative_to(root))] = (stat.S_IFMT(status.st_mode), target)
            folders[:] = [name for name in folders if Path(folder, name).lstat().st_dev == device]
        return found


@dataclass
class Result:
    """One run of the hook."""

    status: int
    output: str
    errors: list  # lines

    def done(self, *warnings):
        """It did its work, with one warning for each of these words."""
        assert (self.status, self.output, len(self.errors)) == (0, "", len(warnings)), self
        for line, words in zip(self.errors, warnings):
            assert line.startswith("nvidia-runtime-hook: warning: ") and words in line, self

    def failed(self, id, *words):
        """It failed with one line."""
        assert (self.status, self.output) == (1, ""), self
        line, = [line for line in self.errors if not line.startswith("nvidia-runtime-hook: warning: ")]
        assert re.match(rf"nvidia-runtime-hook: NVR{id}: [^;]+(; .+)?$", line), line
        assert len(line.partition(";")[0]) <= 200 + len("nvidia-runtime-hook: NVR0000: "), line
        assert all(0x20 <= ord(character) < 0x7F for character in line), line
        for word in words:
            assert word in line, line


def call(node, *words, input=b"", env=None, timeout=30, prefix=(), **options):
    """Calls the hook."""
    result = node.run(*prefix, HOOK, *words, input=input, env=env, timeout=timeout, **options)
    return Result(result.returncode, result.stdout.decode(), result.stderr.decode().splitlines())


def plan(node, bundle):
    """What a container gets, by what `nvidia-ctk explain` says."""
    result = node.run("nvidia-ctk", "explain", "--bundle", bundle, "--handler", "nvidia-container-runtime.legacy")
    assert result.returncode == 0, result
    return explanation.plan(result.stdout.decode().splitlines())


def make_bundle(folder, kind="debian", command=("/usr/bin/sleep", "1000"), devices="1", capabilities=None,
                environment=None, change=None, **settings):
    """A bundle with a copy of an image's root."""
    variables = request(devices, capabilities) | (environment or {})
    images.bundle(images.root(kind), folder, list(command), variables, **settings)
    bundle = Bundle.__new__(Bundle)
    bundle.folder, bundle.config = folder, folder / "config.json"
    edit(bundle.config, change)
    return bundle


def edit(config, change):
    if change:
        document = json.loads(config.read_text())
        change(document)
        config.write_text(json.dumps(document))


def hooked(*words, **members):
    """A change of a config.json: the prestart hook, as Docker's --gpus adds it, with these words in place of the
    command."""
    hook = {"path": HOOK, "args": [Path(HOOK).name, *(words or ["prestart"])]} | members
    return lambda document: document.update(hooks={"prestart": [hook]})


def host_proc(document):
    """A change of a config.json: the node's own /proc, as a container's procfs has no driver in it on this machine."""
    proc = {"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]}
    document["mounts"] = [proc if mount["destination"] == "/proc" else mount for mount in document["mounts"]]
    namespaces = document["linux"]["namespaces"]
    document["linux"]["namespaces"] = [namespace for namespace in namespaces if namespace["type"] != "pid"]


class Container:
    """A container of a low-level runtime, without ours before it. No mount of it may be left on the node."""

    def __init__(self, node, bundle, low_level=LOW_LEVEL[0]):
        self.node, self.bundle, self.low_level = node, bundle, low_level
        runtime, cgroup = low_level
        self.id = f"prestart-{next(IDS)}"  # two of one name would share a cgroup
        view = (CGROUP_VIEW, cgroup) if cgroup else ()
        self.runtime = (*view, runtime, "--root", bundle.folder / "state")

    def call(self, *words, prefix=(), **options):
        return self.node.run("sh", "-c", JOIN_CGROUPS, "-", *prefix, *self.runtime, *words, timeout=60, **options)

    def run(self, **options):
        """Runs it to its end."""
        before = self.node.mounts()
        result = self.call("run", "--bundle", self.bundle.folder, self.id, **options)
        assert self.node.mounts() == before
        return result

    def passed(self, **options):
        result = self.run(**options)
        assert result.returncode == 0, result
        return result.stdout.decode()

    def refused(self, id, *words):
        """The container does not start, and the low-level runtime shows why. crun keeps what hooks say to itself,
        unless an annotation names a file for it."""
        file = self.bundle.folder / "hooks"
        edit(self.bundle.config, lambda document: document.update(annotations={"run.oci.hooks.stderr": str(file)}))
        result = self.run()
        text = file.read_text() if file.exists() else result.stderr.decode()
        assert result.returncode != 0 and f"NVR{id}: " in text, (result, text)
        for word in words:
            assert word in text, text

    @contextmanager
    def created(self):
        """It is there, and its program not started yet. Gives the view of it."""
        before, folder = self.node.mounts(), self.bundle.folder
        words = ("create", "--bundle", folder, "--pid-file", folder / "pid", self.id)
        to_file = ("sh", "-c", 'file=$0; exec "$@" >"$file" 2>&1', folder / "log")  # the container keeps it open
        result = self.call(*words, prefix=to_file)
        assert result.returncode == 0, (folder / "log").read_text()
        assert self.node.mounts() == before
        try:
            yield View(self.node, int((folder / "pid").read_text()))
        finally:
            result = self.call("delete", "--force", self.id)
        assert result.returncode == 0, result
        assert self.node.mounts() == before


class Namespace(View):
    """A mount namespace with an image's root in it, and a process that stays there: what a prestart hook finds, without
    a runtime. `prepare` are shell commands that run in it first, for which $root is the root."""

    def __init__(self, node, bundle, prepare="", unshare=("--mount", "--propagation", "private")):
        self.bundle = bundle
        root = str(bundle.folder / "rootfs")
        script = ENTER_ROOT + prepare + '\necho $$ >"$2"; exec sleep infinity'
        enter = ("nsenter", "--target", str(node.pid), "--mount", "--pid", "--wdns=/", "--", "unshare", *unshare, "--")
        pid_file = Path(tempfile.mkdtemp(dir=bundle.folder), "pid")
        pid_file.parent.chmod(0o777)
        self.process = subprocess.Popen(
            [*enter, "sh", "-c", script, "-", root, pid_file], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not (pid_file.exists() and pid_file.read_text().endswith("\n")):
            if self.process.poll() is not None:
                raise RuntimeError(self.process.stderr.read().decode())
        super().__init__(node, int(pid_file.read_text()), root)

    def close(self):
        self.node.run("kill", "-KILL", self.pid)
        self.process.communicate()

    def state(self, **members):
        return self.node.state(self.bundle, **({"pid": self.pid} | members))

    def hook(self, *words, **options):
        """Calls the hook for it."""
        before = self.node.mounts()
        result = call(self.node, *(words or ["prestart"]), input=self.state(), **options)
        assert self.node.mounts() == before, "a mount shows up on the host"
        return result


def check_mounts(view, before, wanted, node, covered=()):
    """Exactly these mounts (source by destination) were made, private, with the right options, and the folders
    `covered` of procfs."""
    now = view.mounts()
    wanted = {view.real(path): source for path, source in wanted.items()}
    added = {path: mount for path, mount in now.items() if path not in before}
    assert {path: mount for path, mount in now.items() if path in before} == before
    proc = {path for path in added if path.startswith(DRIVER)}
    assert proc == set(covered), proc
    assert added.keys() - proc == wanted.keys()
    for path, mount in added.items():
        is_socket = path.endswith(("/socket", "/nvidia-mps"))
        options = {"rw", "nosuid", "nodev", "noexec"} if is_socket else {"ro", "nosuid", "nodev"}
        if path in proc:
            options |= {"noexec"}
        assert (mount.options, mount.propagation) == (options, ()), mount
        if path in wanted:
            found, source = view.path(path).stat(), node.path(wanted[path]).stat()
            assert (found.st_ino, found.st_size) == (source.st_ino, source.st_size), path


def check_given(made, view, covered=()):
    """The container has exactly what the plan lists: mounts, nodes, links, and names of the loader. Gives the plan."""
    node, wanted = made.node, plan(made.node, made.bundle.folder)
    with made.twin(devices="void").created() as other:
        assert other.nodes() == {}
        before = other.mounts()
    check_mounts(view, before, wanted["mounts"], node, covered)
    assert view.nodes() == owned(node, wanted["devices"])
    for path, target in wanted["links"]:
        assert os.readlink(view.path(path)) == target, path
    cache = view.cache() if wanted["libraries"] else []
    for soname, path in wanted["libraries"]:
        place = f"{path.rpartition('/')[0]}/{soname}"
        assert (soname, place) in cache
        assert view.path(view.real(place)).is_file()
    return wanted


def owned(node, paths):
    """What `View.nodes` must give for these nodes: they are like the host's."""
    found = {}
    for path in paths:
        places = (node.path(path), node.path(node.driver_root) / path[1:])
        host = next(place for place in places if place.exists()).lstat()
        numbers = os.major(host.st_rdev), os.minor(host.st_rdev)
        found[path] = (*numbers, stat.S_IMODE(host.st_mode), host.st_uid, host.st_gid)
    return found

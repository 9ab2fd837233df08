# SPDX-License-Identifier: Apache-2.0
"""Whole containers on a simulated node, by runc 1.1.5, which gives hooks the image's environment, and by crun: what a
hook inherits, what is left when it is killed or too slow, and images that want it to harm the host. More under runc
alone: Tests/blackbox/inject/test_inject_runc.py."""

import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from image import REPOSITORY, ROUNDS
from injection import HOOK_ENVIRONMENT, RUNC
from invariants import descendants
from test_inject_runc import FOLDER, HOSTILE, Container, build_marker, canary, executed  # noqa: F401
from test_races import run_rounds
from ways import WAYS, create_container

CGROUP_VIEW = REPOSITORY / "testdata/simulated-node/cgroup-view"
PROGRAM = "/usr/bin/nvidia-runtime-hook"


class Started(Container):
    """A container with runc or crun; crun wants one version of cgroups."""

    def __init__(self, low_level, node, folder, *words, **settings):
        super().__init__(node, folder, *words, **settings)
        self.low_level = low_level
        if low_level == "crun":
            node.configure('[nvidia-container-runtime]\nruntimes = ["/usr/bin/crun"]\n')

    def run(self, *, prefix=(), **settings):
        view = (CGROUP_VIEW, "v1") if self.low_level == "crun" else ()
        return super().run(prefix=(*view, *prefix), **settings)


@pytest.fixture(params=["runc", "crun"])
def container(request, node, tmp_path):
    return lambda *words, **settings: Started(request.param, node, tmp_path / "bundle", *words, **settings)


@pytest.fixture
def runc(node, tmp_path):
    return lambda *words, **settings: Started("runc", node, tmp_path / "bundle", *words, **settings)


def hook(made, *words, **settings):
    """Gives the container our hook, or `words` before it, in place of what the shim would write."""
    entry = {"path": words[0] if words else PROGRAM, "args": [*words, PROGRAM, *create_container()[1:]],
             "env": HOOK_ENVIRONMENT} | settings
    made.edit(lambda document: document.update(hooks={"createContainer": [entry]}))


# E, S


@pytest.mark.attack("E-01", "E-02", "E-06", "E-12")
def test_E_01_E_02_E_06_E_12_environment_of_the_image(container, tmp_path):
    """It reaches the container's process only, and the hook has exactly what config.json says."""
    where = tmp_path / "marker"
    made = container(command=("/usr/bin/true",), environment=HOSTILE)
    build_marker(made, where)
    for name in ("usr/sbin/ldconfig", "usr/sbin/ldconfig.real", "usr/bin/nvidia-ctk", "usr/bin/nvidia-runtime-hook"):
        (made.root / name).unlink(missing_ok=True)
        os.link(made.root / "evil", made.root / name)
    inside = made.root / str(where).lstrip("/")
    inside.parent.mkdir(parents=True)
    result, calls = executed(made)
    assert result.returncode == 0, result
    assert inside.exists() and not where.exists()
    assert dict(calls)[PROGRAM] == HOOK_ENVIRONMENT
    entry, = json.loads(made.config.read_text())["hooks"]["createContainer"]
    assert entry["env"] == HOOK_ENVIRONMENT and entry["timeout"] == 30
    assert [path for path, _ in calls if re.search("evil|ldconfig|nvidia-ctk|/sh$", path)] == []


@pytest.mark.attack("S-05", "S-06", "S-07", "S-08")
@pytest.mark.parametrize("path, target", [
    pytest.param("dev/nvidia1", "/etc/hostname", id="S_06-nvidia1"), pytest.param("dev", "/var/canary", id="S_06-dev"),
    pytest.param("run", "/var/canary", id="S_07-run"), pytest.param("etc", "../../etc", id="S_07-etc"),
    pytest.param("etc/ld.so.conf.d", "/var/canary", id="S_07-ld.so.conf.d"),
    pytest.param("usr/lib/firmware", "../" * 10 + "var/canary", id="S_08-firmware"),
    pytest.param(FOLDER + "/libcuda.so.1", "/etc/hostname", id="S_05-SONAME"),
    pytest.param(FOLDER + "/libcuda.so.570.86.15", "/etc/hostname", id="S_05-library"),
    pytest.param("proc", "/var/canary", id="S_07-proc"),
])
def test_links_in_the_image(container, canary, path, target):  # noqa: F811
    made = container(environment={"NVIDIA_DRIVER_CAPABILITIES": "all"})
    link = made.root / path
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_dir():
        link.rename(made.folder / "away")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    made.run()


@pytest.mark.attack("S-09")
def test_S_09_compat_libraries(container):
    """CVE-2024-0132: links of the image among its compat libraries bring no mount of anything of the host."""
    made = container(command=("/usr/bin/cat", "/proc/self/mountinfo"))

    def mounts():
        lines = made.run().stdout.decode().splitlines()
        return sorted(re.sub(r"^.*? (/\S*) (/\S*) .* - (\S+) .*$", r"\1 \2 \3", line) for line in lines)

    honest = mounts()
    assert len(honest) > 10
    folder = made.root / "usr/local/cuda/compat"
    folder.mkdir(parents=True)
    for name, target in (("libX.so.999", "/proc/1/cwd/usr/lib/libnvidia-ml.so.1"), ("libcuda.so.999.1", "/"),
                         ("libcuda.so.1", "/proc/1/root/etc"), ("libnvidia-nvvm.so.999", "../" * 8 + "etc")):
        (folder / name).symlink_to(target)
    (made.root / "usr/lib/libnvidia-ml.so.1").symlink_to("/")
    assert mounts() == honest


#


class Starting(threading.Thread):
    """A container that starts while the test looks on."""

    def __init__(self, made, **settings):
        super().__init__()
        self.made, self.settings, self.result, self.seconds = made, settings, None, None
        self.start()

    def run(self):
        start = time.monotonic()
        self.result = self.made.run(**self.settings)
        self.seconds = time.monotonic() - start

    def find_hook(self, seconds=30):
        """The process of the hook, once it has come as far as the strace of `HELD` lets it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.is_alive():
            for pid, _ in descendants():
                try:
                    # In its call of close_range(2), behind which it is held.
                    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                    if words[0].endswith(b"nvidia-runtime-hook") and len(os.listdir(f"/proc/{pid}/fd")) == 3:
                        return pid
                except OSError:
                    continue
            time.sleep(0.01)
        raise AssertionError(f"no hook was seen: {self.result}")


def held(microseconds):
    """What to put before a low-level runtime, so that the hook rests after its first call."""
    injection = f"inject=close_range:delay_exit={microseconds}"
    return "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=close_range", "-e", injection


@pytest.mark.attack("X-03")
def test_X_03_descriptors(container):
    """The hook keeps none of those that a low-level runtime leaves open for it."""
    starting = Starting(container(), prefix=held(1_500_000))
    try:
        pid = starting.find_hook()
        found = {name: os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd")}
    finally:
        starting.join()
    assert sorted(found) == ["0", "1", "2"], found
    assert starting.result.returncode == 0, starting.result


@pytest.mark.attack("X-03")
def test_X_03_there_is_something_to_close(runc):
    """runc leaves its descriptors open, so the test above can fail."""
    made = runc(command=("/usr/bin/true",))
    entry = {"path": "/bin/sh", "args": ["sh", "-c", "ls /proc/self/fd >&2; exit 1"]}
    made.edit(lambda document: document.update(hooks={"createContainer": [entry]}))
    result = made.run(runtime=RUNC)
    assert result.returncode != 0 and re.search(rb"3\\n4\\n5\\n", result.stderr), result


#


CALLS = "openat2,openat,mkdirat,symlinkat,renameat,newfstatat,fchdir,chroot,seccomp,prctl,write,read,execve,exit_group"


@pytest.mark.attack("X-07")
def test_X_07_hook_is_killed(runc, scene):
    """At different calls, by turns: the start fails and says so, nothing is left, and the next one works."""
    made = runc(command=("/usr/bin/true",))
    ended = {0: 0, 1: 0}
    step = 1 if "ATTACK_ROUNDS" in os.environ else 9
    for number in range(2, 100, step):
        hook(made, "/usr/bin/strace", "-qq", "-o", "/dev/null", "-e", f"trace={CALLS}",
             "-e", f"inject={CALLS}:signal=KILL:when={number}")
        result = made.run(runtime=RUNC)
        assert result.returncode in (0, 1), result
        assert not os.listdir(made.folder / "state")
        ended[result.returncode] += 1
        if result.returncode == 1:
            assert b"signal: killed" in result.stderr, result
    assert ended[1] > 5, ended
    hook(made)
    assert made.run(runtime=RUNC).returncode == 0


@pytest.mark.attack("X-08")
def test_X_08_hook_is_too_slow(runc):
    """runc kills one process when the hook's time is over: nothing of the hook is left, and no mount."""
    made = runc(command=("/usr/bin/true",))
    hook(made, timeout=3)
    starting = Starting(made, prefix=held(1_000_000), runtime=RUNC)
    try:
        os.kill(starting.find_hook(), signal.SIGSTOP)  # as blocked for ever as a process can be
    finally:
        starting.join()
    assert starting.result.returncode != 0 and starting.seconds > 3, starting.result
    assert not os.listdir(made.folder / "state")


#


def cgroups(node):
    return sorted(node.run("find", "/sys/fs/cgroup", "-type", "d").stdout.splitlines())


@pytest.mark.attack("X-14")
def test_X_14_nothing_adds_up(container, node):
    """Over many starts: no mount, no cgroup, no descriptor of the first process, nothing in /run."""
    made = container(command=("/usr/bin/true",))
    made.run()
    before, descriptors = cgroups(node), len(os.listdir(f"/proc/{node.pid}/fd"))
    files = sorted(os.listdir(made.root / "etc")), sorted(os.listdir(made.root / FOLDER))
    for _ in range(max(5, ROUNDS // 200)):
        result = made.run()
        assert result.returncode == 0, result
    assert cgroups(node) == before and len(os.listdir(f"/proc/{node.pid}/fd")) == descriptors
    assert (sorted(os.listdir(made.root / "etc")), sorted(os.listdir(made.root / FOLDER))) == files


@pytest.mark.attack("X-14")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_X_14_many_hooks(new_image, way):
    new_image.folder("opt/nv")
    new_image.folder("etc/ld.so.conf.d")
    way.prepare(new_image.root)
    report = run_rounds(new_image, way.command(), way.leaves)
    assert report["codes"].keys() == {"0"}

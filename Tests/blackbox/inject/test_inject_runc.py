# SPDX-License-Identifier: Apache-2.0
"""Whole containers with real runc, and our hook: what an image can try, and what a container can use in the end."""

import json
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from injection import HOOK_ENVIRONMENT, RUNC, images, read_only, request

PROBE = "/usr/bin/gpu-probe"
FOLDER = "usr/lib/x86_64-linux-gnu"
RUNC_LINKS = {"fd", "stdin", "stdout", "stderr", "ptmx", "core"}
# Into the node's own cgroups, which nsenter(1) does not do; version 2 has processes in leaves only.
JOIN_CGROUPS = """
for file in /sys/fs/cgroup/init/cgroup.procs /sys/fs/cgroup/*/init/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
    [ -e "$file" ] && echo 0 2>/dev/null >"$file"
done 2>/dev/null
exec "$@" """


class Container:
    """A bundle with a root of its own, for runc."""

    def __init__(self, node, folder, kind="debian", command=(PROBE, "1"), environment=None, devices="1", **settings):
        self.node, self.folder = node, folder
        node.configure(f'[nvidia-container-runtime]\nruntimes = ["{RUNC}"]\n')
        images.bundle(images.root(kind), folder, command, request(devices) | (environment or {}), **settings)
        self.root, self.config = folder / "rootfs", folder / "config.json"

    def edit(self, change):
        document = json.loads(self.config.read_text())
        change(document)
        self.config.write_text(json.dumps(document))

    def run(self, *, prefix=(), runtime="nvidia-runtime"):
        """Runs it. No mount may be left, nor may the host's files change."""
        words = ("--root", f"{self.folder}/state", "run", "--bundle", self.folder, "test")
        before = self.host()
        result = self.node.run("sh", "-c", JOIN_CGROUPS, "-", *prefix, runtime, *words, timeout=60)
        assert self.host() == before
        assert result.returncode >= 0, result
        return result

    def passed(self, **settings):
        result = self.run(**settings)
        assert result.returncode == 0 and result.stdout.endswith(b"ok\n"), result
        return result

    def host(self):
        """What no container may change: mounts, and what is in some of the host's folders."""
        found = [self.node.mounts()]
        for folder in ("/etc", "/usr/bin", "/usr/lib/x86_64-linux-gnu", "/run", "/var"):
            path = self.node.path(folder)
            for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
                status = entry.stat(follow_symlinks=False)
                if entry.name != "mount":  # which is mount(8)'s
                    found.append((folder, entry.name, status.st_mtime_ns if stat.S_ISREG(status.st_mode) else None))
        return found


@pytest.fixture
def container(node, tmp_path):
    return lambda *words, **settings: Container(node, tmp_path / "bundle", *words, **settings)


@pytest.fixture
def canary(node):
    """A folder of the host that must stay empty, but for what runc 1.1.5 does by itself if /dev leads there."""
    path = node.path("/var/canary")
    path.mkdir()
    yield path
    found = {name for name in os.listdir(path) if not (path / name).is_symlink() or name not in RUNC_LINKS}
    shutil.rmtree(path)
    assert found == set()


# What a container can use


@pytest.mark.parametrize("kind", ["debian", "no-cache", "rhel", "distroless", "alpine", "busybox"])
def test_one_gpu_and_no_other(container, kind):
    """D-15, CVE-2021-1056: the container opens its GPU, and no other even by a node that it makes itself; where the
    image has a loader, libcuda is found."""
    text = container(kind).passed().stdout.decode()
    assert "node /dev/nvidia1 195:1" in text and "own node 195:0 Operation not permitted" in text
    assert ("libcuda " in text) == (kind != "busybox")


def test_user_who_is_not_root(container, node):
    container(user=(1000, 1000)).passed()


def test_no_gpu_asked(container):
    """Without a request the probe finds nothing of NVIDIA's."""
    container(command=(PROBE,), devices="void").passed()


def test_bundle_that_is_used_again(container):
    """J-20: a second start, as after a failed one."""
    made = container()
    made.passed()
    config, root = made.config.read_bytes(), sorted(os.listdir(made.root / FOLDER))
    made.passed()
    assert made.config.read_bytes() == config and sorted(os.listdir(made.root / FOLDER)) == root


def test_prestart_hook(container, node):
    """The stage that old engines know."""
    made = container()
    node.configure(f'[nvidia-container-runtime]\nruntimes = ["{RUNC}"]\nhook-stage = "prestart"\n')
    made.passed()
    assert list(json.loads(made.config.read_text())["hooks"]) == ["prestart"]


# Environment and programs of the image


def build_marker(made, where):
    """Programs and libraries in the image that leave the file `where` behind."""
    source = Path(__file__).with_name("marker.c")
    macro = f'-DMARKER="{where}"'
    images.run("gcc", macro, "-shared", "-fPIC", "-o", made.root / "p.so", source)
    images.run("gcc", macro, "-static", "-o", made.root / "evil", source)


def executed(made):
    """What `made` runs by execve(2) or execveat(2), the successful ones: the path and the environment."""
    log = made.folder / "strace"
    # A file for each process: in one file, calls of several are torn apart.
    words = ("strace", "-ff", "-qq", "-v", "-y", "-s", "4096", "-o", log, "-e", "trace=execve,execveat")
    result = made.run(prefix=words)
    call = re.compile(r'execve(?:at)?\((?:\d+<(.*?)>, )?"(.*?)", \[.*?\], \[(.*?)\](?:, \w+)?\) += 0$', re.MULTILINE)
    return result, [(path or file, re.findall(r'"((?:[^"\\]|\\.)*)"', environment))
                    for trace in sorted(made.folder.glob("strace.*"))
                    for file, path, environment in call.findall(trace.read_text())]


HOSTILE = {
    "LD_PRELOAD": "/proc/self/cwd/p.so", "LD_AUDIT": "/proc/self/cwd/p.so", "LD_LIBRARY_PATH": "/proc/self/cwd",
    "LD_DEBUG_OUTPUT": "/tmp/ld", "LD_DEBUG": "all", "GCONV_PATH": "/proc/self/cwd", "LOCPATH": "/proc/self/cwd",
    "NLSPATH": "/proc/self/cwd/%N", "MALLOC_TRACE": "/tmp/trace", "RESOLV_HOST_CONF": "/etc/shadow",
    "HOSTALIASES": "/etc/shadow", "GLIBC_TUNABLES": "glibc.malloc.check=3", "TMPDIR": "/proc/self/cwd",
    "SWIFT_ROOT": "/proc/self/cwd",
    "SWIFT_BACKTRACE": "enable=yes,swift-backtrace=/proc/self/cwd/evil", "SWIFT_DEBUG_ENABLE_MALLOC_SCRIBBLE": "1",
    "NVIDIA_CTK_CONFIG_FILE_PATH": "/proc/self/cwd/evil.toml", "XDG_CONFIG_HOME": "/proc/self/cwd",
}


@pytest.mark.attack("E-01", "E-02", "E-06")
@pytest.mark.parametrize("variable", ["LD_PRELOAD", "LD_AUDIT", "all of them"])
def test_environment_of_the_image(container, node, tmp_path, variable):
    """E-01, E-02, E-06: it reaches the container's process, and no other."""
    environment = HOSTILE if variable == "all of them" else {variable: HOSTILE[variable]}
    where = tmp_path / "marker"  # is no path in the container but for what the container makes itself
    made = container(command=("/usr/bin/true",), environment=environment)
    build_marker(made, where)
    (made.root / "evil.toml").write_text('[nvidia-container-runtime]\nruntimes = ["/evil"]\n')
    (made.root / "nvidia-container-runtime").mkdir()
    shutil.copy(made.root / "evil.toml", made.root / "nvidia-container-runtime/config.toml")
    inside = made.root / str(where).lstrip("/")
    inside.parent.mkdir(parents=True)
    result, calls = executed(made)
    assert result.returncode == 0, result
    assert inside.exists(), "the trap doesn't work: it should be sprung inside of the container"
    assert not where.exists()
    environments = {path: environment for path, environment in calls}
    assert environments["/usr/bin/nvidia-runtime-hook"] == HOOK_ENVIRONMENT
    for path, environment in calls:
        assert path == "/usr/bin/true" or not any(entry.startswith("LD_PRELOAD=") for entry in environment), path


def test_the_trap_itself(container, tmp_path):
    """CVE-2025-23266: the same image takes the host where a hook has no environment; so the test above can fail."""
    made = container(command=("/usr/bin/true",), environment={"LD_PRELOAD": HOSTILE["LD_PRELOAD"]})
    where = tmp_path / "marker"
    build_marker(made, where)
    made.edit(lambda document: document.update(hooks={"createContainer": [{"path": "/usr/bin/true"}]}))
    made.run(runtime=RUNC)
    assert where.exists()


@pytest.mark.attack("E-12")
def test_programs_of_the_image(container, tmp_path):
    """E-12, CVE-2024-0136: the image's ldconfig and loader are not run, although the loader's cache is made new."""
    made, where = container(command=("/evil-or-not",)), tmp_path / "marker"
    build_marker(made, where)
    shutil.copy(made.root / "usr/bin/true", made.root / "evil-or-not")
    cache = (made.root / "etc/ld.so.cache").read_bytes()
    for name in ("sbin/ldconfig", "sbin/ldconfig.real", "bin/nvidia-ctk", "bin/nvidia-runtime-hook", "bin/nvidia-smi",
                 "bin/sh", "bin/nvidia-container-cli"):
        name = f"usr/{name}"
        (made.root / name).unlink(missing_ok=True)
        shutil.copy(made.root / "evil", made.root / name)
    result, calls = executed(made)
    assert result.returncode == 0, result
    assert not where.exists() and not (made.root / str(where).lstrip("/")).exists()
    # runc starts once more from a copy of itself: a mount that is nowhere, which the kernel calls "/", or a memfd.
    paths = {path for path, _ in calls if path != "/" and not path.startswith("/memfd:runc_cloned:")}
    assert paths == {"/usr/bin/nvidia-runtime", RUNC, "/proc/self/exe", "/usr/bin/nvidia-runtime-hook", "/evil-or-not"}
    assert (made.root / "etc/ld.so.cache").read_bytes() != cache


# Links, mounts and roots


@pytest.mark.attack("S-05", "S-06", "S-07", "S-08")
@pytest.mark.parametrize("path, target", [
    ("dev", "/var/canary"), ("dev", "../../../../../../var/canary"), ("dev/nvidia1", "/etc/hostname"),
    ("dev/null", "/proc/sysrq-trigger"), ("proc", "tmp"), ("proc", "/var/canary"), ("sys", "/"), ("run", "/var/canary"),
    ("etc", "../../etc"), ("etc", "/var/canary"), ("etc/ld.so.cache", "/etc/ld.so.cache"),
    ("etc/ld.so.conf.d", "/var/canary"), ("usr/bin", "/var/canary"), ("lib/firmware", "/var/canary"),
    (FOLDER + "/libcuda.so.1", "/etc/hostname"), (FOLDER + "/libcuda.so.570.86.15", "/etc/hostname"),
    (FOLDER + "/vdpau", "/var/canary"), ("usr/lib/firmware", "../../../../../../../../../../var/canary"),
])
def test_links_in_the_image(container, canary, path, target):
    """S-05, S-06, S-07, S-08: it starts or not, but nothing outside of its root is written (Container.run)."""
    made = container(environment={"NVIDIA_DRIVER_CAPABILITIES": "all"})
    link = made.root / path
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)
    made.run()


@pytest.mark.attack("S-07")
def test_proc_is_a_file(container, canary):
    """S-07"""
    made = container()
    (made.root / "proc").rmdir()
    (made.root / "proc").write_text("")
    assert made.run().returncode != 0


@pytest.mark.attack("S-17")
@pytest.mark.parametrize("propagation", ["shared", "rshared", "slave", "private"])
def test_propagation(container, node, tmp_path, propagation):
    """S-17: no mount of the container shows up on the host, whatever the specification says (Container.run)."""
    made = container()
    volume = tmp_path / "volume"
    volume.mkdir()

    def change(document):
        document["linux"]["rootfsPropagation"] = propagation
        document["mounts"].insert(0, {"destination": "/usr/share/volume", "source": str(volume), "type": "bind",
                                      "options": ["rbind", "rshared"]})

    made.edit(change)
    made.passed()
    assert os.listdir(volume) == []


@pytest.mark.attack("S-18")
def test_root_that_is_read_only_in_the_container(container):
    """S-18: runc makes it so after the hook."""
    container(readonly=True).passed()


@pytest.mark.attack("S-18")
def test_root_on_a_read_only_file_system(container):
    """S-18: where nothing can be mounted, runc says so; nothing hangs, nothing is left."""
    made = container()
    result = made.run(prefix=read_only(made.root))
    assert result.returncode == 1 and b"read-only file system" in result.stderr.lower()


@pytest.mark.attack("S-21")
def test_user_namespace(node):
    """S-21: what the hook writes is the container's root's."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own can be entered by root only
        Path(folder).chmod(0o755)
        start_in_user_namespace(Container(node, Path(folder) / "bundle"))


def start_in_user_namespace(made):

    def change(document):
        linux = document["linux"]
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": 100_000, "size": 65536}]
        # The simulated node's own mounts in /sys keep a user namespace from having one.
        document["mounts"] = [mount for mount in document["mounts"] if mount["destination"] != "/sys"]

    made.edit(change)
    for path in (made.root, *made.root.rglob("*")):
        os.lchown(path, 100_000, 100_000)
    made.passed()
    for name in ("etc/ld.so.cache", f"{FOLDER}/libcuda.so.1", f"{FOLDER}/libcuda.so"):
        status = os.lstat(made.root / name)
        assert (status.st_uid, status.st_gid) == (100_000, 100_000), name


@pytest.mark.attack("S-22")
@pytest.mark.parametrize("root, starts", [
    ("rootfs", True), ("./rootfs/", True), ("../bundle/rootfs", True), ("absolute", True), ("link", False),
    ("", False), ("/", False), ("//..", False), ("nowhere", False), (None, False),
])
def test_path_of_the_root(container, canary, root, starts):
    """S-22: as runc reads it, but never the host's own."""
    made = container()
    (made.folder / "link").symlink_to("rootfs")
    path = str(made.root) if root == "absolute" else root
    made.edit(lambda document: document.update(root=path if path is None else {"path": path, "readonly": False}))
    if starts:
        made.passed()
    else:
        assert made.run().returncode != 0

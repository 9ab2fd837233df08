# SPDX-License-Identifier: Apache-2.0
"""S-01 to S-09 for what mounts and makes nodes in a container that exists (CVE-2024-0132, CVE-2024-0133,
CVE-2025-23359): roots that are hostile as they lie there. Each attack is a row; each is tried on every program, and on
kernels without openat2(2) (S-15) and without the newer calls that mount. What must hold for all is in `Hostile` and in
the invariants: what is mounted is the driver's and is in the root, and the canary is as it was."""

import os
from dataclasses import dataclass

import pytest
from setting_up import DRIVER, FIRMWARE, LIBRARIES, PROGRAMS, VERSION, Hostile

UP = "../" * 14
# Where things are mounted or made, and the case that is about it.
FOLDERS = {
    LIBRARIES: "S-01", "/usr/lib": "S-01", "/usr": "S-01", "/usr/bin": "S-01", "/etc": "S-07", "/run": "S-07",
    "/run/nvidia-persistenced": "S-07", "/usr/lib/firmware": "S-08", FIRMWARE: "S-08", "/dev": "S-06",
    "/etc/ld.so.conf.d": "S-07", "/usr/share/nvidia": "S-01", "/lib": "S-01",
}
TARGETS = {
    "absolute": "$canary", "empty": "$canary/empty", "up": UP + "$canary", "self": "/proc/self/root$canary",
    "one": "/proc/1/root$canary", "cwd": "/proc/1/cwd", "fd": "/proc/self/fd/3", "nowhere": "/nowhere", "itself": ".",
    "root": "/", "above": UP,
}
# Files, sockets and nodes that are made, and what the image has there.
FILES = (f"{LIBRARIES}/libcuda.so.{VERSION}", "/usr/bin/nvidia-smi", f"{FIRMWARE}/gsp_ga10x.bin",
         "/run/nvidia-persistenced/socket", "/dev/nvidia0", "/dev/nvidiactl", f"{LIBRARIES}/libcuda.so.1",
         "/etc/ld.so.cache")
THINGS = {
    "link to a file of the host": 'ln -s "$canary/shadow" "$at"', "link above": f'ln -s "{UP}$canary/shadow" "$at"',
    "link to a folder of the host": 'ln -s "$canary/folder" "$at"', "dangling link": 'ln -s "$canary/empty/new" "$at"',
    "link by procfs": 'ln -s "/proc/1/root$canary/shadow" "$at"', "link to a disk": 'ln -s /dev/sda "$at"',
    "folder": 'mkdir "$at"', "FIFO": 'mkfifo "$at"', "device": 'mknod "$at" b 8 0',
    "socket": 'python3 -c "import os,sys; os.mknod(sys.argv[1], 0o140600)" "$at"', "file": 'echo old >"$at"',
    "hard link": 'echo old >"$root/victim"; ln "$root/victim" "$at" || ln -s /victim "$at"',
}


# Each kernel by one of them, as both mount by the same code.
KERNELS = {"prestart": ("new", "old"), "configure": ("walk", "old mounts")}


@dataclass
class Attack:
    id: str
    name: str
    prepare: str


def replaced(path, target):
    """The folder at `path` is a link."""
    parent = os.path.dirname(path)
    return (f'mkdir -p "$root{parent}"; umount "$root{path}" 2>/dev/null || :; rm -rf "$root{path}"\n'
            f'ln -s "{target}" "$root{path}"')


MAIN = (LIBRARIES, FIRMWARE, "/dev", "/etc")  # of which each target is tried
FEW_TARGETS = ("absolute", "up", "one", "nowhere")
FEW_THINGS = ("link to a file of the host", "dangling link", "link to a disk", "folder", "hard link")


def rows():
    for path, id in FOLDERS.items():
        for name, target in TARGETS.items():
            if path not in MAIN and name not in FEW_TARGETS:
                continue
            about = {"absolute": id, "up": "S-02", "self": "S-03", "one": "S-03", "cwd": "S-03", "fd": "S-03"}.get(name, id)
            yield Attack(about, f"{path} {name}", replaced(path, target))
    for path in FILES:
        id = "S-06" if path.startswith("/dev") else "S-05" if "nvidia-smi" in path or VERSION in path else "S-04"
        for name, make in THINGS.items():
            if path not in (FILES[0], "/dev/nvidia0", "/run/nvidia-persistenced/socket") and name not in FEW_THINGS:
                continue
            yield Attack(id, f"{path} {name}", f'at=$root{path}; mkdir -p "${{at%/*}}"; rm -rf "$at"\n{make}')
    for name, target in TARGETS.items():
        covered = f'umount -l "$root/proc"; rmdir "$root/proc"\nln -s "{target}" "$root/proc"'
        yield Attack("S-07", f"/proc {name}", covered)
        for path in (f"{DRIVER}", "/proc/driver"):
            inner = f'umount -l "$root/proc"\n{replaced(path, target)}'
            yield Attack("S-07", f"{path} {name}", inner)
    yield Attack("S-07", "/proc is a file", 'umount -l "$root/proc"; rmdir "$root/proc"; echo >"$root/proc"')
    yield Attack("S-07", f"{DRIVER} is a folder", f'umount -l "$root/proc"; mkdir -p "$root{DRIVER}/gpus"')
    yield Attack("S-07", f"{DRIVER}/gpus is a link", (
        f'umount -l "$root/proc"; mkdir -p "$root{DRIVER}"; ln -s "$canary/folder" "$root{DRIVER}/gpus"'))
    yield Attack("S-09", "compat libraries", f"""
        at=$root/usr/local/cuda/compat; mkdir -p "$at"
        ln -s /proc/1/cwd{LIBRARIES}/libnvidia-ml.so.1 "$at/libX.so.999"; ln -s / "$at/libcuda.so.999.1"
        ln -s "{UP}$canary/libcuda.so.1" "$at/libcuda.so.1"; ln -s "$canary/folder" "$at/libnvidia-nvvm.so.999"
        ln -s / "$root{LIBRARIES}/libnvidia-ml.so.1"
        """)
    for name in ("absolute", "up", "self", "cwd", "root"):
        yield Attack("S-09", f"compat folder {name}", replaced("/usr/local/cuda/compat", TARGETS[name]))
        yield Attack("S-09", f"cuda folder {name}", replaced("/usr/local/cuda", TARGETS[name]))


def trials():
    for attack in rows():
        for program in PROGRAMS[:2]:
            name = f"{attack.id.replace('-', '_')}-{attack.name}-{program}".replace(" ", "_").replace("/", "|")
            yield pytest.param(attack, program, id=name, marks=pytest.mark.attack(attack.id))


@pytest.fixture
def host(node, scene):
    """The node, of which nothing may change. What the first container of a node makes on it, /dev/char, is there."""
    if not node.path("/dev/char").exists():
        with Hostile(scene, node, "first") as container:
            assert PROGRAMS[0](container).code == 0
    for folder in ("dev", "run/nvidia-persistenced", "etc/ld.so.conf.d", "usr/lib/firmware"):
        scene.guard_tree(node.root / folder)
    return node


@pytest.mark.attack("S-15")
@pytest.mark.parametrize("attack, program", trials())
def test_hostile_container(host, scene, attack, program):
    for kernel in KERNELS[program.name]:
        with Hostile(scene, host, kernel.replace(" ", "-"), attack.prepare) as container:
            run = program(container, kernel)
            print(attack.id, attack.name, program, kernel, run.code, run.error.decode().strip()[:200])


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
@pytest.mark.parametrize("kernel", ("new", "walk", "old mounts", "old"))
def test_honest_container(host, scene, program, kernel):
    """All that an attack is to divert is made, so the test above can fail; and no mount shows up on the host (S-17)."""
    with Hostile(scene, host, "honest") as container:
        assert program(container, kernel).code == 0
        assert len(container.table()) > len(container.before) + 20
        places = [path for path in FILES if not container.path(path).exists()]
        assert places == []


@pytest.mark.attack("S-05")
def test_S_05_what_is_there_counts(host, scene):
    """A mount that leads elsewhere is noticed: the check itself."""
    with Hostile(scene, host, "broken") as container:
        words = ("nsenter", "--target", str(container.pid), "--mount", "--", "mount", "--bind", "/etc/passwd")
        host.run(*words, "/etc/hostname", check=True)
        with pytest.raises(AssertionError):
            container.check(container.run("true"))

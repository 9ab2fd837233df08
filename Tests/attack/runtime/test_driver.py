# SPDX-License-Identifier: Apache-2.0
"""P: a driver root, a kernel module's files and an NVML that lie. Most of it is in
Tests/blackbox/inject/test_inject_node.py and LibContainerTests: testdata/attack/cases.json."""

import os
import re
import stat

import pytest
from injection import snapshot
from test_inject_node import CACHES, LIBRARY_FOLDER, driver_container, entry, new_cache

VERSION = "570.86.15"
BOUNDED = ("prlimit", f"--as={64 << 20}", "--cpu=2", "--")


def libcuda(outcome):
    return [path for path in outcome.mounts() if "/libcuda.so" in path]


# The loader's cache


@pytest.mark.attack("P-01", "P-02")
@pytest.mark.parametrize("kind", ["too many", "old, too many", "count overflows", "size too large", "no end of string"])
def test_caches_that_promise_much(new_node, bundle, kind):
    """As in test_broken_caches, in little memory: an array as long as the header says would not fit."""
    node, root = driver_container(new_node)
    good = node.create(bundle("0")).passed().mounts()
    cache = root / "etc/ld.so.cache"
    cache.unlink()
    cache.write_bytes(CACHES[kind])
    assert node.create(bundle("0"), prefix=BOUNDED).passed().mounts() == good


VALUES = {
    "relative": b"usr/lib/x86_64-linux-gnu/libcuda.so.1", "..": b"/../../../../usr/lib/x86_64-linux-gnu/libcuda.so.1",
    "host": b"/var/outside/libcuda.so.570.86.15", "1 MiB": b"/" + b"x" * (1 << 20), "control characters": b"/\x1b[2J\n",
    "no UTF-8": b"/\xff\xfe/libcuda.so.1", "procfs": b"/proc/1/root/var/outside/libcuda.so.570.86.15",
    "shadow": b"/etc/shadow", "folder": b"/usr/lib/x86_64-linux-gnu", "empty": b"",
}


@pytest.mark.attack("P-03")
@pytest.mark.parametrize("kind", VALUES)
def test_values_of_a_cache(new_node, bundle, kind):
    """A cache that sends libcuda.so.1 somewhere else: taken only if it is a file of this driver in this root."""
    node, root = driver_container(new_node)
    good = node.create(bundle("0")).passed()
    outside = node.path("/var/outside")
    outside.mkdir()
    (outside / f"libcuda.so.{VERSION}").write_text("not ours")
    base = 48 + 24
    strings = b"libcuda.so.1\0" + VALUES[kind] + b"\0"
    (root / "etc/ld.so.cache").write_bytes(new_cache(1, len(strings), entry(base, base + 13), strings))
    assert libcuda(good) == [f"{LIBRARY_FOLDER}/libcuda.so.{VERSION}"]
    outcome = node.create(bundle("0"), prefix=BOUNDED)
    if kind == "..":  # which is in the root, and the file itself; a cache that has it should have the others too
        outcome.denied(1408, "libnvidia-ml.so", "/run/nvidia/driver")
    else:
        assert outcome.passed().mounts() == good.mounts()


@pytest.mark.attack("P-04")
def test_cache_is_not_mapped(new_node, bundle, tmp_path):
    """A file that shrinks must not end in SIGBUS: read(2), and no mmap(2) of any file."""
    node, _ = driver_container(new_node)
    log = tmp_path / "strace"
    node.create(bundle("0"), prefix=("strace", "-y", "-o", log, "-e", "trace=openat2,openat,read,mmap,execve")).passed()
    own = log.read_text().rpartition("execve(")[0]
    assert re.search(r"^read\(\d+<[^>]*/etc/ld\.so\.cache>", own, re.MULTILINE)
    assert not re.search(r"^mmap\(.*, \d+<", own, re.MULTILINE)


@pytest.mark.attack("P-04")
@pytest.mark.parametrize("size", [0, 100, 60_000])
def test_cache_that_shrinks(new_node, bundle, tmp_path, size):
    """Cut between opening and reading it."""
    node, root = driver_container(new_node)
    good = node.create(bundle("0")).passed().mounts()
    cache = root / "etc/ld.so.cache"
    log = tmp_path / "strace"
    node.create(bundle("0"), prefix=("strace", "-y", "-o", log, "-e", "trace=read")).passed()
    lines = log.read_text().splitlines()
    number = next(index for index, line in enumerate(lines, 1) if "/etc/ld.so.cache>" in line)
    script = """
    strace -qq -f -o /dev/null -e inject=read:delay_enter=400000:when=$1 nvidia-runtime create --bundle "$2" id &
    sleep 0.2; truncate --size="$4" "$3"; wait $!"""
    made = bundle("0")
    result = node.run("sh", "-c", script, "-", number, made.folder, "/run/nvidia/driver/etc/ld.so.cache", size)
    assert result.stdout == b"recorder\n" and cache.stat().st_size == size
    assert {one["destination"]: one["source"] for one in made.spec["mounts"] if "nvidia" in one["source"]} == good


# ELF files

DAMAGES = {  # of the header of ELFCLASS64
    "magic": (0, b"x"), "class 3": (4, b"\3"), "32-bit": (4, b"\1"), "big-endian": (5, b"\2"),
    "executable": (16, b"\2\0"),
    "machine": (18, b"\xb7\0"), "e_phoff": (32, b"\xff" * 8), "e_phoff 2^63": (32, b"\0" * 7 + b"\x80"),
    "e_phentsize 0": (54, b"\0\0"), "e_phentsize 65535": (54, b"\xff\xff"), "e_phnum 65535": (56, b"\xff\xff"),
    "e_phnum 0": (56, b"\0\0"), "e_shoff": (40, b"\xff" * 8), "e_shnum": (60, b"\xff\xff"), "all": (16, b"\xff" * 48),
}
HARMLESS = {"e_shoff", "e_shnum"}  # nobody loads a library by its sections


def programs(good):
    """Where the program headers are, by type, in a file that is whole."""
    return {int.from_bytes(good[at:at + 4], "little"): at for at in range(64, 64 + 56 * good[56], 56)}


def segments(good):
    """Damages of the segments that lead to the names."""
    for name, number in (("PT_LOAD", 1), ("PT_DYNAMIC", 2)):
        at = programs(good)[number]
        for field, offset in (("offset", 8), ("vaddr", 16), ("filesz", 32)):
            for value in (b"\xff" * 8, b"\0" * 7 + b"\x80"):
                yield f"{name} {field} {value[7]:x}", (at + offset, value)


@pytest.mark.attack("P-05")
@pytest.mark.parametrize("name", ["libcuda", "libnvidia-opencl"])
def test_libraries_that_are_none(new_node, bundle, name):
    """Without a cache we read the files ourselves. One that is no library for this machine is refused where it is
    needed, and left out where it isn't; whatever is in it, nothing traps."""
    node, root = driver_container(new_node)
    (root / "etc/ld.so.cache").unlink()
    path = root / LIBRARY_FOLDER[1:] / f"{name}.so.{VERSION}"
    good = path.read_bytes()
    wanted = node.create(bundle("0")).passed().mounts()
    place = f"{LIBRARY_FOLDER}/{path.name}"
    assert place in wanted
    damages = DAMAGES | dict(segments(good))
    damages |= {f"cut to {size}": (size, None) for size in (0, 1, 16, 63, 64, 119, 400, len(good) - 1, 1 << 40)}
    refused = 0
    for kind, (offset, value) in damages.items():
        if value is None:
            path.write_bytes(good[:offset])
            os.truncate(path, offset)
        else:
            path.write_bytes(good[:offset] + value + good[offset + len(value):])
        outcome = node.create(bundle("0"), prefix=BOUNDED)
        if outcome.status == 0 and place in outcome.mounts():
            assert outcome.mounts() == wanted, kind
            assert kind in HARMLESS or kind.startswith(("PT_", "cut to", "executable", "e_phnum 0")), kind
        elif name == "libcuda":
            refused += 1
            outcome.denied({1408, 1409}.intersection({int(outcome.stderr[19:23])}).pop(), "libcuda.so")
        else:
            refused += 1
            assert outcome.passed().mounts() == {key: value for key, value in wanted.items() if key != place}, kind
    assert refused > 12


# The kernel module's files


def huge(path):
    os.truncate(path, 1 << 30)


TEXTS = {
    "empty": lambda path, good: path.write_bytes(b""), "1 GiB": lambda path, good: huge(path),
    "binary": lambda path, good: path.write_bytes(bytes(range(256)) * 20),
    "NUL bytes": lambda path, good: path.write_bytes(good.replace(b" ", b"\0")),
    "CRLF": lambda path, good: path.write_bytes(good.replace(b"\n", b"\r\n")),
    "escapes": lambda path, good: path.write_bytes(b"\x1b[2J" + good.replace(b":", b"\x1b[31m:")),
    "no line ends": lambda path, good: path.write_bytes(good.replace(b"\n", b" ") * 3),
    "64 KiB more": lambda path, good: path.write_bytes(good + b"a: 1\n" * 13_000),
}
FILES = ["version", "params", "devices", "information", "mig-minors", "access"]


@pytest.fixture
def mig_node(nodes):
    return nodes("--mig", "1=1", "--layout", "debian-multiarch")


def kernel_file(node, name):
    driver = "/proc/driver/nvidia"
    path = {
        "version": f"{driver}/version", "params": f"{driver}/params", "devices": "/proc/devices",
        "information": f"{driver}/gpus/{node.gpus[0]['address']}/information",
        "mig-minors": "/proc/driver/nvidia-caps/mig-minors", "access": f"{driver}/capabilities/gpu1/mig/gi7/access",
    }[name]
    return node.path(path)


@pytest.mark.attack("P-06")
@pytest.mark.parametrize("name", FILES)
def test_files_of_the_kernel_module(mig_node, bundle, name):
    """Bounded: either the same is given as ever, or it is refused. Never another device, and never more."""
    node, path = mig_node, kernel_file(mig_node, name)
    good = path.read_bytes() if path.exists() else b"config 1\ngpu1/gi7/access 201\n"
    wanted = {value: node.create(bundle(value)).passed().devices() for value in ("0", "1:0")}
    results = {}
    try:
        for kind, make in TEXTS.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(good)
            make(path, good)
            for value in wanted:
                outcome = node.create(bundle(value), prefix=BOUNDED)
                results[kind, value] = outcome.status
                if outcome.status == 0:
                    assert outcome.devices() == wanted[value], (kind, value)
                else:
                    assert re.match(r"nvidia-runtime: NVR1(20[4-8]|40\d|410): ", outcome.stderr), (kind, outcome.stderr)
    finally:
        path.write_bytes(good)
    assert results["CRLF", "0"] == 0
    if name in ("version", "devices", "information"):
        assert results["empty", "0"] == results["1 GiB", "0"] == 1


# NVML


@pytest.mark.attack("P-07")
@pytest.mark.parametrize("behaviour", [
    "count: 4294967295", "mig limit: 4294967295", "uuid: unterminated", "uuid: GPU-1", "crash: nvmlInit",
    "crash: nvmlDeviceGetUUID", "fail: nvmlDeviceGetCount_v2", "lost: 1",
])
def test_nvml_that_lies(mig_node, bundle, behaviour):
    """A MIG device by its UUID is what only NVML knows: refused, and nobody else is hurt."""
    node = mig_node
    uuid, = [mig["uuid"] for mig in node.mig_devices]
    wanted = node.create(bundle("1:0")).passed().devices()
    assert node.create(bundle(uuid)).passed().devices() == wanted
    node.path("/run/nvidia-runtime/nvml").unlink()
    node.path("/run/simulated-nvml").write_text(behaviour + "\n")
    outcome = node.create(bundle(uuid))
    assert re.match(r"nvidia-runtime: NVR120[89]: ", outcome.stderr), outcome
    outcome.denied(int(outcome.stderr[19:23]), "MIG")
    assert node.create(bundle("1:0")).passed().devices() == wanted


@pytest.mark.attack("P-07")
def test_nvml_that_hangs(mig_node, bundle):
    """Killed at its deadline, with the child that it has left; see test_p07_hang for the rest."""
    node = mig_node
    uuid, = [mig["uuid"] for mig in node.mig_devices]
    node.path("/run/simulated-nvml").write_text("hang: nvmlInit\n")
    node.create(bundle(uuid)).denied(1209, "did not answer within")


# Device nodes


@pytest.mark.attack("P-08")
@pytest.mark.parametrize("name", ["nvidia0", "nvidiactl", "nvidia-uvm"])
@pytest.mark.parametrize("kind",
                         ["regular file", "link to another GPU", "block device", "another minor", "another major"])
def test_nodes_that_are_none(new_node, bundle, name, kind):
    """CVE-2025-31133, CVE-2026-41579: the node that we looked at is what counts, not its name; with everything else."""
    node = new_node()
    path = node.path(f"/dev/{name}")
    major, minor = node.device(f"/dev/{name}")
    path.unlink()
    {
        "regular file": lambda: path.write_text(""), "link to another GPU": lambda: path.symlink_to("nvidia1"),
        "block device": lambda: os.mknod(path, stat.S_IFBLK | 0o666, os.makedev(major, minor)),
        "another minor": lambda: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor + 1)),
        "another major": lambda: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major + 1, minor)),
    }[kind]()
    before = snapshot(path)
    node.create(bundle("0")).denied(1405, f"/dev/{name}", "not the NVIDIA device node")
    assert snapshot(path) == before

# SPDX-License-Identifier: Apache-2.0
"""Hosts of all kinds, and hosts on which something is wrong."""

import os
import socket
import stat
import struct

import driver_files
import pytest
from injection import images

LIBRARY_FOLDER = "/usr/lib/x86_64-linux-gnu"


# Device nodes


def test_minor_is_not_the_index(nodes, bundle):
    """The index follows the bus, as NVML's does; the node's name is the minor number."""
    node = nodes("--minor-order", "reversed", "--gpus", "3")
    for value, minor in (("0", 2), ("1", 1), ("2", 0), (node.gpus[0]["uuid"], 2)):
        outcome = node.create(bundle(value, "graphics")).passed()
        gpu, = (gpu for gpu in node.gpus if gpu["minor"] == minor)
        names = ("nvidiactl", "nvidia-modeset", f"nvidia{minor}", f"dri/{gpu['card']}", f"dri/{gpu['render']}")
        assert outcome.devices() == node.numbers(*(f"/dev/{name}" for name in names))


def test_missing_nodes_are_made(new_node, bundle):
    """As nvidia-modprobe makes them: with the module's mode and group, whatever our umask is (X-12)."""
    missing = ("nvidia0", "nvidiactl", "nvidia-uvm", "nvidia-uvm-tools", "nvidia-modeset")
    node = new_node(*(word for name in missing for word in ("--missing", name)), "--mode", "0640", "--group", "44")
    outcome = node.create(bundle("all", "all"), prefix=("sh", "-c", 'umask 0777; exec "$@"', "-")).passed()
    assert outcome.devices() == node.numbers(*driver_files.devices(node, driver_files.ALL, node.gpus))
    for name in missing:
        status = os.lstat(node.path(f"/dev/{name}"))
        assert stat.S_ISCHR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o640
        assert (status.st_uid, status.st_gid) == (0, 44)
        assert [os.major(status.st_rdev), os.minor(status.st_rdev)] == node.nodes[f"/dev/{name}"][:2]


@pytest.mark.parametrize("name, id", [("nvidia0", 1406), ("nvidiactl", 1406), ("nvidia-uvm", 1410)])
def test_missing_nodes_that_must_not_be_made(nodes, bundle, name, id):
    """ModifyDeviceFiles=0: refused, and nothing made."""
    node = nodes("--missing", name, "--parameter", "ModifyDeviceFiles=0")
    node.create(bundle("0")).denied(id, f"/dev/{name}", "ModifyDeviceFiles")
    assert not node.path(f"/dev/{name}").exists()


@pytest.mark.parametrize("name", ["nvidia-uvm-tools", "nvidia-modeset"])
def test_optional_nodes_may_be_missing(nodes, bundle, name):
    node = nodes("--missing", name, "--parameter", "ModifyDeviceFiles=0")
    outcome = node.create(bundle("all", "all"), options=("--debug",)).passed()
    wanted = driver_files.devices(node, driver_files.ALL, node.gpus) - {f"/dev/{name}"}
    assert outcome.devices() == node.numbers(*wanted)
    assert any(name in entry["msg"] for entry in outcome.log if entry["level"] == "debug")


def test_another_gpus_node_may_be_missing(nodes, bundle):
    node = nodes("--missing", "nvidia1", "--parameter", "ModifyDeviceFiles=0")
    assert "/dev/nvidia0" in node.create(bundle("0")).passed().devices()
    node.create(bundle("all")).denied(1406, "/dev/nvidia1")


def _node(kind, major, minor):
    return lambda path: os.mknod(path, kind | 0o666, os.makedev(major, minor))


IMPOSTORS = {
    "regular file": lambda path: path.write_text(""),
    "symbolic link to a GPU": lambda path: path.symlink_to("nvidia1"),
    "symbolic link to a disk": lambda path: path.symlink_to("/dev/sda"),
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "block device": _node(stat.S_IFBLK, 195, 0),
    "other major": _node(stat.S_IFCHR, 1, 3),
    "other minor": _node(stat.S_IFCHR, 195, 1),
    "directory": lambda path: path.mkdir(),
    "FIFO": lambda path: os.mkfifo(path),
    "socket": lambda path: socket.socket(socket.AF_UNIX).bind(str(path)),
}


@pytest.mark.attack("S-06")
@pytest.mark.parametrize("kind", IMPOSTORS)
def test_impostors(new_node, bundle, kind):
    """P-08, S-06: what is not the device itself is never given, and doesn't hang; other GPUs are still given."""
    node = new_node()
    for name in ("nvidia0", "nvidiactl", "nvidia-uvm"):
        path = node.path(f"/dev/{name}")
        path.rename(path.with_name("kept"))
        IMPOSTORS[kind](path)
        node.create(bundle("0")).denied(1405, f"/dev/{name}", "not the NVIDIA device node", "nvidia-modprobe")
        if name == "nvidia0":
            assert "/dev/nvidia1" in node.create(bundle("1")).passed().devices()
            node.create(bundle("all")).denied(1405, "/dev/nvidia0")
        path.rmdir() if kind == "directory" else path.unlink()
        path.with_name("kept").rename(path)
    for name in ("nvidia-uvm-tools", "nvidia-modeset"):  # optional: left out
        path = node.path(f"/dev/{name}")
        path.unlink()
        IMPOSTORS[kind](path)
        assert f"/dev/{name}" not in node.create(bundle("all", "all")).passed().devices()


def test_links_by_number(new_node, bundle):
    """/dev/char has a link for every device given and no other; what is there stays as it is."""
    node = new_node("--gpus", "3")
    folder = node.path("/dev/char")
    folder.mkdir(exist_ok=True)
    (folder / "195:1").symlink_to("/dev/nvidia1")
    (folder / "195:255").symlink_to("../nowhere")
    before = set(os.listdir(folder))
    outcome = node.create(bundle("0,1"), options=("--debug",)).passed()
    wanted = {f"{major}:{minor}" for major, minor in outcome.devices().values()}
    assert set(os.listdir(folder)) == before | wanted
    assert os.readlink(folder / "195:0") == "../nvidia0"
    assert os.readlink(folder / "195:1") == "/dev/nvidia1"
    assert os.readlink(folder / "195:255") == "../nowhere"
    assert [entry for entry in outcome.log if "195:255" in entry["msg"]]


# The driver as a whole


@pytest.mark.parametrize("version", ["565.77", "570.86.10", "571.86.15"])
def test_libraries_of_another_version(nodes, bundle, version):
    node = nodes("--library-version", version)
    node.create(bundle("0")).denied(1407, "version mismatch", "570.86.15", version, "libnvidia-ml.so", "reboot")


def test_driver_not_loaded(nodes, bundle):
    node = nodes("--no-driver")
    for value in ("all", "0", "none", "GPU-5171a7ed-0000-4000-8000-000000000000"):
        node.create(bundle(value)).denied(
            1401, "kernel module is not loaded", "/proc/driver/nvidia/version", "modprobe nvidia")


@pytest.mark.parametrize(
    "options", [("--open-module",), ("--driver-version", "535.261.03"), ("--uvm-major", "235")], ids=str)
def test_other_kernel_modules(nodes, bundle, options):
    node = nodes(*options)
    outcome = node.create(bundle("all", "all")).passed()
    assert outcome.devices() == node.numbers(*driver_files.devices(node, driver_files.ALL, node.gpus))
    assert driver_files.kinds(outcome.mounts()) == driver_files.expected(driver_files.ALL)
    assert f"{LIBRARY_FOLDER}/libcuda.so.{node.driver_version}" in outcome.mounts()


def test_no_gpu_on_the_node(nodes, bundle):
    node = nodes("--gpus", "0")
    node.create(bundle("all")).denied(1205, "the driver has none")
    node.create(bundle("0")).denied(1204, 'there is no GPU "0"')
    assert "/dev/nvidiactl" in node.create(bundle("none")).passed().devices()


def test_many_gpus(nodes, bundle):
    node = nodes("--gpus", "16")
    outcome = node.create(bundle("all", "all")).passed()
    assert outcome.devices() == node.numbers(*driver_files.devices(node, driver_files.ALL, node.gpus))
    some = node.create(bundle("15,3,7")).passed().devices()
    assert {path for path in some if path[11:].isdigit()} == {"/dev/nvidia15", "/dev/nvidia3", "/dev/nvidia7"}


# Where the driver's files are


# What a layout does not have at the places that everybody searches, and what it has instead.
OTHERWISE = {
    "rhel": {"configuration": ({"/etc/vulkan/icd.d/nvidia_icd.json"}, {"/etc/vulkan/icd.d/nvidia_icd.x86_64.json"})},
    # Everything is in one folder; of its files for the screen only Vulkan's are looked for there, as in the original.
    "gke": {"firmware": ({"gsp_ga10x.bin", "gsp_tu10x.bin"}, set()),
            "sockets": ({"/run/nvidia-persistenced/socket"}, set()),
            "configuration": ({path for path in driver_files.DRAWING if path.startswith("/usr/share/")}, set())},
    "nixos": {"configuration": (
        {"/usr/share/nvidia/nvoptix.bin", "/usr/share/X11/xorg.conf.d/nvidia-drm-outputclass.conf"}, set())},
}


@pytest.mark.parametrize(
    "layout", ["debian-multiarch", "debian-alternatives", "rhel", "gke", "nixos", "driver-container"])
@pytest.mark.parametrize("capabilities", [driver_files.DEFAULT, driver_files.ALL], ids=["default", "all"])
def test_layouts(nodes, bundle, layout, capabilities):
    """The same files on all hosts, each there under the name in the plan, of the driver root and nowhere else."""
    node = nodes("--layout", layout)
    if node.driver_root != "/":
        node.configure(f'[nvidia-container-cli]\nroot = "{node.driver_root}"\n')
    outcome = node.create(bundle("1", ",".join(capabilities))).passed()
    devices = driver_files.devices(node, capabilities, node.gpus[1:])
    assert outcome.devices() == node.numbers(*devices)
    mounts = outcome.mounts()
    found, wanted = driver_files.kinds(mounts), driver_files.expected(capabilities)
    for kind, (missing, instead) in OTHERWISE.get(layout, {}).items():
        wanted[kind] = wanted[kind] - missing | (instead if "graphics" in capabilities else set())
    assert found == wanted
    for source in mounts.values():
        assert source.startswith(node.driver_root), source
        assert node.run("sh", "-c", 'test -e "$1" && test ! -L "$1"', "-", source).returncode == 0, source
    assert any(word == "--library" for word in outcome.hook())


def test_driver_root_that_is_wrong(nodes, bundle):
    """T-05"""
    node = nodes("--layout", "driver-container")
    for root, words in (("/nowhere", (1404, "/nowhere", "nvidia-container-cli.root")),
                        ("/etc/passwd", (1404, "/etc/passwd")),
                        ("/var/empty-root", (1408, "libcuda.so", "/var/empty-root", "nvidia-container-cli.root"))):
        node.path("/var/empty-root").mkdir(exist_ok=True)
        node.configure(f'[nvidia-container-cli]\nroot = "{root}"\n')
        node.create(bundle("0", "compute")).denied(*words)


def test_driver_root_never_falls_back_to_the_host(new_node, bundle):
    """T-05: the host has a driver, and the root that is configured is missing, not mounted, or a link to /."""
    node = new_node()
    node.configure('[nvidia-container-cli]\nroot = "/run/nvidia/driver"\n')
    root = node.path("/run/nvidia/driver")
    node.create(bundle("0")).denied(1404, "/run/nvidia/driver", "nvidia-container-cli.root")
    root.mkdir(parents=True)
    node.create(bundle("0")).denied(1408, "/run/nvidia/driver", "nvidia-container-cli.root")
    root.rmdir()
    root.symlink_to("/")
    node.create(bundle("0")).denied(1404, "/run/nvidia/driver leads to /", "nvidia-container-cli.root")
    node.configure("")
    node.create(bundle("0")).passed()


@pytest.mark.parametrize("value", ["@/var/evil/ldconfig", "@/sbin/ldconfig;id"])
def test_configured_ldconfig_is_never_run(new_node, bundle, value):
    """T-03: the key is read for its form only. No ldconfig runs, so neither somebody's own nor a shell's words."""
    node = new_node()
    evil = node.path("/var/evil")
    evil.mkdir(parents=True)
    (evil / "ldconfig").write_text("#!/bin/sh\ntouch /var/evil/ran\n")
    (evil / "ldconfig").chmod(0o755)
    for path in (evil, evil / "ldconfig"):
        os.chown(path, 12345, 12345)
    node.configure(f'[nvidia-container-cli]\nldconfig = "{value}"\n')
    outcome = node.create(bundle("0")).passed()
    assert value[1:].encode() not in outcome.after
    assert not any("ldconfig" in word for word in outcome.hook())
    assert not (evil / "ran").exists()


def driver_container(new_node):
    """A node with its driver in a folder, whose files the test may change: the node, and the folder from outside."""
    node = new_node("--layout", "driver-container")
    node.configure('[nvidia-container-cli]\nroot = "/run/nvidia/driver"\n')
    return node, node.path("/run/nvidia/driver")


def test_absolute_links_in_a_driver_root(new_node, bundle):
    """Debian's alternatives, which are absolute, mean the driver root, not the host."""
    node, root = driver_container(new_node)
    folder = root / LIBRARY_FOLDER[1:]
    (folder / "nvidia/current").mkdir(parents=True)
    alternatives = root / "etc/alternatives"
    alternatives.mkdir(exist_ok=True)
    for name in ("libcuda", "libnvidia-ml"):
        (folder / f"{name}.so.570.86.15").rename(folder / f"nvidia/current/{name}.so.570.86.15")
        (folder / f"{name}.so.1").unlink()
        (folder / f"nvidia/current/{name}.so.1").symlink_to(f"{name}.so.570.86.15")
        (alternatives / f"nvidia--{name}.so.1").symlink_to(f"{LIBRARY_FOLDER}/nvidia/current/{name}.so.1")
        (folder / f"{name}.so.1").symlink_to(f"/etc/alternatives/nvidia--{name}.so.1")
    images.run("/sbin/ldconfig", "-X", "-r", root)
    mounts = node.create(bundle("0")).passed().mounts()
    real = f"{LIBRARY_FOLDER}/nvidia/current/libcuda.so.570.86.15"
    assert mounts[real] == f"/run/nvidia/driver{real}"
    assert driver_files.kinds(mounts)["libraries"] == driver_files.union(driver_files.LIBRARIES, driver_files.DEFAULT)


REFUSED = {  # with the error where it is libcuda
    "absolute link to a file outside": (1408, lambda path: path.symlink_to("/etc/shadow")),
    "relative link out of the root": (1408, lambda path: path.symlink_to("../" * 12 + "etc/shadow")),
    "link to the same name outside": (1408, lambda path: path.symlink_to(f"/var/outside/{path.name}")),
    "magic link": (1409, lambda path: path.symlink_to("/proc/self/root/var/outside/" + path.name)),
    "directory": (1409, lambda path: path.mkdir()),
    "FIFO": (1409, lambda path: os.mkfifo(path)),
    "device": (1409, _node(stat.S_IFCHR, 1, 3)),
    "another user's file": (1409, lambda path: (path.write_text(""), os.chown(path, 1000, 1000))),
    "a file that everybody may change": (1409, lambda path: (path.write_text(""), path.chmod(0o666))),
    "a link to itself": (1409, lambda path: path.symlink_to(path.name)),
}


@pytest.mark.attack("S-16")
@pytest.mark.parametrize("kind", REFUSED)
def test_files_that_are_not_taken(new_node, bundle, kind):
    """S-16: a library that leads out of the driver root, or is none, or could be anybody's."""
    node, root = driver_container(new_node)
    outside = node.path("/var/outside")
    outside.mkdir()
    for name in ("libcuda", "libnvidia-opencl"):
        (outside / f"{name}.so.570.86.15").write_text("not ours")
        path = root / LIBRARY_FOLDER[1:] / f"{name}.so.570.86.15"
        (root / LIBRARY_FOLDER[1:] / "kept").mkdir(exist_ok=True)
        path.rename(path.with_name("kept") / path.name)
        id, make = REFUSED[kind]
        make(path)
    node.create(bundle("0")).denied(id, "libcuda.so", "nvidia-container-cli.root")
    path = root / LIBRARY_FOLDER[1:] / "libcuda.so.570.86.15"
    path.rmdir() if kind == "directory" else path.unlink()
    (path.with_name("kept") / path.name).rename(path)
    outcome = node.create(bundle("0")).passed()  # without an optional one the rest is given
    wanted = driver_files.union(driver_files.LIBRARIES, driver_files.DEFAULT) - {"libnvidia-opencl"}
    assert driver_files.kinds(outcome.mounts())["libraries"] == wanted
    assert all(source.startswith("/run/nvidia/driver/") for source in outcome.mounts().values())


def new_cache(count, size, entries=b"", strings=b""):
    return b"glibc-ld.so.cache1.1" + struct.pack("<II", count, size) + bytes(20) + entries + strings


def entry(key, value):
    return struct.pack("<iIIIQ", 0x303, key, value, 0, 0)


def escaping_cache():
    """Well formed, and every value leads somewhere else than to the driver."""
    values = (b"libcuda.so.1", b"../../../../etc/shadow", b"/etc/shadow", b"/../../var/outside/libcuda.so.1",
              b"/" + b"x" * 100_000, b"\xff\x1b[2J", b"/proc/self/root/etc/shadow", b"")
    base = 48 + 24 * len(values)
    strings, entries = b"libcuda.so.1\0", b""
    for value in values:
        entries += entry(base, base + len(strings))
        strings += value + b"\0"
    return new_cache(len(values), len(strings), entries, strings)


CACHES = {
    "none": None, "empty": b"", "one byte": b"l", "47 bytes": new_cache(0, 0)[:47], "header only": new_cache(0, 0),
    "other magic": b"glibc-ld.so.cache9.9" + bytes(28), "random": bytes(range(256)) * 64,
    "old header only": b"ld.so-1.7.0\0" + struct.pack("<I", 0),
    "old, too many": b"ld.so-1.7.0\0" + struct.pack("<I", 2**32 - 1),
    "too many": new_cache(2**32 - 1, 0), "count overflows": new_cache(0xAAAAAAAB, 24),
    "size too large": new_cache(0, 2**32 - 1), "key at the end": new_cache(1, 4, entry(76, 72), b"abc\0"),
    "offsets beyond": new_cache(1, 4, entry(2**32 - 1, 2**32 - 1), b"abc\0"),
    "no end of string": new_cache(1, 12, entry(72, 72), b"libcuda.so.1"), "escaping": escaping_cache(),
}


@pytest.mark.parametrize("kind", CACHES)
def test_broken_caches(new_node, bundle, kind):
    """P-01, P-02, P-03: where ld.so.cache is no use, the usual folders are, and give the same."""
    node = new_node()
    good = node.create(bundle("all", "all")).passed().mounts()
    cache = node.path("/etc/ld.so.cache")
    cache.unlink()
    if CACHES[kind] is not None:
        cache.write_bytes(CACHES[kind])
    assert node.create(bundle("all", "all")).passed().mounts() == good


@pytest.mark.parametrize("kind", ["FIFO", "directory", "device", "link to itself", "link out", "sparse"])
def test_caches_that_are_no_files(new_node, bundle, kind):
    """P-04: nothing waits, nothing is read without end."""
    node, root = driver_container(new_node)
    good = node.create(bundle("0")).passed().mounts()
    cache = root / "etc/ld.so.cache"
    cache.unlink()
    {
        "FIFO": lambda: os.mkfifo(cache), "directory": lambda: cache.mkdir(),
        "device": lambda: _node(stat.S_IFCHR, 1, 5)(cache), "link to itself": lambda: cache.symlink_to("ld.so.cache"),
        "link out": lambda: cache.symlink_to("../../../../etc/ld.so.cache"),
        "sparse": lambda: (cache.write_bytes(b"glibc-ld.so.cache1.1"), os.truncate(cache, 8 << 30)),
    }[kind]()
    assert node.create(bundle("0"), prefix=("prlimit", f"--as={256 << 20}")).passed().mounts() == good

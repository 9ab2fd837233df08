# SPDX-License-Identifier: Apache-2.0
"""Each step of the prestart hook fails in turn: it says so in one line, and what it made is gone."""

import time

import pytest
from prestarting import DRIVER, FOLDER, HOOK, NO_CGROUPS, check_mounts, edit, owned, plan

FIRMWARE = "usr/lib/firmware/nvidia/570.86.15"
# What is done in the mount namespace before ($root is the container's, / the host's), the error, and words of it.
FAILURES = {
    "a folder where the first library goes": (
        f'mkdir -p "$root{FOLDER}/libnvidia-ml.so.570.86.15"', 1812, "libnvidia-ml"),
    "a folder where a socket goes": ('mkdir -p "$root/run/nvidia-persistenced/socket"', 1812, "socket"),
    "a file where a folder goes": ('touch "$root/usr/lib/firmware"', 1812, "firmware"),
    "a read-only root": ('mount -o remount,bind,ro "$root"', 1812, "Read-only file system"),
    "a read-only volume": (
        'mkdir "$root/usr/lib/firmware"; mount -t tmpfs -o ro tmpfs "$root/usr/lib/firmware"', 1812, "firmware"),
    "a full volume": ('mount -t tmpfs -o nr_inodes=3 tmpfs "$root/usr/bin"', 1812, "No space left"),
    "a file of the host that is missing": (f"mount -t tmpfs tmpfs /{FIRMWARE}", 1812, "gsp_"),
    "a GPU of the host that is missing": (f"mount -t tmpfs tmpfs {DRIVER}", 1812, "/gpus/"),
    "a folder where a node goes": ('mkdir "$root/dev/nvidia1"', 1812, "/dev/nvidia1"),
    "a full /dev": ('mount -t tmpfs -o nr_inodes=3 tmpfs "$root/dev"', 1812, "No space left"),
    "a read-only /dev": ('mount -o remount,ro "$root/dev"', 1812, "Read-only file system"),
    "no /dev": ('umount "$root/dev"; rmdir "$root/dev"; touch "$root/dev"', 1812, "/dev"),
    "a folder where a link goes": (f'mkdir "$root{FOLDER}/libcuda.so.1"', 1805, "libcuda.so.1"),
    "a folder where the cache goes": ('rm "$root/etc/ld.so.cache"; mkdir "$root/etc/ld.so.cache"', 1805, "ld.so.cache"),
}


def kept(entries):
    """What is not to be there after a failure: all but folders, which stay, and links, which lead nowhere then."""
    return {path: entry for path, entry in entries.items() if entry[0] not in (0o040000, 0o120000)}


@pytest.mark.parametrize("kind", FAILURES)
def test_failures(node, namespace, kind):
    prepare, id, words = FAILURES[kind]
    node.configure(NO_CGROUPS)
    made = namespace(node, prepare)
    table, entries, nodes = made.table(), made.entries(), made.nodes()
    made.hook().failed(id, words)
    assert made.table() == table
    assert made.nodes() == nodes
    assert kept(made.entries()) == kept(entries)


@pytest.mark.parametrize("kind", ["a folder where a link goes", "a folder where a node goes"])
def test_a_second_try(node, namespace, kind):
    """After a failure whose cause has gone, all is as if it had not been."""
    prepare, id, _ = FAILURES[kind]
    node.configure(NO_CGROUPS)
    made = namespace(node, prepare)
    before = made.mounts()
    made.hook().failed(id)
    made.run("/usr/bin/rm", "-r", prepare.split('$root')[1].rstrip('"'))
    made.hook().done()
    wanted = plan(node, made.bundle.folder)
    check_mounts(made, before, wanted["mounts"], node, {DRIVER, f"{DRIVER}/gpus/{node.gpus[1]['address']}"})
    assert made.nodes() == owned(node, wanted["devices"])


@pytest.mark.parametrize("kind", ["a folder where a node goes", "a folder where the cache goes", "a full volume"])
def test_container_does_not_start(container, kind, low_level):
    """Under a runtime too: no container, no mount, no process."""
    made = container(low_level, command=["/usr/bin/touch", "/started"])
    root = made.bundle.folder / "rootfs"
    if kind == "a folder where the cache goes":
        (root / "etc/ld.so.cache").unlink()
        (root / "etc/ld.so.cache").mkdir()
    elif kind == "a full volume":
        volume = {"destination": "/usr/lib/firmware", "type": "tmpfs", "source": "tmpfs", "options": ["nr_inodes=2"]}
        _add_mount(made, volume)
    else:
        volume = {"destination": "/dev/nvidia1", "type": "tmpfs", "source": "tmpfs"}
        _add_mount(made, volume)
    made.refused(1805 if "cache" in kind else 1812)
    assert not (root / "started").exists()


def _add_mount(made, mount):
    edit(made.bundle.config, lambda document: document["mounts"].append(mount))


def disturbed(folder, injection):
    """A change of a config.json: the prestart hook under strace, which interferes with it."""
    script = folder / "hook"
    call = injection.partition(":")[0]
    words = f"strace -f -o {folder}/trace -e trace={call} -e inject={injection} {HOOK}"
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    hook = {"path": str(script), "args": ["hook", "prestart"]}
    return lambda document: document.update(hooks={"prestart": [hook]})


@pytest.mark.parametrize("call, when", [("move_mount", 1), ("move_mount", 10), ("mknodat", 1), ("symlinkat", 1)])
def test_killed(node, container, tmp_path, call, when):
    """SIGKILL in the middle, as by a runtime whose patience is over: the container does not start, and its mounts go
    with its namespace. Nobody of the hook stays."""
    made = container(hook=disturbed(tmp_path, f"{call}:signal=KILL:when={when}"), command=["/usr/bin/true"])
    assert made.run().returncode != 0
    assert "killed by SIGKILL" in (tmp_path / "trace").read_text()
    assert b"runtime-hook" not in node.run("ps", "-eo", "args").stdout
    again = container(command=["/usr/bin/gpu-probe", "1"])
    assert again.passed().endswith("ok\n")


def test_time_limit(node, container, tmp_path):
    """A hook that hangs, here by its child, ends by itself."""
    made = container(hook=disturbed(tmp_path, "symlinkat:signal=STOP:when=1"), command=["/usr/bin/true"])
    start = time.monotonic()
    result = made.run()
    assert result.returncode != 0 and b"NVR1807: " in result.stderr, result
    assert 9 < time.monotonic() - start < 25
    assert b"runtime-hook" not in node.run("ps", "-eo", "args").stdout

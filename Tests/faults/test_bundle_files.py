# SPDX-License-Identifier: Apache-2.0
"""Bundles in which config.json can't be replaced (J-17, J-18): refused in one line, with the old file there and no
temporary one. Real file systems here, every error of every call in test_every_call.py."""

import os
import re
import shutil

import pytest
from injection import Bundle, read_only


@pytest.fixture
def node(nodes):
    return nodes("--with", "fabricmanager")


@pytest.fixture
def bundle(tmp_path):
    """Makes bundles, each in a new folder; the arguments are those of `Bundle`."""
    return lambda *words: Bundle(tmp_path / f"bundle-{len(list(tmp_path.iterdir()))}", *words)


@pytest.mark.parametrize("free", [0, 1, 2])
def test_full_disk(node, bundle, free):
    """J-17: a bundle on a file system with `free` pages left."""
    made = bundle("all", "all")
    text = made.config.read_bytes()
    script = """
    mount -t tmpfs -o size=64k none "$1" && cp "$2" "$1/config.json" && cp "$2" "$1/old" || exit 9
    dd if=/dev/zero of="$1/fill" bs=4096 2>/dev/null
    truncate --size=-$((4096 * $3)) "$1/fill"
    nvidia-runtime create --bundle "$1" id; status=$?
    cmp "$1/config.json" "$1/old" || status=7
    rm "$1/fill"; ls -A "$1"
    nvidia-runtime create --bundle "$1" id || status=8
    umount "$1"; exit $status"""
    made.config.rename(made.folder.with_name("source"))
    result = node.run("sh", "-c", script, "-", made.folder, made.folder.with_name("source"), free)
    assert (result.returncode, result.stdout) == (1, b"config.json\nold\nrecorder\n"), result
    assert re.fullmatch(rb"nvidia-runtime: NVR1105: \S+/config.json: .*: No space left on device\n", result.stderr)
    assert made.folder.with_name("source").read_bytes() == text


@pytest.mark.parametrize("limit", [1_000, 10_000])
def test_file_size_limit(node, bundle, limit):
    """J-17: SIGXFSZ kills nobody."""
    node.create(bundle("0"), prefix=("prlimit", f"--fsize={limit}")).denied(1105, "config.json", "File too large")


def test_read_only_bundle(node, bundle):
    """J-17: EROFS; and what needs no writing still goes."""
    made = bundle("0")
    node.create(made, prefix=read_only(made.folder)).denied(1105, "config.json", "Read-only file system")
    node.create(made).passed()
    assert node.create(made, prefix=read_only(made.folder)).passed().is_untouched


def test_mounted_file(node, bundle):
    """J-18: where config.json is a mount point, it can't be replaced."""
    made = bundle("0")
    words = 'mount --bind "$1" "$1" || exit 9; shift; "$@"; status=$?; umount "$0"; exit $status'
    outcome = node.create(made, prefix=("sh", "-c", words, made.config, made.config))
    outcome.denied(1105, "config.json", "rename", "busy")


def test_mounted_bundle(node, bundle):
    """J-18: a bundle that is a mount point is like any other: the file is not what is mounted."""
    made = bundle("0")
    words = 'mount --bind "$1" "$1" || exit 9; shift; "$@"; status=$?; umount "$0"; exit $status'
    assert not node.create(made, prefix=("sh", "-c", words, made.folder, made.folder)).passed().is_untouched


@pytest.mark.parametrize("owner", [0, 1234])
def test_sticky_bundle(node, bundle, owner):
    """J-18: a bundle like /tmp, where only root and the owner of a file may replace it. We do as root may."""
    made = bundle("0")
    made.folder.chmod(0o1777)
    os.chown(made.folder, 4321, 4321)
    os.chown(made.config, owner, owner)
    outcome = node.create(made)
    if owner:  # who is neither root nor the owner of the bundle has written this
        outcome.denied(1102, "config.json", "belongs to user 1234")
    else:
        outcome.passed()
        assert made.config.stat().st_uid == 0


def test_immutable_file(node, bundle):
    """J-18: an immutable config.json (chattr +i), where the file system has such a thing."""
    made = bundle("0")
    script = """
    mount -t tmpfs none "$1" && cp "$2" "$1/config.json" && chattr +i "$1/config.json" || exit 9
    nvidia-runtime create --bundle "$1" id; status=$?
    cmp "$1/config.json" "$2" || status=7
    ls -A "$1"; umount "$1"; exit $status"""
    source = made.folder.with_name("source")
    shutil.move(made.config, source)
    result = node.run("sh", "-c", script, "-", made.folder, source)
    if result.returncode == 9:
        pytest.skip("no chattr +i on a tmpfs: that came with Linux 6.6")
    assert (result.returncode, result.stdout) == (1, b"config.json\n"), result
    assert re.fullmatch(rb"nvidia-runtime: NVR1105: \S+/config.json: .*: Operation not permitted\n", result.stderr)

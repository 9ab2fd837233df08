# SPDX-License-Identifier: Apache-2.0
"""Each invariant, broken on purpose: it must be seen. Here too the attack's own `scene` must stay whole in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from invariants import LIBRARY, Scene

DOCUMENT = {
    "ociVersion": "1.0.2", "process": {"args": ["true"], "env": ["A=1"], "noNewPrivileges": True},
    "linux": {"devices": [], "resources": {"devices": [{"allow": False, "access": "rwm"}]}, "maskedPaths": ["/proc/x"]},
    "mounts": [],
}


@pytest.fixture
def broken(tmp_path):
    """A scene to break."""
    return Scene(tmp_path / "broken")


def only(broken, number, words=""):
    """That invariant, and no other, is reported broken."""
    found = broken.violations(patience=0.1)
    assert found and all(text.startswith(number) for text in found), found
    assert any(words in text for text in found), found


def test_nothing_is_broken(broken):
    assert broken.run("true").code == 0
    assert broken.violations() == []


def rewrite(path):
    """The same bytes, and the same time of change of them."""
    status = os.stat(path)
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [
    lambda canary: (canary / "empty/x").symlink_to("y"), lambda canary: (canary / "secret").unlink(),
    lambda canary: (canary / "secret").write_text("x"), lambda canary: rewrite(canary / "secret"),
    lambda canary: (canary / "secret").chmod(0o604), lambda canary: os.chown(canary / "folder", 1, 1),
    lambda canary: os.setxattr(canary / "secret", "trusted.x", b"1"),
    lambda canary: (canary / "fifo").rename(canary / "f"),
    lambda canary: os.link(canary / "secret", canary / "again"),
])
def test_i1_canary(broken, change):
    change(broken.canary)
    only(broken, "I1: ")


@pytest.mark.parametrize("path", [
    "/etc/attack-test", "/etc/ssl/attack-test", "/usr/lib/attack-test.so", "/run/attack-test", "/attack-test",
    "/dev/attack-test",
])
def test_i1_host(broken, path):
    """What a test leaves behind there fails the test's own scene too, so it is taken away again: as far as the time of
    change of its folder, which can't be."""
    folder = os.path.dirname(path)
    with covered(folder, path):
        broken = Scene(broken.folder / "again")
        with open(path, "w"):
            pass
        only(broken, "I1: ", path)


@contextmanager
def covered(folder, path):
    """A folder of the host with a copy in place of it, where that can be."""
    if folder in ("/etc", "/etc/ssl", "/run", "/usr/lib"):
        top = "/usr/lib" if folder == "/usr/lib" else "/" + folder.split("/")[1]
        options = f"lowerdir={top}".encode()
        LIBRARY.mount(b"none", b"/opt", b"tmpfs", 0, None)
        for name in ("upper", "work"):
            os.mkdir(f"/opt/{name}")
        options += b",upperdir=/opt/upper,workdir=/opt/work"
        assert LIBRARY.mount(b"none", top.encode(), b"overlay", 0, options) == 0
        try:
            yield
        finally:
            LIBRARY.umount2(top.encode(), 2)
            LIBRARY.umount2(b"/opt", 2)
    else:
        try:
            yield
        finally:
            os.unlink(path)


def test_i2_mounts(broken, tmp_path):
    where = tmp_path / "where"
    where.mkdir()
    assert LIBRARY.mount(b"none", os.fsencode(where), b"tmpfs", 0, None) == 0
    try:
        only(broken, "I2: new mount", str(where))
    finally:
        LIBRARY.umount2(os.fsencode(where), 2)


def test_i2_mounts_of_another_namespace(broken):
    script = "mount -t tmpfs before /mnt && echo && read line && umount /mnt && echo && read line"
    other = subprocess.Popen(["unshare", "-m", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        other.stdout.readline()
        broken = Scene(broken.folder / "again")
        broken.guard_mounts(other.pid)
        other.stdin.write(b"\n")
        other.stdin.flush()
        other.stdout.readline()
        only(broken, "I2: lost mount", "/mnt")
    finally:
        other.communicate(b"\n")


@pytest.mark.parametrize("script", ["sleep 60 >/dev/null &", "setsid sleep 60 >/dev/null 2>&1 </dev/null &"])
def test_i3_process_that_is_left(broken, script):
    subprocess.run(["sh", "-c", script + " echo $!"], stdout=subprocess.PIPE)
    only(broken, "I3: process", "sleep 60")
    for text in broken.violations(patience=0):
        os.kill(int(text.split()[2]), signal.SIGKILL)


def guarded(broken, **settings):
    path = broken.folder / "config.json"
    path.write_text(json.dumps(DOCUMENT))
    broken.guard_config(path, **settings)
    return path


def test_i4_half_of_a_config(broken):
    path = guarded(broken)
    path.write_bytes(path.read_bytes()[:-10])
    only(broken, "I4: ")


def test_i4_another_config(broken):
    path = guarded(broken, expected=b"{}")
    path.write_text(json.dumps(DOCUMENT | {"hooks": {}}))
    only(broken, "I4: ")


def test_i4_temporary_file(broken):
    guarded(broken)
    (broken.folder / ".config.json.0a").touch()
    only(broken, "I4: ", ".config.json.0a")


@pytest.mark.parametrize("linux", [
    {"devices": [{"type": "c", "major": 195, "minor": 1, "path": "/dev/x"}]},
    {"resources": {"devices": [{"allow": True, "type": "c", "major": 195, "minor": 1, "access": "rwm"}]}},
    {"resources": {"devices": [{"allow": True, "access": "rwm"}]}},
])
def test_i5_devices(broken, linux):
    path = guarded(broken, devices=[("c", 195, 0)])
    path.write_text(json.dumps(DOCUMENT | {"linux": DOCUMENT["linux"] | linux}))
    only(broken, "I5: ")


def test_i5_device_that_may_be(broken):
    path = guarded(broken, devices=[("c", 195, 0)])
    devices = [{"type": "c", "major": 195, "minor": 0, "path": "/dev/x"}]
    path.write_text(json.dumps(DOCUMENT | {"linux": DOCUMENT["linux"] | {"devices": devices}}))
    assert broken.violations() == []


@pytest.mark.parametrize("change", [
    lambda text: text.replace('"ociVersion": "1.0.2"', '"ociVersion": "1.0\\u002e2"'),
    lambda text: text.replace("true,", "false,").replace('"noNewPrivileges": true', '"noNewPrivileges": false'),
    lambda text: text.replace('["/proc/x"]', "[]"), lambda text: text.replace('["true"]', '[ "true" ]'),
])
def test_i6_what_is_none_of_our_business(broken, change):
    path = guarded(broken)
    path.write_text(change(path.read_text()))
    only(broken, "I6: ")


def test_i7_time(broken):
    broken.run("sleep", "20", limit=0.2)
    only(broken, "I7: ")


@pytest.mark.parametrize("text", [b"\x1b[2J", b"a\rb", "\u202e".encode(), b"\x9b", b"\0", b"\x7f", b"a\tb"])
def test_i8_bytes(broken, text):
    broken.run("sh", "-c", "cat >&2", input=text)
    only(broken, "I8: ")


@pytest.mark.parametrize("name", ["SEGV", "ILL", "TRAP", "ABRT", "BUS", "FPE", "SYS"])
def test_i9_crash(broken, name):
    broken.run("sh", "-c", f"kill -{name} $$")
    broken.run("sh", "-c", f"(kill -{name} $BASHPID); exit $?", executable="/bin/bash")
    only(broken, "I9: ")
    assert len([text for text in broken.violations() if "ended with" in text]) == 2


def test_i9_core(broken):
    (broken.folder / "core.77").write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\x04\x00")
    only(broken, "I9: ", "core.77")


def test_descriptors_of_a_daemon(broken):
    script = "import sys\nsys.stdin.readline()\nf=open('/etc/passwd')\nprint(flush=True)\nsys.stdin.readline()"
    daemon = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        time.sleep(0.1)
        broken = Scene(broken.folder / "again")
        broken.guard_daemon(daemon.pid)
        daemon.stdin.write(b"\n")
        daemon.stdin.flush()
        daemon.stdout.readline()
        only(broken, "descriptors of", "/etc/passwd")
    finally:
        daemon.communicate(b"\n")

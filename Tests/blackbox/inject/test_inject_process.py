# SPDX-License-Identifier: Apache-2.0
"""The shim as a process: at the same time as others, with little of everything; and what stays of config.json. Tests/faults
has what goes wrong while it is written."""

import json
import os
import re
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest
from injection import CONFIG, FILE_OPTIONS, RECORDER

def test_log_beyond_the_file_size_limit(node, bundle):
    """G-02: a log that can't be written changes nothing."""
    made, log = bundle("0"), bundle().folder / "log"
    log.write_bytes(b" " * 100_000)
    words = ("nvidia-runtime", "--log", log, "create", "--bundle", made.folder, "id")
    assert node.run("prlimit", "--fsize=100000", *words).stdout == b"recorder\n"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400])
@pytest.mark.parametrize("umask", ["0", "0777", "022"])
def test_mode_and_owner_stay(node, bundle, mode, umask):
    """J-19, X-12: on the new file, whatever the umask (Node.create compares)."""
    made = bundle("0")
    made.config.chmod(mode)
    os.chown(made.folder, 1234, 4321)
    os.chown(made.config, 1234, 4321)
    outcome = node.create(made, prefix=("sh", "-c", f'umask {umask}; exec "$@"', "-")).passed()
    assert not outcome.is_untouched
    status = os.stat(made.config)
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_nlink) == (mode, 1234, 4321, 1)


def test_access_list_stays(node, bundle):
    """J-19"""
    made = bundle("0")
    # Version 2; user::rw-, user:1234:r--, group::---, mask::r--, other::---
    entries = [(1, 6, 2**32 - 1), (2, 4, 1234), (4, 0, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(made.config, "system.posix_acl_access", value)
    assert not node.create(made).passed().is_untouched
    assert os.getxattr(made.config, "system.posix_acl_access") == value


def test_descriptors(node, bundle):
    """X-01, X-02: the low-level runtime has the descriptors that we were given, and none of ours."""
    for devices in (None, "0"):
        outcome = node.create(bundle(devices)).passed()
        assert outcome.record.descriptors == {0, 1, 2}
        prefix = ("bash", "-c", 'exec 3</ 7</dev/null 50>/dev/null; exec "$@"', "-")
        assert node.create(bundle(devices), prefix=prefix).passed().record.descriptors == {0, 1, 2, 3, 7, 50}


def test_files_opened_without_gpu(node, bundle, tmp_path):
    """Who asks for no GPU pays for no look at one: of all files, two are opened."""
    made, log = bundle(), tmp_path / "strace"
    node.create(made, prefix=("strace", "-o", log, "-e", "trace=open,openat,openat2,execve")).untouched()
    own = log.read_text().partition(f'execve("{RECORDER}"')[0]
    assert re.findall(r'open\w*\(.*?"(.*?)"', own) == [CONFIG, str(made.config)]


def test_environment(node, bundle):
    """What is set for us reaches the low-level runtime as it was, although we do not heed it."""
    hostile = {"LD_PRELOAD": "/nowhere.so", "SWIFT_BACKTRACE": "enable=yes", "SWIFT_ROOT": "/nowhere", "TOKEN": "a\nb"}
    prefix = ("env", *(f"{name}={value}" for name, value in hostile.items()))
    outcome = node.create(bundle("0"), prefix=prefix).passed()
    assert {os.fsencode(f"{name}={value}") for name, value in hostile.items()} <= set(outcome.record.environment)
    assert outcome.record.arguments[0] == RECORDER.encode()


def test_many_at_once(node, bundle):
    """X-11: 64 bundles."""
    made = [bundle(str(number % 2)) for number in range(64)]
    wanted = [node.create(bundle(str(number))).passed() for number in range(2)]

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda one: node.run(*one.create), made))
    assert {(result.returncode, result.stdout, result.stderr) for result in results} == {(0, b"recorder\n", b"")}
    for number, one in enumerate(made):
        assert one.config.read_bytes() == wanted[number % 2].after and one.leftovers() == []


def test_many_on_one_bundle(node, bundle):
    """X-11: the last one wins or says that it was too late; the file is right, and nothing is left behind."""
    for _ in range(4):
        made = bundle("0")
        wanted = node.create(bundle("0")).passed().after
        with ThreadPoolExecutor(8) as pool:
            results = list(pool.map(lambda _: node.run(*made.create), range(8)))
        assert made.config.read_bytes() == wanted
        assert any(result.returncode == 0 for result in results)
        for result in results:
            assert result.returncode == 0 or b"was changed by someone else" in result.stderr, result.stderr
        assert node.create(made).passed().is_untouched


LIMITS = ["--nofile=16", "--stack=131072", f"--as={64 << 20}", "--nproc=1", "--core=unlimited", "--memlock=0"]


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(node, bundle, limit):
    """X-12: enough for all there is to do."""
    outcome = node.create(bundle("all", "all"), prefix=("prlimit", limit)).passed()
    assert len(outcome.devices()) == 10
    assert FILE_OPTIONS in [mount["options"] for mount in outcome.added("mounts")]


@pytest.mark.parametrize("limit", ["--nofile=3", "--nofile=5", "--nofile=8", "--stack=65536", f"--as={12 << 20}"])
def test_limits_that_are_too_narrow(node, bundle, limit):
    """X-12: refused or done, nothing in between."""
    made = bundle("0")
    old = made.config.read_bytes()
    wanted = node.create(bundle("0")).passed().after
    node.run("prlimit", limit, "--", *made.create)
    assert made.config.read_bytes() in (old, wanted)
    assert node.create(made).passed().after == wanted


def test_replaced_meanwhile(node, bundle):
    """J-15: who else wrote config.json while we worked on it keeps what he wrote."""
    made = bundle("0")
    # Between our reading and our rename there are the writes of the temporary file: stop there, write, and go on.
    words = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fchmod:delay_enter=700000", *made.create)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(node.run, *words)
        while not made.leftovers():
            assert not running.done()
        other = json.dumps(made.spec | {"hostname": "other"}).encode()
        made.config.write_bytes(other)
        result = running.result()
    assert result.returncode == 1 and result.stderr.startswith(b"nvidia-runtime: NVR1105: ")
    assert b"was changed by someone else" in result.stderr
    assert made.config.read_bytes() == other and made.leftovers() == []

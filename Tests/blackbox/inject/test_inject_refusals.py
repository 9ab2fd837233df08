# SPDX-License-Identifier: Apache-2.0
"""A container that asks for a GPU and can't have it is not started: one line that says why, for the person and for the
engine, and nothing changed (`Outcome.denied` checks that each time)."""

import json
import os
import re
import socket
import stat

import pytest
from injection import REPOSITORY, SECRET, images, snapshot

REQUESTS = REPOSITORY / "testdata/requests"
GOOD = images.configuration(["true"], {"NVIDIA_VISIBLE_DEVICES": "0"})


def spec(**changes):
    return json.dumps(GOOD | changes).encode()


# The request

QUALIFIED = "nvidia.com/gpu=0"  # which is none of the names of a GPU; see test_request_cdi.py
BAD_DEVICES = [case["value"] for case in json.loads((REQUESTS / "visible-devices.json").read_text()) if "error" in case]
BAD_DEVICES.remove(QUALIFIED)
BAD_DEVICES += ["0,-1", "all0", "none0", "/dev/nvidia0", "0," * 200_000 + "x", "x" * 257, "0=1", "nvidia.com/gpu=../0",
                "GPU-x", "GPU-5171a7ed-0000-4000-8000-0000000000000"]


@pytest.mark.parametrize("value", BAD_DEVICES, ids=[value[:20] for value in BAD_DEVICES])
def test_no_device_identifiers(node, bundle, value):
    """D-04, D-12: never taken for another device, nor for all."""
    node.create(bundle(value)).denied(
        1201, "is not a GPU index or UUID", "use all, none, an index such as 0, a UUID such as GPU-...",
        "0:1 or MIG-...")


@pytest.mark.parametrize("value, asked", [
    ("2", "2"), ("0,1,2", "2"), ("99999999999", "99999999999"), ("2:0", "2:0"),
    ("GPU-00000000-0000-0000-0000-000000000000", "GPU-00000000-0000-0000-0000-000000000000"), ("GPU-6", "GPU-6"),
    ("0000:08:00.0", "0000:08:00.0"), ("00000000:07:00.1", "0000:07:00.1"),
    ("MIG-GPU-00000000-0000-0000-0000-000000000000/1/0", "MIG-GPU-00000000-0000-0000-0000-000000000000/1/0"),
])
def test_devices_that_are_not_there(node, bundle, value, asked):
    """The good ones are named."""
    node.create(bundle(value)).denied(
        1204, f'there is no GPU "{asked}" on this node',
        "0 (GPU-5171a7ed-0000-4000-8000-000000000000), 1 (GPU-5171a7ed-0000-4000-8000-000000000001)")


@pytest.mark.parametrize("value, words", [
    ("0:0", "GPU 0 has no MIG devices: it is not partitioned"), ("1:7", "GPU 1 has no MIG devices"),
    ("MIG-GPU-5171a7ed-0000-4000-8000-000000000001/3/0", "GPU 1 has no MIG devices"),
    ("MIG-5b9a4f3c-1234-1234-1234-123456780000", "no GPU is partitioned"), ("MIG-5", "no GPU is partitioned"),
])
def test_mig_devices_that_are_not_there(node, bundle, value, words):
    node.create(bundle(value)).denied(1208, f'there is no MIG device "{value}" on this node', words)


BAD_CAPABILITIES = ["cuda", "none", "Compute", "ALL", "compute;utility", "compute utility", "utility,cuda", "compute\n",
                    "%n%s", "x" * 100_000, "\u202ecompute", "\x1b[2J"]


@pytest.mark.parametrize("value", BAD_CAPABILITIES, ids=range(len(BAD_CAPABILITIES)))
def test_unknown_capabilities(node, bundle, value):
    """D-13"""
    node.create(bundle("0", value)).denied(
        1202, "NVIDIA_DRIVER_CAPABILITIES has the unknown capability",
        "allowed are all, compat32,compute,display,graphics,ngx,utility,video")


def test_capabilities_that_are_not_allowed(node, bundle):
    """D-13"""
    node.configure('supported-driver-capabilities = "compute,utility"\n')
    node.create(bundle("0", "graphics")).denied(
        1203, '"graphics"', "does not allow", "allowed are compute,utility")


# The settings


@pytest.mark.parametrize("text, words", [
    ("[[[", (1151, "config.toml")), ("mode =", (1151, "config.toml")),
    ('[nvidia-container-runtime]\nmode = "fast"\n', (1151, "config.toml", "fast")),
    ('[nvidia-container-runtime]\nmode = "csv"\n', (1601, "/etc/nvidia-container-runtime/host-files-for-container.d")),
    ('supported-driver-capabilities = "cuda"\n', (1152, '"cuda"')),
    ('[nvidia-container-runtime-hook]\npath = "/nowhere/hook"\n', (1004, "/nowhere/hook")),
    ('[nvidia-container-runtime-hook]\npath = "/tmp"\n', (1005, "/tmp")),
])
def test_settings(node, bundle, text, words):
    """What a container without a GPU is not hurt by is said to one with."""
    node.configure(text)
    node.create(bundle("0")).denied(*words)
    node.create(bundle()).untouched()


def test_hook_that_others_may_change(new_node, bundle):
    node = new_node()
    hook = node.path("/usr/bin/nvidia-runtime-hook")
    hook.chmod(0o777)
    node.create(bundle("0")).denied(1005, "/usr/bin/nvidia-runtime-hook", "not trusted", "run chmod go-w")
    hook.unlink()
    node.create(bundle("0")).denied(1004, "nvidia-runtime-hook not found")


# The text of config.json


def test_truncated(node, bundle):
    """J-01: anywhere. What can't ask for a GPU any more is for the low-level runtime to judge."""
    text = spec()
    for length in sorted({0, 1, 2, len(text) - 1, *range(0, len(text), len(text) // 40)}):
        made = bundle(text=text[:length])
        outcome = node.create(made)
        outcome.denied(1103, "config.json") if b"NVIDIA_VISIBLE_DEVICES" in text[:length] else outcome.untouched()


# A text is made of a good one: with a member more, or with one thing replaced by another.
def member(text):
    return spec()[:-1] + b"," + text + b"}"


def replaced(old, new, **changes):
    text = spec(**changes)
    assert old in text
    return text.replace(old, new)


def number(text):
    return member(b'"x":' + text)


def device_rule(**changes):
    return spec(linux={"resources": {"devices": [{"allow": True, "type": "c", "major": 1, "access": "r"} | changes]}})


def group(number):
    return spec(process=GOOD["process"] | {"user": {"uid": 0, "gid": 0, "additionalGids": [number]}})


TEXTS = {
    "J-02 trailing bytes": spec() + b"x",
    "J-02 two documents": spec() + spec(),
    "J-02 NUL behind": spec() + b"\0",
    "J-02 BOM": b"\xef\xbb\xbf" + spec(),
    "J-02 comment": b"/* */" + spec(),
    "J-02 line comment": b"// x\n" + spec(),
    "J-02 form feed": b"\x0c" + spec(),
    "J-02 single quotes": replaced(b'"hostname"', b"'hostname'"),
    "J-02 line end in a string": replaced(b"container", b"con\ntainer"),
    "J-02 trailing comma": spec()[:-1] + b",}",
    "J-02 NaN": number(b"NaN"),
    "J-02 Infinity": number(b"-Infinity"),
    "J-02 TRUE": number(b"TRUE"),
    "J-02 leading zero": number(b"0123"),
    "J-02 plus": number(b"+1"),
    "J-02 hexadecimal": number(b"0x1"),
    "J-03 process twice": member(b'"process":{"env":[]}'),
    "J-03 other case": member(b'"Process":{"env":[]}'),
    "J-03 escaped": member(b'"\\u0070rocess":{"env":[]}'),
    "J-03 long s": member('"proce\u017fs":{"env":[]}'.encode()),
    "J-03 Kelvin": spec(hooks={})[:-1] + ',"hoo\u212as":{}}'.encode(),
    "J-03 ROOT": member(b'"ROOT":{"path":"/"}'),
    "J-03 env twice": replaced(b'"env":', b'"env":[],"env":'),
    "J-03 Env": replaced(b'"env":', b'"Env":[],"env":'),
    "J-03 in an unknown member": number(b'{"a":{"b":1,"b":2}}'),
    "J-04 depth 66": number(b"[" * 65 + b"]" * 65),
    "J-04 depth 10,000": number(b"[" * 10_000 + b"]" * 10_000),
    "J-04 depth 1,000,000": number(b"[" * 1_000_000),
    "J-04 objects": number(b'{"a":' * 100_000),
    "J-05 many values": number(b"[" + b"0," * 500_000 + b"0]"),
    "J-05 many keys": number(b"{" + b",".join(b'"%d":0' % key for key in range(450_000)) + b"}"),
    "J-07 invalid UTF-8": replaced(b"container", b"\xff"),
    "J-07 overlong": replaced(b"container", b"\xc0\xaf"),
    "J-07 surrogate bytes": replaced(b"container", b"\xed\xa0\x80"),
    "J-07 half a surrogate in env": replaced(b'"HOSTNAME=', b'"\\ud800HOSTNAME='),
    "J-08 NUL in a destination": spec(mounts=[{"destination": "/dev/nvidia0\0/x", "source": "/a"}]),
    "J-08 NUL in a hook": spec(hooks={"prestart": [{"path": "/a\0b"}]}),
    "J-08 NUL in a key": member(b'"a\\u0000b":1'),
    "J-08 NUL in env": replaced(b'"HOSTNAME=', b'"X\\u0000HOSTNAME='),
    "J-09 major": spec(linux={"devices": [{"path": "/dev/nvidia0", "type": "c", "major": 2**63, "minor": 0}]}),
    "J-09 minor": device_rule(minor=1.5),
    "J-09 minor as text": device_rule(minor="1"),
    "J-09 negative group": group(-1),
    "J-09 large group": group(2**32),
    "J-10 mounts": spec(mounts={}),
    "J-10 a mount": spec(mounts=[1]),
    "J-10 linux": spec(linux=[]),
    "J-10 devices": spec(linux={"devices": {}}),
    "J-10 hooks": spec(hooks=[]),
    "J-10 a hook": spec(hooks={"prestart": [[]]}),
    "J-10 env": spec(process={"env": {"NVIDIA_VISIBLE_DEVICES": "0"}}),
    "J-10 a variable": spec(process={"env": ["NVIDIA_VISIBLE_DEVICES=0", 7]}),
    "J-10 env as text": spec(process={"env": "NVIDIA_VISIBLE_DEVICES=0"}),
    "J-10 process": spec(process=["NVIDIA_VISIBLE_DEVICES=0"]),
    "J-10 capabilities of an old version": spec(process=GOOD["process"] | {"capabilities": ["CAP_SYS_ADMIN"]}),
    "J-10 document": b'["NVIDIA_VISIBLE_DEVICES=0"]',
    "J-10 ociVersion": spec(ociVersion=1),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_texts(nodes, bundle, kind):
    """Nothing is edited that runc might read in another way than we do."""
    node = nodes("--mode", "0660", "--group", "44")  # so that groups are looked at too
    prefix = ("prlimit", f"--as={64 << 20}", "--cpu=2", "--")  # J-05: in bounded memory and time
    id = 1104 if kind.startswith(("J-09", "J-10", "J-07 half")) else 1103
    node.create(bundle(text=TEXTS[kind]), prefix=prefix).denied(id, "config.json")


FINE = {
    "J-04 depth 64": number(b"[" * 62 + b"]" * 62),
    "J-07 half a surrogate in an unknown member": number(b'"\\ud800"'),
    "J-09 number of another device": spec(linux={"devices": [{"path": "/dev/x", "type": "c", "major": 2**63}]}),
    "J-10 version": spec(ociVersion="999.0"),
    "J-10 keys of a map": spec(annotations={"A": "1", "a": "2"}),
    "J-10 null": spec(root=None, hooks=None),
    "J-10 space": b"\n\t " + spec() + b"\r\n ",
}


@pytest.mark.parametrize("kind", FINE)
def test_texts_that_are_fine(node, bundle, kind):
    """Strange, but not our business."""
    assert "/dev/nvidia0" in node.create(bundle(text=FINE[kind])).passed().devices()


@pytest.mark.parametrize("size", [5 << 20, 100 << 20, 10 << 30])
def test_large_files(node, bundle, size):
    """J-05: not read; whether it asks for a GPU is not known, so it is refused."""
    made = bundle()
    os.truncate(made.config, size)
    before = os.stat(made.config)
    result = node.run("prlimit", f"--as={64 << 20}", "--cpu=2", *made.create)
    assert result.returncode == 1 and b"limit" in result.stderr
    assert result.stderr.startswith(b"nvidia-runtime: NVR1103: ")
    assert os.stat(made.config).st_mtime_ns == before.st_mtime_ns
    made.config.write_bytes(spec() + b" " * ((4 << 20) - len(spec())))
    assert "/dev/nvidia0" in node.create(made).passed().devices()


# The file config.json

FILES = {  # `target` is what a link of the test leads to
    "link": lambda config, target: config.symlink_to(target),
    "dangling link": lambda config, target: (target.unlink(), config.symlink_to(target)),
    "link to itself": lambda config, target: config.symlink_to(config.name),
    "hard link": lambda config, target: os.link(target, config),
    "FIFO": lambda config, target: os.mkfifo(config),
    "directory": lambda config, target: config.mkdir(),
    "socket": lambda config, target: socket.socket(socket.AF_UNIX).bind(str(config)),
    "device": lambda config, target: os.mknod(config, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
    "mode 000": lambda config, target: (config.write_bytes(spec()), config.chmod(0)),
    "other owner": lambda config, target: (config.write_bytes(spec()), os.chown(config, 1234, 1234)),
}


@pytest.mark.parametrize("kind", FILES)
def test_files(node, bundle, tmp_path, kind):
    """J-13: what is at the other end is not touched, and nothing waits."""
    made = bundle()
    made.config.unlink()
    target = tmp_path / "target"
    target.write_bytes(spec())
    before = snapshot(target)
    FILES[kind](made.config, target)
    result = node.run(*made.create, timeout=10)
    if kind in ("dangling link", "link to itself"):
        assert result.stdout == b"recorder\n"  # can't be opened: the low-level runtime says best why
    else:
        assert (result.returncode, result.stdout) == (1, b"")
        assert re.match(rb"nvidia-runtime: NVR110[25]: /\S+/config.json: ", result.stderr), result.stderr
    if target.exists():
        assert snapshot(target) == before
    assert made.leftovers() == []


def test_another_file_name(node, bundle):
    """crun's --config names a file that we do not edit."""
    made = bundle("0")
    other = made.config.rename(made.folder / "other.json")
    result = node.run("nvidia-runtime", "create", "--config", other, "--bundle", made.folder, "id")
    assert result.returncode == 1 and result.stderr.startswith(b"nvidia-runtime: NVR1101: ")
    assert b"must have its spec in config.json" in result.stderr


# What is said


def test_hostile_bytes_in_logs(node, bundle):
    """G-01, G-03: one line of printable ASCII and valid JSON, whatever is in the names."""
    hostile = ["a\nb", "\x1b[2J\x1b]0;x\x07", "x\r\ny", "\u202e\u2066gpj", '"},{"level":"fatal', "%s%n%@%p", "\\",
               "\x7f\x85", "x" * 100_000]
    for name in hostile:
        node.create(bundle(name), id=name, options=("--debug",)).denied(1201, "is not a GPU index")
        outcome = node.create(bundle("0"), id=name, options=("--debug",)).passed()
        assert outcome.log and all(len(json.dumps(entry)) < 4096 for entry in outcome.log)
    made = bundle()
    for byte in (b"\n", b"\x1b[31m", b"\xff", b"\xe2\x80\xae"):
        folder = os.fsencode(made.folder) + byte
        os.mkdir(folder)
        with open(folder + b"/config.json", "wb") as file:
            file.write(b'{"process":{"env":["NVIDIA_VISIBLE_DEVICES=x"]}}')
        result = node.run("nvidia-runtime", "create", "--bundle", folder, "id")
        assert result.returncode == 1 and re.fullmatch(rb"[ -~]+\n", result.stderr)


@pytest.mark.parametrize("format", ["json", "text"])
def test_nothing_secret_in_logs(node, bundle, tmp_path, format):
    """G-04: no value of an environment variable but the request itself, however much is logged."""
    debug = tmp_path / "debug.log"
    node.configure(f'[nvidia-container-runtime]\ndebug = "{debug}"\nlog-level = "debug"\n')
    text = ""
    for devices in ("0", "all", "none", "x", "void"):
        for change in (None, lambda document: document.update(mounts=7)):
            made = bundle(devices, change=change)
            log = tmp_path / "log"
            words = ("--debug", "--log", log, "--log-format", format, "create", "--bundle", made.folder, "id")
            result = node.run("nvidia-runtime", *words, env={"AWS_SECRET": SECRET})
            text += result.stderr.decode() + (log.read_text() if log.exists() else "")
    text += debug.read_text()
    assert "gave the container its GPUs" in text and "config.json" in text
    assert SECRET not in text and "AWS_SECRET" not in text


def test_where_it_is_said(node, bundle, tmp_path):
    """To standard error, the engine's log in the engine's format, and the log of config.toml."""
    debug = tmp_path / "debug.log"
    node.configure(f'[nvidia-container-runtime]\ndebug = "{debug}"\n')
    line = node.create(bundle("7")).denied(1204, "there is no GPU").stderr[:-1]
    entry, = map(json.loads, debug.read_text().splitlines())
    assert (entry["level"], entry["msg"]) == ("error", line)
    made, log = bundle("7"), tmp_path / "text.log"
    node.run("nvidia-runtime", "--log", log, "create", "--bundle", made.folder, "id")
    assert log.read_text().startswith("time=") and "level=error" in log.read_text() and log.read_text().count("\n") == 1

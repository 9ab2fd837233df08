# SPDX-License-Identifier: Apache-2.0
"""G: what strangers can do by what is said about them, and by where it is said."""

import json
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from injection import SECRET, all_of, annotated, images, snapshot
from test_settings import LOGS

HOSTILE = {
    "line end": "a\nb", "carriage return": "a\rb", "escape": "\x1b[2J\x1b]0;title\x07", "override": "\u202egpj\u2066",
    "C1": "\x9b31m\x85", "delete": "\x7f\x08", "quotes": '"} \\" level=fatal msg="',
    "JSON": '"},{"level":"fatal","msg":"x',
    "format": "%s%n%@%p%1000000d%x%%", "64 KiB": "x" * (1 << 16), "line ends": "\n" * 1000, "backslashes": "\\n\\x1b\\",
}
JSON_LINE = re.compile(
    r'\{"level":"\w+","msg":"(?:[^"\\]|\\["\\])*"(?:,"[\w-]+":(?:\d+|"(?:[^"\\]|\\["\\])*"|\[[^\n]*\]))*\}')
TEXT_LINE = re.compile(r'time="[^"]{20}" level=\w+ msg="(?:[^"\\]|\\["\\])*"(?: [\w-]+=(?:\d+|"(?:[^"\\]|\\["\\])*"))*')


def by_device(node, bundle, value):
    return bundle(value), "id"


def by_capability(node, bundle, value):
    return bundle("0", value), "id"


def by_id(node, bundle, value):
    return bundle("0"), value


def by_requirement(node, bundle, value):
    return bundle("0", change=lambda document: document["process"]["env"].append(f"NVIDIA_REQUIRE_CUDA={value}")), "id"


def by_imex_channel(node, bundle, value):
    return bundle("0", change=lambda document: document["process"]["env"].append(f"NVIDIA_IMEX_CHANNELS={value}")), "id"


def by_annotation(node, bundle, value):
    node.configure('[nvidia-container-runtime]\nmode = "cdi"\n')
    return bundle(change=annotated(x=value)), "id"


def by_member(node, bundle, value):
    name = json.dumps(value).encode()
    return bundle(text=b'{"process":{"env":["NVIDIA_VISIBLE_DEVICES=0"]},"x":{%b:1,%b:2}}' % (name, name)), "id"


def by_cdi_file(node, bundle, value):
    name = value.replace("/", "")[:200].encode()
    shutil.rmtree(node.path("/etc/cdi"), ignore_errors=True)
    node.path("/etc/cdi").mkdir()
    with open(os.fsencode(node.path("/etc/cdi")) + b"/" + name + b".json", "wb") as file:
        file.write(b'{"kind":"vendor.example/device","cdiVersion":"' + json.dumps(value).encode()[1:-1] + b'"}')
    return bundle("vendor.example/device=a"), "id"


def by_driver_root(node, bundle, value):
    node.configure(f"[nvidia-container-cli]\nroot = {json.dumps('/' + value)}\n")
    return bundle("0"), "id"


def by_setting(node, bundle, value):
    node.configure(f"[nvidia-container-runtime]\nmode = {json.dumps(value)}\n{json.dumps(value)} = 1\n")
    return bundle("0"), "id"


def by_bundle(node, bundle, value):
    made = bundle("0", change=lambda document: document.update(mounts=7))
    folder = os.fsencode(made.folder) + b"/" + value.replace("/", "").encode()[:240]
    os.mkdir(folder)
    os.rename(made.config, folder + b"/config.json")
    made.folder = os.fsdecode(folder)
    return made, "id"


PLACES = [by_device, by_capability, by_id, by_requirement, by_imex_channel, by_annotation, by_member, by_cdi_file,
          by_driver_root, by_setting, by_bundle]


def said(node, made, id, format, log):
    """Standard error and the log's lines."""
    words = ("--debug", "--log", log, "--log-format", format, "create", "--bundle", made.folder, id)
    result = node.run("nvidia-runtime", *words)
    assert result.returncode in (0, 1), result
    lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    return result, lines


@pytest.mark.attack("G-01", "G-03")
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_hostile_values(node, bundle, tmp_path, place):
    """One line of printable ASCII for each event, of bounded length, and what it was given stands in it as it is or
    escaped: it ends no line, starts no entry, drives no terminal and is nobody's format. stderr too."""
    formats = {"json": JSON_LINE, "text": TEXT_LINE}
    for number, (kind, value) in enumerate(HOSTILE.items()):
        made, id = place(node, bundle, value)
        for format, pattern in formats.items():
            result, lines = said(node, made, id, format, tmp_path / f"log-{number}-{format}")
            for line in lines:
                assert line.endswith(b"\n") and pattern.fullmatch(line[:-1].decode("ascii")), (kind, line)
                assert len(line) < 4096 and all(0x20 <= byte < 0x7F for byte in line[:-1])
                level = json.loads(line)["level"] if format == "json" else line.split()[1].decode()[6:]
                assert level in ("error", "warning", "info", "debug"), (kind, line)
            if result.returncode:
                assert result.stderr.count(b"\n") == 1 and len(result.stderr) < 2048
                assert sum(b"error" in line[:40] for line in lines) == 1 or format == "text"
            if kind == "format":
                text = result.stderr + b"".join(lines)
                assert b"%s%n%@%p%1000000d%x%%" in text, "it is not said at all"


@pytest.mark.attack("G-01")
@pytest.mark.parametrize("place", [by_device, by_capability, by_annotation, by_requirement, by_setting])
def test_a_megabyte(node, bundle, tmp_path, place):
    """Cut in the message, and not kept for long."""
    if place is by_setting:
        made, id = place(node, bundle, "x" * 500_000)
    else:
        made, id = place(node, bundle, "x" * (1 << 20))
    result, lines = said(node, made, id, "json", tmp_path / "log")
    assert result.returncode == 1 and len(result.stderr) < 2048
    assert lines and all(len(line) < 4096 for line in lines)


# Where it is said


@pytest.mark.attack("G-02")
@pytest.mark.parametrize("kind", [*LOGS, "in a folder that is not there", "/dev/null", "in a shared folder"])
@pytest.mark.parametrize("devices, status", [("0", 0), ("7", 1), (None, 0)])
def test_log_that_is_none(node, bundle, tmp_path, kind, devices, status):
    """CVE-2026-53489: no link is followed, nobody else's file is written, nothing waits; and what is decided is the
    same as with a log."""
    target = tmp_path / "target"
    target.write_text("before")
    path = kind
    if kind == "in a shared folder":
        (tmp_path / "shared").mkdir()
        (tmp_path / "shared").chmod(0o1777)
        path = tmp_path / "shared/log"
        path.write_text("")
        os.chown(path, 12345, 12345)
    elif kind == "in a folder that is not there":
        path = tmp_path / "none/log"
    elif LOGS.get(kind):
        path = tmp_path / "link"
        LOGS[kind](tmp_path)
    before = snapshot(target)
    wanted = bundle(devices)
    node.run(*wanted.create)
    made = bundle(devices)
    result = node.run("nvidia-runtime", "--debug", "--log", path, *made.create[1:], timeout=10)
    assert (result.returncode, result.stdout) == (status, b"" if status else b"recorder\n"), result
    assert made.config.read_bytes() == wanted.config.read_bytes()
    assert snapshot(target) == before and not (tmp_path / "nowhere").exists() and not (tmp_path / "none").exists()
    if kind in ("somebody's file", "in a shared folder"):
        assert path.read_text() == ""


SECRETS = {
    "in the environment": lambda document: None,
    "beside a number": lambda document: document["process"]["env"].append(7),
    "in a variable without a name": lambda document: document["process"]["env"].append(f"={SECRET}"),
    "in an annotation": lambda document: document.update(annotations={"a": SECRET, "b": 7}),
    "in an argument": lambda document: document["process"].update(args=[SECRET], user=7),
    "in a hook's environment": lambda document: document.update(
        hooks={"prestart": [{"path": "/x", "env": [f"A={SECRET}", 7]}]}),
    "in a hook's arguments": lambda document: document.update(hooks={"prestart": [{"path": 7, "args": [SECRET]}]}),
    "in a source": lambda document: document["mounts"].append({"source": f"//user:{SECRET}@host", "destination": 7}),
}


@pytest.mark.attack("G-04")
@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("level", ["info", "debug"])
def test_secrets(node, bundle, tmp_path, kind, level):
    """Not in the logs, however much is logged and whatever is wrong next to them."""
    debug = tmp_path / "debug.log"
    node.configure(f'[nvidia-container-runtime]\ndebug = "{debug}"\nlog-level = "{level}"\n')
    secret = lambda document: document["process"]["env"].append(f"AWS_SECRET={SECRET}")
    for devices in ("0", "all", "7"):
        made = bundle(devices, change=all_of(secret, SECRETS[kind]))
        assert SECRET in made.config.read_text()
        result, lines = said(node, made, "id", "text", tmp_path / "log")
        text = result.stderr.decode() + b"".join(lines).decode() + (debug.read_text() if debug.exists() else "")
        assert text and SECRET not in text and "AWS_SECRET" not in text


@pytest.mark.attack("G-04")
@pytest.mark.parametrize("damage", [b"\xff", b"\\x", b"\n", b"\\ud800\\", b'"', b"\\u00", b"\0"])
def test_secrets_in_broken_strings(node, bundle, damage):
    """An error in the very string: its place is told, not its text."""
    environment = {"NVIDIA_VISIBLE_DEVICES": "0", "TOKEN": SECRET + "@@" + SECRET}
    text = json.dumps(images.configuration(["true"], environment)).encode()
    for length in (None, text.index(SECRET.encode()) + len(SECRET)):
        made = bundle(text=text[:length].replace(b"@@", damage) + (damage if length else b""))
        node.create(made, options=("--debug",)).denied(1103, "config.json")


@pytest.mark.attack("G-05")
def test_many_writers(node, bundle, tmp_path):
    """Each line is one write(2): of 48 starts at once that share two logs, every line is whole."""
    debug, log = tmp_path / "debug.log", tmp_path / "log"
    node.configure(f'[nvidia-container-runtime]\ndebug = "{debug}"\nlog-level = "debug"\n')
    made = [bundle("0" if number % 2 else "x" * 900) for number in range(48)]
    with ThreadPoolExecutor(16) as pool:
        words = ("--log", log, "--log-format", "json")
        results = list(pool.map(lambda one: node.run("nvidia-runtime", *words, *one.create[1:]).returncode, made))
    assert results.count(0) == results.count(1) == 24
    for path in (debug, log):
        entries = [json.loads(line) for line in path.read_text().splitlines()]
        assert sum(entry["level"] == "error" for entry in entries) == 24
        assert sum(entry["msg"] == "gave the container its GPUs" for entry in entries) == 24


@pytest.mark.attack("G-05")
def test_one_write_for_a_line(node, bundle, tmp_path):
    trace, log = tmp_path / "strace", tmp_path / "log"
    made = bundle("0")
    words = ("nvidia-runtime", "--debug", "--log", log, "--log-format", "json", *made.create[1:])
    node.run("strace", "-y", "-o", trace, "-e", "trace=write,writev,pwrite64", *words)
    writes = [line for line in trace.read_text().splitlines() if f"<{log}>" in line]
    assert len(writes) == len(log.read_text().splitlines()) > 0
    assert all(line.startswith("write(") for line in writes)

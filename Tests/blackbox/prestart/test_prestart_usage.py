# SPDX-License-Identifier: Apache-2.0
"""How the prestart hook is called: its words, and states that are hostile or missing. No container is needed."""

import json
import os
import subprocess
import time

import pytest
from injection import NO_PROCESS
from prestarting import HOOK, NO_CGROUPS, call

CONFIG = "/etc/nvidia-container-runtime/config.toml"


@pytest.mark.parametrize("words", [
    ("poststart",), ("poststop",), ("-debug", "poststart"), ("-config=/nowhere", "poststop"),
    ("--config", "/nowhere", "poststop"),
], ids=str)
def test_other_stages(node, words):
    """There is nothing to do, and nothing is read."""
    call(node, *words, input=b"no state").done()


@pytest.mark.parametrize("words", [("-version",), ("--version",), ("-v",), ("-help",), ("--help",)], ids=str)
def test_information(node, words):
    result = call(node, *words)
    assert (result.status, result.errors) == (0, []) and "nvidia-runtime-hook" in result.output


@pytest.mark.parametrize("words", [
    (), ("",), ("prestar",), ("PRESTART",), ("-debug",), ("-x", "prestart"), ("-config",), ("-config=",),
    ("-debug=true", "prestart"), ("--no-such-option", "prestart"), ("-", "prestart"), ("---debug", "prestart"),
    ("-handler",),
], ids=str)
def test_wrong_usage(node, words):
    result = call(node, *words)
    assert (result.status, result.output) == (2, "") and "NVR1801: " in result.errors[0], result
    assert any("prestart" in line for line in result.errors[1:])


def test_settings_that_are_missing(node, bundle):
    """Those that are named must be there, and those at the usual place need not."""
    made = bundle()
    named = call(node, "-config=/nowhere.toml", "prestart", input=node.state(made))
    named.failed(1151, "/nowhere.toml", "no such file")
    node.configure(None)
    call(node, "prestart", input=node.state(made)).failed(1811)
    call(node, f"-config={CONFIG}", "prestart", input=node.state(made)).failed(1151)


def test_settings_by_variable(node, bundle):
    """Docker's hook gets dockerd's environment, which the user of a container does not choose, but others' might: what
    counts is the option."""
    variables = {"NVIDIA_CTK_CONFIG_FILE_PATH": "/nowhere.toml", "XDG_CONFIG_HOME": "/nowhere"}
    call(node, "prestart", input=node.state(bundle()), env=variables).failed(1811)


def state(**members):
    """A change of a state; members that are None go."""
    def change(node, bundle):
        document = json.loads(node.state(bundle)) | members
        return json.dumps({name: value for name, value in document.items() if value is not None}).encode()

    return change


STATES = {
    # change of the state, error
    "empty": (lambda node, bundle: b"", 1802), "no JSON": (lambda node, bundle: b"{", 1802),
    "a list": (lambda node, bundle: b"[]", 1802), "NUL": (lambda node, bundle: b"\0" * 100, 1802),
    "deep": (lambda node, bundle: b"[" * 100_000, 1802),
    "two documents": (lambda node, bundle: node.state(bundle) * 2, 1802),
    "too long": (lambda node, bundle: node.state(bundle) + b" " * (1 << 20), 1802),
    "no pid": (state(pid=None), 1802), "pid 0": (state(pid=0), 1802), "pid -1": (state(pid=-1), 1802),
    "pid of nobody": (state(pid=NO_PROCESS), 1811), "pid too great": (state(pid=1 << 31), 1802),
    "pid a text": (state(pid="1"), 1802), "pid a fraction": (state(pid=1.5), 1802), "pid 1e3": (state(pid=1e300), 1802),
    "no bundle": (state(bundle=None), 1802), "empty bundle": (state(bundle=""), 1802),
    "relative bundle": (state(bundle="tmp"), 1802), "bundle by ..": (state(bundle="/tmp/../tmp"), 1802),
    "missing bundle": (state(bundle="/nowhere"), 1102), "bundle a file": (state(bundle="/etc/hostname"), 1102),
    "no id": (state(id=None), 1802), "root of the host": (state(root="/"), 1803), "root a list": (state(root=[]), 1802),
}


@pytest.mark.parametrize("kind", STATES)
def test_states(node, bundle, kind):
    change, id = STATES[kind]
    made = bundle()
    call(node, "prestart", input=change(node, made)).failed(id)


def test_state_that_is_too_long(node):
    """It is not read to its end."""
    read, write = os.pipe()
    enter = ["nsenter", "--target", str(node.pid), "--mount", "--pid", "--"]
    process = subprocess.Popen([*enter, HOOK, "prestart"], stdin=read, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    os.close(read)
    sent = 0
    try:
        while sent < 100 << 20:
            sent += os.write(write, b" " * 65536)
    except BrokenPipeError:
        pass
    os.close(write)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 1 and output == b"" and b"NVR1802: " in errors and errors.count(b"\n") == 1
    assert sent < 4 << 20


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_closed_descriptors(node, bundle, descriptor):
    """Standard input that is closed has no state; without the others it goes on."""
    result = call(
        node, "-c", f"exec {HOOK} prestart {descriptor}<&-", prefix=("sh", "-c", 'shift; exec sh -c "$@"', "-"),
        input=node.state(bundle()))
    assert result.status == 1 and (descriptor == 2 or len(result.errors) == 1), result


def test_state_that_never_ends(node):
    """Two seconds, and the container does not start."""
    start = time.monotonic()
    enter = ["nsenter", "--target", str(node.pid), "--mount", "--pid", "--"]
    process = subprocess.Popen(
        [*enter, HOOK, "prestart"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(b'{"ociVersion":')
    process.stdin.flush()
    assert process.wait(timeout=20) == 1
    assert b"NVR1802: container state: not complete within 2 s" in process.stderr.read()
    assert 1.5 < time.monotonic() - start < 10
    process.stdin.close()


CONFIGURATIONS = {
    "no root": (lambda document: document.pop("root"), 1803),
    "no path": (lambda document: document["root"].pop("path"), 1803),
    "empty path": (lambda document: document["root"].update(path=""), 1803),
    "the host's root": (lambda document: document["root"].update(path="/"), 1803),
    "the host's root by ..": (lambda document: document["root"].update(path="../../../../../../.."), 1803),
    "missing root": (lambda document: document["root"].update(path="nowhere"), 1803),
    "a file": (lambda document: document["root"].update(path="config.json"), 1803),
}


@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_roots_of_the_bundle(node, namespace, kind):
    change, id = CONFIGURATIONS[kind]
    node.configure(NO_CGROUPS)
    made = namespace(node)
    document = json.loads(made.bundle.config.read_text())
    change(document)
    made.bundle.config.write_text(json.dumps(document))
    before = made.table()
    made.hook().failed(id)
    assert made.table() == before


def test_config_json_that_is_broken(node, bundle):
    made = bundle()
    made.config.write_text("{")
    call(node, "prestart", input=node.state(made)).failed(1103)
    made.config.unlink()
    call(node, "prestart", input=node.state(made)).failed(1102)


@pytest.mark.parametrize("devices", ["void", "", None])
def test_nothing_asked(node, bundle, devices):
    """Nobody looks at the process then, nor at the settings."""
    node.configure("[[[")
    for pid in (0, NO_PROCESS):
        call(node, "prestart", input=node.state(bundle(devices=devices), pid=pid)).done()
    call(node, "-config=/nowhere", "prestart", input=node.state(bundle(devices=devices))).done()


def test_annotations_do_not_count(node, bundle):
    """They are for the runtime; and they don't hide what the environment asks for."""
    annotated = {"cdi.k8s.io/a": "nvidia.com/gpu=1"}
    made = bundle(devices=None, change=lambda document: document.update(annotations=annotated))
    call(node, "prestart", input=node.state(made)).done()
    made = bundle(devices="1", change=lambda document: document.update(annotations=annotated))
    call(node, "prestart", input=node.state(made)).failed(1811)

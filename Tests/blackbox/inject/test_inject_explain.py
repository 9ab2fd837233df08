# SPDX-License-Identifier: Apache-2.0
"""`nvidia-ctk explain` says what `create` does."""

import driver_files
import explanation
import pytest
from injection import SECRET

SOCKETS = ("persistenced", "fabricmanager")


def explain(node, *words, env=None):
    result = node.run("nvidia-ctk", "explain", *words, env=env)
    assert (result.returncode, result.stderr) == (0, b""), result
    return result.stdout.decode()


def plan(text):
    return explanation.plan(text.splitlines())


def content(outcome):
    """What a run of the shim added."""
    words = outcome.hook()[1:]  # behind the option that has no value
    options = list(zip(words[::2], words[1::2]))
    return {
        "devices": outcome.devices(), "mounts": outcome.mounts(),
        "links": {tuple(reversed(value.split("::"))) for option, value in options if option == "--link"},
        "libraries": {tuple(value.split(":", 2)[1:]) for option, value in options if option == "--library"},
        "groups": set(outcome.spec["process"]["user"].get("additionalGids", [])),
        "hook": "createContainer: /usr/bin/nvidia-runtime-hook",
    }


@pytest.mark.parametrize("devices, capabilities", [
    ("all", ""), ("all", "all"), ("1", "graphics"), ("0,0", "utility"), ("none", "compute"),
    ("GPU-5171a7ed-0000-4000-8000-000000000001", "video,ngx"),
])
def test_same_as_create(node, bundle, devices, capabilities):
    """By options, and for a bundle."""
    made = bundle(devices, capabilities)
    by_options = explain(node, "--devices", devices, "--capabilities", capabilities)
    by_bundle = explain(node, "--bundle", made.folder)
    assert by_options == by_bundle
    assert plan(by_bundle) == content(node.create(made).passed())
    assert explain(node, "--bundle", made.folder) == by_bundle  # of an edited bundle too


@pytest.mark.parametrize("options", [
    ("--mode", "0660", "--group", "44"), ("--layout", "rhel"), ("--layout", "driver-container"), ("--layout", "nixos"),
    ("--minor-order", "reversed", "--gpus", "3"),
], ids=str)
def test_same_on_other_hosts(nodes, bundle, options):
    node = nodes(*options)
    if node.driver_root != "/":
        node.configure(f'[nvidia-container-cli]\nroot = "{node.driver_root}"\n')
    made = bundle("0", "all")
    assert plan(explain(node, "--bundle", made.folder)) == content(node.create(made).passed())


def test_words(node):
    """For people: the request, the driver, the GPUs, and what was looked for in vain, with the places."""
    text = explain(node)
    assert "request: devices all, capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES\ndriver: 570.86.15\n" in text
    gpu = "NVIDIA A100-SXM4-40GB, GPU-5171a7ed-0000-4000-8000-000000000001, 0000:0f:00.0"
    assert f"GPU 1: {gpu}\n" in text
    assert "without libnvidia-nscq.so: not found in /etc/ld.so.cache" in text
    assert driver_files.kinds(plan(text)["mounts"]) == driver_files.expected(driver_files.DEFAULT, SOCKETS)


@pytest.mark.parametrize("devices", [None, "void", ""])
def test_no_gpu(node, bundle, devices):
    made = bundle(devices)
    assert "asks for no GPU" in explain(node, "--bundle", made.folder)
    node.create(made).untouched()


def test_nothing_is_started_or_written(node, bundle):
    made = bundle("all")
    before = made.config.read_bytes(), made.config.stat()
    assert SECRET not in explain(node, "--bundle", made.folder)
    assert (made.config.read_bytes(), made.config.stat()) == before


@pytest.mark.parametrize("words", [
    ("--devices", "7"), ("--devices", "x"), ("--capabilities", "cuda"), ("--devices", "0\n1"), ("--devices", "\x1b[2J"),
    ("--bundle", "/nowhere"), ("--bundle", "/etc"), ("--bundle", ""),
], ids=str)
def test_refusals(node, words):
    """In the shim's words; one line, printable."""
    result = node.run("nvidia-ctk", "explain", *words)
    assert result.returncode != 0 and result.stdout == b""
    assert result.stderr.endswith(b"\n") and result.stderr.count(b"\n") == 1, result.stderr
    assert all(0x20 <= byte < 0x7F for byte in result.stderr[:-1]), result.stderr


def test_same_refusal_as_create(nodes, bundle):
    for options, devices, id in (
            ((), "9", 1204), (("--no-driver",), "0", 1401), (("--library-version", "565.77"), "0", 1407)):
        node, made = nodes(*options), bundle(devices)
        result = node.run("nvidia-ctk", "explain", "--bundle", made.folder)
        said = node.create(made).denied(id).stderr.removeprefix("nvidia-runtime: ")
        assert result.returncode == 1 and said[:-1] in result.stderr.decode()


@pytest.mark.parametrize("words", [("--no-such-option",), ("surplus",), ("--devices",)])
def test_wrong_usage(node, words):
    result = node.run("nvidia-ctk", "explain", *words)
    assert result.returncode == 64 and b"Usage" in result.stderr and result.stdout == b""

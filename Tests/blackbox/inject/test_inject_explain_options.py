# SPDX-License-Identifier: Apache-2.0
"""`nvidia-ctk explain` for any request without a bundle."""

import pytest
from test_inject_explain import explain

GPU = "NVIDIA_VISIBLE_DEVICES"
KEY = "cdi.k8s.io/nvidia-device-plugin_1"
UUID = "GPU-5171a7ed-0000-4000-8000-000000000001"


def refused(node, *words):
    result = node.run("nvidia-ctk", "explain", *words)
    assert result.returncode == 1 and result.stdout == b"", result
    return result.stderr.decode().removeprefix("Error: ")


@pytest.mark.parametrize("words, request_line", [
    ((), "devices all, capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--capabilities", "video"), "devices all, capabilities video, by NVIDIA_VISIBLE_DEVICES"),
    (("--env", f"{GPU}=1"), "devices 1, capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--devices", "0", "--env", f"{GPU}=1"), "devices 1, capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--env", f"{GPU}=0", "--env", "NVIDIA_DRIVER_CAPABILITIES=utility"),
     "devices 0, capabilities utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--env", "CUDA_VERSION=9.0", "--capabilities", "compute"),
     "devices all, capabilities compute, by CUDA_VERSION of the image"),
    (("--devices", "1", "--annotation", "nvidia-runtime/optional=true"),
     "devices 1 (optional), capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--devices", "1", "--annotation", f"{KEY}=a=b"),
     "devices 1, capabilities compute,utility, by NVIDIA_VISIBLE_DEVICES"),
    (("--devices", "all", "--annotation", f"{KEY}=runtime.nvidia.com/gpu=0"),
     f"devices 0, capabilities compute,utility, by the annotation {KEY}"),
], ids=str)
def test_requests(node, words, request_line):
    assert explain(node, *words).splitlines()[0] == f"request: {request_line}"


@pytest.mark.parametrize("words", [
    ("--env", "A=b"), ("--env", f"{GPU}="), ("--annotation", "a=b"), ("--devices", "void"),
    ("--env", f"{GPU}=all", "--env", f"{GPU}=void"),
], ids=str)
def test_nothing_asked_for(node, words):
    assert explain(node, *words) == "The container asks for no GPU: it is started as it is.\n"


def test_more_than_a_bundle_asks_for(node, bundle):
    made = bundle("0", "compute")
    before = made.config.read_bytes()
    words = "--bundle", made.folder
    assert explain(node, *words, "--devices", "1", "--capabilities", "utility").startswith(
        "request: devices 1, capabilities utility,")
    assert refused(node, *words, "--env", "NVIDIA_REQUIRE_CUDA=cuda>=99").startswith("NVR1301: unsatisfied condition")
    assert made.config.read_bytes() == before


def test_softly(node, nodes):
    """As at a start: what the node lacks is passed over, and what makes no sense is not."""
    error = refused(node, "--devices", "9")
    assert explain(node, "--devices", "9,optional") == (
        f"The container is started as it is: it asks for a GPU only if there is one: {error}")
    assert refused(node, "--devices", "x,optional").startswith("NVR1201: ")
    assert "NVR1401" in explain(nodes("--no-driver"), "--devices", "all,optional")


def test_mode_of_the_handler(node):
    assert refused(node, "--handler", "nvidia-container-runtime.cdi").startswith(
        "NVR1501: unresolvable CDI devices nvidia.com/gpu=all: ")


@pytest.mark.parametrize("config, words, start", [
    ("x =\n", (), "NVR1151: /etc/nvidia-container-runtime/config.toml:1:"),
    ("[nvidia-container-runtime.policy]\nmax-gpu = 1\n", (), "NVR1151: "),
    ("", ("--bundle", "/nowhere"), "NVR1102: /nowhere/config.json: "),
])
def test_errors_have_their_numbers(node, config, words, start):
    node.configure(config)
    assert refused(node, *words).startswith(start)


@pytest.mark.parametrize("text", ["", "A", "\x1b[2J"])
@pytest.mark.parametrize("option", ["--env", "--annotation"])
def test_wrong_usage(node, option, text):
    result = node.run("nvidia-ctk", "explain", option, text)
    assert result.returncode == 64 and b"has no '='" in result.stderr and b"\x1b" not in result.stderr

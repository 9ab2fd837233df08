# SPDX-License-Identifier: Apache-2.0
"""containerd through `ctr`, with the runtime under test in runc's place."""

import images
import pytest
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, Daemon, check_nvidia_smi, check_probe, check_refusal, run, succeed


@pytest.fixture(scope="module")
def ctr(folder, installed):
    configuration = folder / "containerd.toml"
    socket = folder / "containerd.sock"
    configuration.write_text(
        f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
oom_score = 0
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "{socket}"
"""
    )
    daemon = Daemon(
        folder, "containerd", "containerd", "--config", configuration, ready=["ctr", "-a", socket, "version"]
    )
    try:
        succeed("ctr", "-a", socket, "images", "import", images.image("probe"))

        def start(name, *command, environment=None, runtime=installed):
            variables = [word for k, v in (environment or {}).items() for word in ("--env", f"{k}={v}")]
            return run(
                "ctr",
                "-a",
                socket,
                "run",
                "--rm",
                "--runc-binary",
                runtime,
                "--runc-root",
                folder / "runc",
                *variables,
                "localhost/probe:latest",
                name,
                *command,
            )

        yield start
    finally:
        daemon.stop()


def test_one_gpu(ctr, node):
    result = ctr(
        "one",
        PROBE,
        *node.minors(0),
        environment={"NVIDIA_VISIBLE_DEVICES": "0", "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES},
    )
    assert result.code == 0, result
    check_probe(result.output)


def test_nvidia_smi(ctr, node):
    result = ctr(
        "smi", "nvidia-smi", environment={"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "utility"}
    )
    assert result.code == 0, result
    check_nvidia_smi(result.output, node, node.all_minors())


def test_mode_legacy(ctr, node):
    """By the name of the runtime: the prestart hook does it."""
    result = ctr(
        "legacy",
        PROBE,
        *node.minors(1),
        environment={"NVIDIA_VISIBLE_DEVICES": "1", "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES},
        runtime="/usr/bin/nvidia-container-runtime.legacy",
    )
    assert result.code == 0, result
    check_probe(result.output)


def test_no_request(ctr):
    result = ctr("none", PROBE)
    assert result.code == 0, result
    check_probe(result.output, libraries=False)


def test_unknown_gpu(ctr):
    """containerd shows the runtime's own message, and no container is left."""
    check_refusal(ctr("unknown", PROBE, environment={"NVIDIA_VISIBLE_DEVICES": UNKNOWN_GPU}))
    assert ctr("unknown", PROBE).code == 0

# SPDX-License-Identifier: Apache-2.0
"""podman with the runtime under test in runc's place. It has no daemon; conmon starts the runtime."""

import images
import pytest
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe, check_refusal, run

IMAGE = "localhost/probe:latest"


@pytest.fixture(scope="module")
def podman(folder, installed):
    # Lower limits than podman's defaults, which a machine without CAP_SYS_RESOURCE cannot raise to.
    configuration = folder / "containers.conf"
    configuration.write_text(
        """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
apparmor_profile = "unconfined"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
    )
    base = [
        "podman",
        "--root",
        folder / "root",
        "--runroot",
        folder / "run",
        "--tmpdir",
        folder / "tmp",
        "--storage-driver",
        "overlay",
        "--runtime",
        installed,
    ]

    def call(*arguments):
        return run(*base, *arguments, environment={"CONTAINERS_CONF": str(configuration)})

    result = call("load", "-q", "-i", images.image("probe"))
    assert result.code == 0, result
    yield call
    run("umount", folder / "root/overlay")  # podman's own mount of its storage, which it leaves


def start(podman, *options, request=None, capabilities=CAPABILITIES):
    variables = ["-e", f"NVIDIA_VISIBLE_DEVICES={request}"] if request is not None else []
    return podman(
        "run", "--rm", "--network", "none", "-e", f"NVIDIA_DRIVER_CAPABILITIES={capabilities}", *variables, *options
    )


def output_of(result):
    assert result.code == 0, result
    return result.output


def test_one_gpu(podman, node):
    check_probe(output_of(start(podman, IMAGE, PROBE, *node.minors(0), request="0")))


def test_nvidia_smi(podman, node):
    output = output_of(start(podman, IMAGE, "nvidia-smi", request="0,3", capabilities="utility"))
    check_nvidia_smi(output, node, node.minors(0, 3))


def test_no_request(podman):
    check_probe(output_of(start(podman, IMAGE, PROBE)), libraries=False)


def test_readonly_and_user(podman, node):
    check_probe(
        output_of(start(podman, "--read-only", "--user", "1000:1000", IMAGE, PROBE, *node.minors(1), request="1"))
    )


def test_unknown_gpu(podman):
    check_refusal(start(podman, IMAGE, PROBE, request=UNKNOWN_GPU))


def test_exec(podman, node):
    result = podman(
        "run",
        "--detach",
        "--name",
        "later",
        "--network",
        "none",
        "-e",
        "NVIDIA_VISIBLE_DEVICES=2",
        "-e",
        f"NVIDIA_DRIVER_CAPABILITIES={CAPABILITIES}",
        IMAGE,
        "sleep",
        "1000",
    )
    assert result.code == 0, result
    try:
        check_probe(output_of(podman("exec", "later", PROBE, *node.minors(2))))
    finally:
        assert podman("rm", "--force", "--time", "0", "later").code == 0

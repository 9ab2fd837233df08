# SPDX-License-Identifier: Apache-2.0
"""podman with the runtime under test in runc's place."""

from engines import PROBE_IMAGE as IMAGE
from engines import words
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe, check_refusal


def start(podman, *options, **settings):
    return podman(*words(*options, **settings))


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

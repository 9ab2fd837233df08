# SPDX-License-Identifier: Apache-2.0
"""containerd's CRI plugin, as Kubernetes calls it: a runtime class "nvidia" with the runtime under test."""

import grpc
import pytest
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe


def test_one_gpu(client, pod, node):
    container = pod("one", {"NVIDIA_VISIBLE_DEVICES": "0", "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES})
    check_probe(client.output_of(container, PROBE, *node.minors(0)))
    check_nvidia_smi(client.output_of(container, "nvidia-smi"), node, node.minors(0))


def test_two_containers_of_a_pod(client, pod, node):
    """Each has its own GPU, as the device plugin hands them out by UUID."""
    for index in (1, 2):
        container = pod(
            f"gpu{index}",
            {"NVIDIA_VISIBLE_DEVICES": node.gpus[index]["uuid"], "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES},
        )
        check_probe(client.output_of(container, PROBE, *node.minors(index)))


def test_image_environment(client, pod, node):
    check_probe(client.output_of(pod("cuda", {}, image="cuda"), PROBE, *node.all_minors()))


def test_mode_legacy(client, pod, node, configured):
    """The runtime leaves it to the prestart hook."""
    configured(more='mode = "legacy"')
    for index in (1, 2):
        environment = {"NVIDIA_VISIBLE_DEVICES": str(index), "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES}
        container = pod(f"legacy-{index}", environment)
        check_probe(client.output_of(container, PROBE, *node.minors(index)))


def test_no_request(client, pod):
    check_probe(client.output_of(pod("none", {}), PROBE), libraries=False)


@pytest.mark.parametrize("pod", ["runc"], indirect=True)
def test_other_runtime_class(client, pod):
    """The request alone gives nothing: without the runtime class, the runtime isn't called."""
    check_probe(client.output_of(pod("other", {"NVIDIA_VISIBLE_DEVICES": "all"}), PROBE), libraries=False)


def test_unknown_gpu(pod):
    """The kubelet gets to see which GPU is missing."""
    with pytest.raises(grpc.RpcError) as error:
        pod("unknown", {"NVIDIA_VISIBLE_DEVICES": UNKNOWN_GPU})
    assert UNKNOWN_GPU in error.value.details()

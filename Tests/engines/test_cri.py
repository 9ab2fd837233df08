# SPDX-License-Identifier: Apache-2.0
"""containerd's CRI plugin, as Kubernetes calls it: a runtime class "nvidia" with the runtime under test."""

import cri
import grpc
import images
import pytest
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, Daemon, check_nvidia_smi, check_probe, succeed

SLEEP = ["/usr/bin/sleep", "1000"]


@pytest.fixture(scope="module")
def client(folder, installed):
    socket, configuration = folder / "containerd.sock", folder / "containerd.toml"
    configuration.write_text(
        f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
oom_score = 0
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:latest"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia.options]
        BinaryName = "{installed}"
"""
    )
    daemon = Daemon(
        folder, "containerd", "containerd", "--config", configuration, ready=["ctr", "-a", socket, "version"]
    )
    try:
        for name in ("pause", "probe", "cuda"):
            succeed("ctr", "-a", socket, "-n", "k8s.io", "images", "import", images.image(name))
        connection = cri.Client(socket)
        try:
            assert connection.version().runtime_name == "containerd"
            yield connection
        finally:
            connection.close()
    finally:
        daemon.stop()


@pytest.fixture
def pod(client, folder, request):
    """Runs containers in a pod of its own; "nvidia" is its runtime class unless a test asks for another."""
    handler = getattr(request, "param", "nvidia")
    sandbox, configuration = client.run_sandbox(request.node.name.replace("[", "-").strip("]"), folder, handler)
    try:
        yield lambda name, environment, image="probe": client.start_container(
            sandbox, configuration, name, f"localhost/{image}:latest", SLEEP, environment
        )
    finally:
        client.remove_sandbox(sandbox)


def executed(client, container, *command):
    code, output, errors = client.execute(container, list(command))
    assert code == 0, output + errors
    return output


def test_one_gpu(client, pod, node):
    container = pod("one", {"NVIDIA_VISIBLE_DEVICES": "0", "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES})
    check_probe(executed(client, container, PROBE, *node.minors(0)))
    check_nvidia_smi(executed(client, container, "nvidia-smi"), node, node.minors(0))


def test_two_containers_of_a_pod(client, pod, node):
    """Each has its own GPU, as the device plugin hands them out by UUID."""
    for index in (1, 2):
        container = pod(
            f"gpu{index}",
            {"NVIDIA_VISIBLE_DEVICES": node.gpus[index]["uuid"], "NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES},
        )
        check_probe(executed(client, container, PROBE, *node.minors(index)))


def test_image_environment(client, pod, node):
    check_probe(executed(client, pod("cuda", {}, image="cuda"), PROBE, *node.all_minors()))


def test_no_request(client, pod):
    check_probe(executed(client, pod("none", {}), PROBE), libraries=False)


@pytest.mark.parametrize("pod", ["runc"], indirect=True)
def test_other_runtime_class(client, pod):
    """The request alone gives nothing: without the runtime class, the runtime isn't called."""
    check_probe(executed(client, pod("other", {"NVIDIA_VISIBLE_DEVICES": "all"}), PROBE), libraries=False)


def test_unknown_gpu(pod):
    """The kubelet gets to see which GPU is missing."""
    with pytest.raises(grpc.RpcError) as error:
        pod("unknown", {"NVIDIA_VISIBLE_DEVICES": UNKNOWN_GPU})
    assert UNKNOWN_GPU in error.value.details()

# SPDX-License-Identifier: Apache-2.0
"""NVIDIA's device plugin for Kubernetes, as far as a container runtime sees it: its Allocate response by each of its
strategies, as the kubelet hands it to the CRI, and the CDI files that it leaves on the node."""

from pathlib import Path

import cdi_files

VENDOR = "k8s.device-plugin.nvidia.com"
FOLDER = Path("/var/run/cdi")
MARKERS = "/var/run/nvidia-container-devices"


class Allocation:
    """What the kubelet adds to a ContainerConfig."""

    def __init__(self):
        self.environment, self.annotations = {}, {}
        self.mounts, self.devices, self.CDI_devices = [], [], []

    def fields(self):
        """All of it but the environment, as fields of ContainerConfig."""
        return {
            "annotations": self.annotations,
            "mounts": self.mounts,
            "devices": self.devices,
            "CDI_devices": self.CDI_devices,
        }


def allocate(strategies, identifiers, imex=(), enabled=(), device_specs=()):
    """The answer of a plugin with these strategies for these devices and IMEX channels. `enabled` are of GATES;
    `device_specs` are paths of nodes, with --pass-device-specs."""
    answer = Allocation()
    names = [f"{VENDOR}/gpu={identifier}" for identifier in identifiers]
    names += [f"{VENDOR}/imex-channel={channel}" for channel in imex]
    names += [f"{VENDOR}/{gate}=all" for gate in enabled]
    for strategy in strategies:  # the order counts: volume-mounts overwrites the variable
        if strategy == "envvar":
            answer.environment["NVIDIA_VISIBLE_DEVICES"] = ",".join(identifiers)
            if imex:
                answer.environment["NVIDIA_IMEX_CHANNELS"] = ",".join(map(str, imex))
        elif strategy == "volume-mounts":
            answer.environment["NVIDIA_VISIBLE_DEVICES"] = MARKERS
            markers = [*identifiers, *(f"imex/{channel}" for channel in imex)]
            answer.mounts += [
                {"host_path": "/dev/null", "container_path": f"{MARKERS}/{marker}"} for marker in markers
            ]
        elif strategy == "cdi-annotations":
            key = "cdi.k8s.io/nvidia-device-plugin_5171a7ed-0000-4000-8000-000000000001"
            answer.annotations[key] = ",".join(names)
        else:
            assert strategy == "cdi-cri"
            answer.CDI_devices += [{"name": name} for name in names]
    answer.environment |= {f"NVIDIA_{gate.upper()}": "enabled" for gate in enabled}
    answer.devices = [{"host_path": path, "container_path": path, "permissions": "rw"} for path in device_specs]
    return answer


def files(node, strategy):
    """The plugin's CDI files, by path. It writes no device "all" of GPUs."""
    channels = {path.rpartition("channel")[2]: [path] for path in node.nodes if "/channel" in path}
    documents = {
        "gpu": cdi_files.gpu_file(node, f"{VENDOR}/gpu", strategy, with_all=False),
        "imex-channel": cdi_files.gate_file(node, f"{VENDOR}/imex-channel", channels),
    }
    for gate, paths in cdi_files.GATES.items():
        documents[gate] = cdi_files.gate_file(node, f"{VENDOR}/{gate}", {"all": paths})
    return {FOLDER / f"{VENDOR}-{name}.json": document for name, document in documents.items()}

# SPDX-License-Identifier: Apache-2.0
"""CDI files about the simulated node, as nvidia-ctk and the device plugin write them, and a host on which the paths of
any CDI file exist.

The hook of these files is not NVIDIA's but a stub, which writes down its arguments: what links and ld.so.cache would
do, a mount of the library under its SONAME in a folder that the loader looks in by itself does here."""

import json
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path

import yaml

CONTROL = ("/dev/nvidia-modeset", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidiactl")
STUB, CALLS = Path("/usr/bin/stub-hook"), Path("/run/stub-hook.calls")
LOADER_FOLDER = "/usr/lib/x86_64-linux-gnu"  # of the images
FILE_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
# The nodes of what has a file, and with a device plugin a class, of its own.
GATES = {
    "gds": [f"/dev/nvidia-fs{number}" for number in range(4)],
    "gdrcopy": ["/dev/gdrdrv"],
    "mofed": ["/dev/infiniband/rdma_cm", "/dev/infiniband/uverbs0", "/dev/infiniband/uverbs1"],
}


def install_stub():
    STUB.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{CALLS}\n')
    STUB.chmod(0o755)
    CALLS.write_text("")
    CALLS.chmod(0o666)  # in a user namespace a hook is not root


def device_node(node, path):
    major, minor, mode = node.nodes[path]
    root = node.driver_root.rstrip("/")
    entry = {"path": path, "major": major, "minor": minor, "fileMode": mode, "permissions": "rwm"}
    # As Go writes it: a number that is 0 is left out, and so is a host path that is the path.
    return {key: value for key, value in entry.items() if value != 0} | ({"hostPath": root + path} if root else {})


def gpu_nodes(node, name):
    """The paths of the nodes of the GPU "1" or the MIG device "3:0"."""
    gpu = node.device(name.partition(":")[0])
    if ":" in name:
        return [f"/dev/nvidia{gpu['minor']}", *sorted(node.capability_nodes(name))]
    return [f"/dev/nvidia{gpu['minor']}", f"/dev/dri/{gpu['card']}", f"/dev/dri/{gpu['render']}"]


def all_devices(node):
    """The GPUs that are whole and the MIG devices, by index."""
    parts = [f"{device['gpu']}:{device['index']}" for device in node.mig_devices]
    partitioned = {name.partition(":")[0] for name in parts}
    return [str(gpu["index"]) for gpu in node.gpus if str(gpu["index"]) not in partitioned] + parts


def gpu_file(node, kind="nvidia.com/gpu", strategy="index", version="0.5.0", with_all=True):
    """All GPUs of the node, named by index or by UUID."""
    libraries = Path(node.driver_root, LOADER_FOLDER.lstrip("/"))
    files = {
        libraries / f"libcuda.so.{node.version}": f"{LOADER_FOLDER}/libcuda.so.1",
        libraries / f"libnvidia-ml.so.{node.version}": f"{LOADER_FOLDER}/libnvidia-ml.so.1",
        Path(node.driver_root, "usr/bin/nvidia-smi"): "/usr/bin/nvidia-smi",
    }
    devices = {
        name if strategy == "index" else node.device(name)["uuid"]: gpu_nodes(node, name) for name in all_devices(node)
    }
    if with_all:
        devices["all"] = sorted({path for paths in devices.values() for path in paths})
    return {
        "cdiVersion": version,
        "kind": kind,
        "devices": [
            {"name": name, "containerEdits": {"deviceNodes": [device_node(node, path) for path in paths]}}
            for name, paths in devices.items()
        ],
        "containerEdits": {
            "env": [f"NVIDIA_CTK_LIBCUDA_DIR={LOADER_FOLDER}", "NVIDIA_VISIBLE_DEVICES=void"],
            "deviceNodes": [device_node(node, path) for path in CONTROL],
            "mounts": [
                {"hostPath": str(source), "containerPath": target, "options": FILE_OPTIONS}
                for source, target in files.items()
            ],
            "hooks": [
                {
                    "hookName": "createContainer",
                    "path": str(STUB),
                    "args": ["nvidia-ctk", "hook", "update-ldcache", "--folder", LOADER_FOLDER],
                    "env": ["NVIDIA_CTK_DEBUG=false"],
                }
            ],
        },
    }


def gate_file(node, kind, devices):
    """A file without files: `devices` has the names, and the paths of nodes of each."""
    return {
        "cdiVersion": "0.5.0",
        "kind": kind,
        "devices": [
            {"name": name, "containerEdits": {"deviceNodes": [device_node(node, path) for path in paths]}}
            for name, paths in devices.items()
        ],
        "containerEdits": {"env": ["NVIDIA_VISIBLE_DEVICES=void"]},
    }


@contextmanager
def written(documents):
    """CDI files at these paths, as JSON or YAML by their names, and the hook's stub, for as long as they are needed."""
    install_stub()
    for path, document in documents.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(document)
        if str(path).endswith(".yaml"):
            text = yaml.safe_dump(json.loads(text), sort_keys=False)  # as a tree, or it would have anchors
        Path(path).write_text(text)
    try:
        yield
    finally:
        for path in documents:
            Path(path).unlink()


def hook_calls():
    """The arguments of each start of the stub since the last look."""
    calls = CALLS.read_text().splitlines()
    CALLS.write_text("")
    return calls


@contextmanager
def host_of(document):
    """The node with what a CDI file about another machine names: empty files, and nodes with the numbers that it says.
    A node that has other numbers here makes way meanwhile."""
    made, moved = [], []

    def parents(path):
        missing = [parent for parent in path.parents if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir()
            made.append(parent)

    def place(path, make, is_right):
        if os.path.lexists(path):
            if is_right(os.lstat(path)):
                return
            moved.append((path, path.with_name(path.name + ".aside")))
            path.rename(moved[-1][1])
        parents(path)
        make(path)
        made.append(path)

    def make_node(path, device):
        os.mknod(path, stat.S_IFCHR | 0o666, device)
        path.chmod(0o666)

    try:
        for edits in [document.get("containerEdits", {}), *(one["containerEdits"] for one in document["devices"])]:
            for mount in edits.get("mounts", []):
                place(Path(mount["hostPath"]), Path.touch, lambda status: True)
            for entry in edits.get("deviceNodes", []):
                path, numbers = Path(entry.get("hostPath", entry["path"])), os.makedev(*numbers_of(entry))
                place(
                    path,
                    lambda path, numbers=numbers: make_node(path, numbers),
                    lambda status, entry=entry, numbers=numbers: "major" not in entry or status.st_rdev == numbers,
                )
        yield
    finally:
        for path in reversed(made):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path, aside in moved:
            aside.rename(path)


def numbers_of(entry):
    return entry.get("major", 0), entry.get("minor", 0)

# SPDX-License-Identifier: Apache-2.0
"""podman's own CDI injection as an oracle: the same container once with --device, which podman resolves, and once with
annotations, which our runtime in mode cdi resolves. What the low-level runtime reads is compared, and what the
container's process then sees. podman 4.3 reads CDI up to version 0.5.0; test_cdi_oracles.py compares with a newer
library."""

import json
import os
import re
import stat
from pathlib import Path

import cdi_files
import pytest
import yaml
from cdi_files import STUB, gate_file, gpu_file
from engines import PROBE_IMAGE
from spec_comparison import anonymous, differences
from support import REPOSITORY, check_devices, probe

OURS = "/usr/bin/nvidia-container-runtime.cdi"
REAL = REPOSITORY / "testdata/cdi/specs"
JSON_FILE, YAML_FILE = "/etc/cdi/one.json", "/var/run/cdi/other.yaml"
# What a container's process has of all that CDI can change.
LOOK = """
shopt -s globstar nullglob
stat -c 'node %n %F %a %u:%g %t:%T' /dev/**
env
id
while read -r _ _ _ root point options rest; do
    echo "mount $root $point $options ${rest##* - }"
done </proc/self/mountinfo
"""
# What the two may differ in, and why.
LIMIT = "a hook that hangs must not hang the start of a container: one without a time limit gets one"
EMPTY = "runc before 1.3 gives a hook without an environment the image's (CVE-2025-23266): one without gets one"
MODE = "where the file says no fileMode the host's node does, as in newer CDI libraries; runc would take 0666"
UNBUFFERED = "a node of type u is a character device: without a rule nobody could open it"
REPLACED = "a node that another one of the same request replaces leaves no rule behind"


def reason_for(difference):
    """Why it may be; None where it may not."""
    name, there, here = difference
    if name[0] == "hook" and name[-1] == "timeout" and (there, here) == (None, 30):
        return LIMIT
    if name[0] == "hook" and name[-1] == "env" and (there, here) == ([], ["SWIFT_BACKTRACE=enable=no"]):
        return EMPTY
    if name[0] == "device" and name[-1] == "fileMode" and there is None:
        return MODE
    if name == ("rule", "True", "c", "195", "255", "rwm") and there == "absent":
        return UNBUFFERED
    if name[:3] == ("rule", "True", "b") and here == "absent":
        return REPLACED
    return None


# Cases: the CDI files by path, for a node.


def made(node, version="0.5.0", **edits):
    """A file with one device "one" that has these edits."""
    devices = [{"name": "one", "containerEdits": edits}]
    return {JSON_FILE: {"cdiVersion": version, "kind": "vendor.example/class", "devices": devices}}


def gpus(node):
    return {JSON_FILE: gpu_file(node)}


def gpus_in_yaml(node):
    return {YAML_FILE: gpu_file(node, strategy="uuid")}


def two_files(node):
    return {JSON_FILE: gpu_file(node), YAML_FILE: gate_file(node, "nvidia.com/gds", {"all": cdi_files.GATES["gds"]})}


def shadowed(node):
    """The file in the second directory has precedence, as a whole and for its devices."""
    other = gpu_file(node)
    other["devices"] = [{"name": "0", "containerEdits": {"env": ["SHADOWED=yes"]}}]
    other["containerEdits"] = {"env": ["FROM=other"]}
    return {JSON_FILE: gpu_file(node), YAML_FILE: other}


def nodes(node):
    host = "/dev/simulated/character"
    return made(
        node,
        deviceNodes=[
            {"path": "/dev/renamed", "hostPath": host},
            {"path": "/dev/class/private", "hostPath": host, "type": "c", "fileMode": 0o600, "permissions": "r"},
            {"path": "/dev/owned", "hostPath": host, "uid": 7, "gid": 8, "fileMode": 0o640, "permissions": "rw"},
            {"path": "/dev/no-mknod", "hostPath": host, "fileMode": 0o666, "permissions": "rw"},
            {"path": "/dev/null", "hostPath": "/dev/zero"},  # in the place of one that the container has anyway
        ],
    )


def same_node_twice(node):
    """The last one counts."""
    return made(
        node,
        deviceNodes=[
            {"path": "/dev/twice", "hostPath": "/dev/simulated/block", "fileMode": 0o600},
            {"path": "/dev/twice", "hostPath": "/dev/simulated/character", "fileMode": 0o640},
        ],
    )


def block_and_fifo(node):
    return made(
        node,
        deviceNodes=[
            {"path": "/dev/block", "hostPath": "/dev/simulated/block", "permissions": "r"},
            {"path": "/dev/block2", "hostPath": "/dev/simulated/block", "type": "b", "fileMode": 0o640},
            {"path": "/dev/fifo", "hostPath": "/dev/simulated/fifo", "fileMode": 0o622},
            {"path": "/dev/fifo2", "hostPath": "/dev/simulated/fifo", "type": "p", "permissions": "rw"},
        ],
    )


def unbuffered(node):
    path, (major, minor, _) = "/dev/nvidiactl", node.nodes["/dev/nvidiactl"]
    return made(node, deviceNodes=[{"path": path, "type": "u", "major": major, "minor": minor, "fileMode": 0o666}])


def mounts(node):
    return made(
        node,
        mounts=[
            {"hostPath": "/etc/os-release", "containerPath": "/opt/a/b", "options": ["ro", "bind"]},
            {"hostPath": "tmpfs", "containerPath": "/opt/a", "type": "tmpfs", "options": ["nosuid", "size=64k"]},
            {"hostPath": "/etc/os-release", "containerPath": "/etc/hosts", "options": ["ro", "bind"]},
            {"hostPath": "/etc/os-release", "containerPath": "/opt/twice", "options": ["bind"]},
            {"hostPath": "/etc/debian_version", "containerPath": "/opt/twice", "options": ["ro", "rbind"]},
            {"hostPath": "/etc/os-release", "containerPath": "/srv//with///slashes/", "options": ["ro", "bind"]},
        ],
    )


def environment(node):
    values = ["PATH=/opt/bin:/usr/bin:/bin", "NEW=1", "NEW=2", "EMPTY=", "EQUALS=a=b", "SPACE= x "]
    return made(node, env=values)


def hooks(node):
    host = [("prestart", {}), ("createRuntime", {"env": ["A=b"]}), ("createContainer", {"timeout": 7})]
    host += [("poststart", {"env": ["A=b"], "timeout": 7}), ("poststop", {})]
    entries = [
        {"hookName": stage, "path": str(STUB), "args": ["stub", stage], **settings} for stage, settings in host
    ]
    entries.append({"hookName": "startContainer", "path": "/usr/bin/true", "args": ["true"]})
    entries.append({"hookName": "createContainer", "path": str(STUB)})
    return made(node, hooks=entries)


def real(name):
    """A file that nvidia-ctk wrote, about another machine."""

    def files(node):
        return {f"/etc/cdi/{name}": yaml.safe_load((REAL / name).read_text())}

    return files


USER = ["--user", "1000:1000"]
GROUPS = ["--user", "1000:44", "--group-add", "109"]
NAMESPACE = ["--uidmap", "0:100000:2000", "--gidmap", "0:100000:2000", *USER]
CASES = {
    # name: (files, devices, podman's options, differences)
    "gpu": (gpus, ["nvidia.com/gpu=0"], [], {LIMIT}),
    "gpu-user": (gpus, ["nvidia.com/gpu=0"], USER, {LIMIT}),
    "gpu-groups": (gpus, ["nvidia.com/gpu=0"], GROUPS, {LIMIT}),
    "gpu-read-only": (gpus, ["nvidia.com/gpu=0"], ["--read-only"], {LIMIT}),
    "gpu-user-namespace": (gpus, ["nvidia.com/gpu=0"], NAMESPACE, {LIMIT}),
    "gpu-named-user": (gpus, ["nvidia.com/gpu=0"], ["--user", "user"], {LIMIT}),
    "gpus-and-mig": (gpus, ["nvidia.com/gpu=2", "nvidia.com/gpu=3:1", "nvidia.com/gpu=0"], [], {LIMIT}),
    "all": (gpus, ["nvidia.com/gpu=all"], [], {LIMIT}),
    "same-twice": (gpus, ["nvidia.com/gpu=1", "nvidia.com/gpu=1"], [], {LIMIT}),
    "all-and-one": (gpus, ["nvidia.com/gpu=all", "nvidia.com/gpu=1"], [], {LIMIT}),
    "yaml": (gpus_in_yaml, ["nvidia.com/gpu=GPU-5171a7ed-0000-4000-8000-000000000001"], USER, {LIMIT}),
    "two-files": (two_files, ["nvidia.com/gds=all", "nvidia.com/gpu=1"], [], {LIMIT}),
    "two-files-mixed": (two_files, ["nvidia.com/gpu=1", "nvidia.com/gds=all", "nvidia.com/gpu=2"], [], {LIMIT}),
    "shadowed": (shadowed, ["nvidia.com/gpu=0"], [], set()),
    "shadowed-in-part": (shadowed, ["nvidia.com/gpu=1", "nvidia.com/gpu=0"], [], {LIMIT}),
    "nodes": (nodes, ["vendor.example/class=one"], [], {MODE}),
    "nodes-user": (nodes, ["vendor.example/class=one"], USER, {MODE}),
    "same-node-twice": (same_node_twice, ["vendor.example/class=one"], [], {REPLACED}),
    "block-and-fifo": (block_and_fifo, ["vendor.example/class=one"], [], {MODE}),
    "unbuffered": (unbuffered, ["vendor.example/class=one"], [], {UNBUFFERED}),
    "mounts": (mounts, ["vendor.example/class=one"], [], set()),
    "mounts-volume": (mounts, ["vendor.example/class=one"], ["-v", "/etc/os-release:/opt/twice"], set()),
    "environment": (environment, ["vendor.example/class=one"], ["-e", "NEW=0"], set()),
    "hooks": (hooks, ["vendor.example/class=one"], [], {LIMIT, EMPTY}),
}
REAL_CASES = {
    "a100.json": (["nvidia.com/gpu=1"], {LIMIT}),
    "a100.yaml": (["nvidia.com/gpu=all"], {LIMIT}),
    "a100-mig.yaml": (["nvidia.com/gpu=7:0", "nvidia.com/gpu=0"], {LIMIT}),
    "root-flat-typeindex.yaml": (["nvidia.com/gpu=gpu7", "nvidia.com/gpu=gpu0"], {LIMIT}),
    "management.yaml": (["nvidia.com/management=all"], {LIMIT}),
    "gds.yaml": (["nvidia.com/gds=all"], set()),
    "gdrcopy.yaml": (["nvidia.com/gdrcopy=all"], set()),
    "mofed.yaml": (["nvidia.com/mofed=all"], set()),
    "nvswitch.yaml": (["nvidia.com/nvswitch=all"], set()),
    "imex.yaml": (["nvidia.com/imex=0", "nvidia.com/imex=3"], {MODE}),
}


class Recorder:
    """A low-level runtime that keeps the config.json of the container that it creates, and then is runc, or fails."""

    def __init__(self, folder):
        self.path, self.record, self.stop = folder / "recorder", folder / "record.json", folder / "record-only"
        self.path.write_text(f"""#!/bin/sh
for word; do
    [ "$previous" = --bundle ] && cp "$word/config.json" {self.record} && [ -e {self.stop} ] && exit 1
    previous=$word
done
exec runc "$@"
""")
        self.path.chmod(0o755)

    def taken(self):
        text = self.record.read_text()
        self.record.unlink()
        document = json.loads(anonymous(text))
        document["annotations"].pop("io.kubernetes.cri-o.Created")  # when podman made the container
        return document


@pytest.fixture(scope="module")
def recorder(folder):
    return Recorder(folder)


@pytest.fixture
def both(podman, recorder, configured):
    """Runs a command in the container by podman's CDI and in the one by ours. Gives the results and the config.json."""

    def both(devices, *arguments):
        configured(runtimes=[str(recorder.path)])
        common = ["run", "--rm", "--network", "none", "--hostname", "box"]
        # One annotation for each device: podman takes a comma for the next annotation.
        common += [f"--annotation=cdi.k8s.io/device{number}={name}" for number, name in enumerate(devices)]
        theirs = podman(*common, *(f"--device={name}" for name in devices), *arguments, runtime=recorder.path)
        assert recorder.record.exists(), theirs
        there = recorder.taken()
        ours = podman(*common, *arguments, runtime=OURS)
        assert recorder.record.exists(), ours
        return theirs, there, ours, recorder.taken()

    return both


@pytest.fixture
def host_nodes():
    """Nodes of kinds that the driver has none of, which nobody else's driver is behind."""
    folder = Path("/dev/simulated")
    blocks = Path("/proc/devices").read_text().partition("Block devices:")[2].split()
    free = next(major for major in range(239, 199, -1) if str(major) not in blocks)
    folder.mkdir()
    for name, kind, device in (
        ("character", stat.S_IFCHR, os.makedev(195, 253)),
        ("block", stat.S_IFBLK, os.makedev(free, 3)),
        ("fifo", stat.S_IFIFO, 0),
    ):
        os.mknod(folder / name, kind | 0o660, device)
        os.chown(folder / name, 0, 44)
        (folder / name).chmod(0o660)
    yield
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def check(there, here, expected):
    """The only differences are those expected, each of them is there, and all are printed."""
    found = differences(there, here)
    for difference in found:
        print(f"{' '.join(difference[0])}: podman {difference[1]}, ours {difference[2]}: {reason_for(difference)}")
    unexplained = [difference for difference in found if reason_for(difference) not in expected]
    assert unexplained == [] and {reason_for(difference) for difference in found} == expected
    return found


def seen(output, found=()):
    """What LOOK printed, in an order of its own. Nodes that runc made with a mode of its own have that of `found`."""
    for (kind, path, *_), _, mode in (one for one in found if reason_for(one) == MODE):
        assert kind == "device"
        output, count = re.subn(rf"(?m)^(node {re.escape(path)} [a-z ]+) 666 ", rf"\1 {mode:o} ", output)
        assert count == 1, output
    return sorted(anonymous(output).splitlines())


@pytest.mark.parametrize("name", CASES)
def test_same_injection(both, node, host_nodes, name):
    files, devices, options, expected = CASES[name]
    with cdi_files.written(files(node)):
        theirs, there, ours, here = both(devices, *options, PROBE_IMAGE, "bash", "-c", LOOK)
        found = check(there, here, expected)
        assert theirs.code == 0, theirs
        assert ours.code == 0, ours
        calls = cdi_files.hook_calls()
        assert calls[: len(calls) // 2] == calls[len(calls) // 2 :]
        assert seen(theirs.output, found) == seen(ours.output)


@pytest.mark.parametrize("name", REAL_CASES)
@pytest.mark.parametrize("options", [[], USER], ids=["root", "user"])
def test_real_file(both, recorder, node, name, options):
    """Files that nvidia-ctk wrote. Their libraries are empty files here and their hooks have nothing to do, so that the
    container is not started."""
    devices, expected = REAL_CASES[name]
    files = real(name)(node)
    recorder.stop.touch()
    try:
        with cdi_files.host_of(*files.values()), cdi_files.written(files):
            _, there, _, here = both(devices, *options, PROBE_IMAGE, "true")
    finally:
        recorder.stop.unlink()
    check(there, here, expected)


@pytest.mark.parametrize("options", [[], USER], ids=["root", "user"])
def test_usable(both, node, options):
    """The GPUs work in both containers."""
    with cdi_files.written(gpus(node)):
        names = ["1", "3:2"]
        devices = [f"nvidia.com/gpu={name}" for name in names]
        theirs, _, ours, _ = both(devices, *options, PROBE_IMAGE, *probe(node, *names))
        for result in (theirs, ours):
            assert result.code == 0, result
            check_devices(result.output, node, *names, cache=False)


def test_unknown_device(podman, node, configured):
    """Neither starts a container without a device that it asks for."""
    configured()
    with cdi_files.written(gpus(node)):
        common, container = ["run", "--rm", "--network", "none"], [PROBE_IMAGE, "true"]
        theirs = podman(*common, "--device=nvidia.com/gpu=9", *container)
        assert theirs.code != 0 and "nvidia.com/gpu=9" in theirs.errors, theirs
        ours = podman(*common, "--annotation", "cdi.k8s.io/x=nvidia.com/gpu=9", *container, runtime=OURS)
        assert ours.code != 0 and "nvidia.com/gpu=9" in ours.errors, ours

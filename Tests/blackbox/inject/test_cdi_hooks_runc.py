# SPDX-License-Identifier: Apache-2.0
"""Whole containers with real runc and a CDI specification as NVIDIA's own nvidia-ctk has written it, whose hooks lead to
our nvidia-cdi-hook: no other of our hooks runs in these containers."""

import json
import os
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest
import yaml
from injection import REPOSITORY, RUNC, images
from test_inject_runc import FOLDER, Container, start_in_user_namespace

SPECIFICATION = REPOSITORY / "testdata/cdi/specs/a100.yaml"
VERSION = "535.261.03"  # of the machine on which it was written
HOOKS = ["create-symlinks"] * 3 + ["enable-cuda-compat", "update-ldcache", "disable-device-node-modification",
                                   "update-application-profile"]


@pytest.fixture
def node(nodes):
    return nodes("--driver-version", VERSION, "--uvm-major", "510")


def specification(node, program="/usr/bin/nvidia-cdi-hook"):
    """Of a machine with 8 GPUs, a fabric manager and more: what this node has of it. The hooks are as they were, but for
    the program."""
    document = yaml.safe_load(SPECIFICATION.read_text())
    for edits in [document["containerEdits"], *(device["containerEdits"] for device in document["devices"])]:
        edits["mounts"] = [mount for mount in edits.get("mounts", []) if os.path.exists(node.path(mount["hostPath"]))]
        edits["deviceNodes"] = [entry for entry in edits["deviceNodes"] if is_there(node, entry)]
        if not edits["mounts"]:
            del edits["mounts"]
        for hook in edits["hooks"]:
            assert hook["path"] == "/usr/bin/nvidia-cdi-hook" and hook["args"][0] == "nvidia-cdi-hook"
            hook["path"] = program
            if program.endswith("nvidia-ctk"):
                hook["args"][:1] = ["nvidia-ctk", "hook"]
    document["devices"] = [device for device in document["devices"] if device["containerEdits"]["deviceNodes"]]
    return document


def is_there(node, entry):
    path = node.path(entry["path"])
    numbers = os.makedev(entry.get("major", 0), entry.get("minor", 0))
    return os.path.exists(path) and os.stat(path).st_rdev == numbers


@pytest.fixture
def container(node, tmp_path):
    def make(folder=tmp_path, program="/usr/bin/nvidia-cdi-hook", **settings):
        made = Container(node, folder / "bundle", devices="nvidia.com/gpu=1", **settings)
        node.configure(f'[nvidia-container-runtime]\nmode = "cdi"\nruntimes = ["{RUNC}"]\n')
        node.write_cdi(specification(node, program))
        return made

    return make


def run(made):
    """The probe in the container loads libcuda, and opens its GPU and no other."""
    text = made.passed().stdout.decode()
    assert "node /dev/nvidia1 195:1" in text and "own node 195:0 Operation not permitted" in text
    return text


def hooks(made):
    """What runc was told to run."""
    found = json.loads(made.config.read_text())["hooks"]
    assert list(found) == ["createContainer"]
    lines = [hook["args"] for hook in found["createContainer"]]
    return sorted(line[2 if line[1] == "hook" else 1] for line in lines)


@pytest.mark.parametrize("program", ["/usr/bin/nvidia-cdi-hook", "/usr/bin/nvidia-ctk"])
@pytest.mark.parametrize("kind", ["debian", "no-cache", "rhel", "distroless"])
def test_libcuda_is_loaded(container, kind, program):
    made = container(kind=kind, program=program)
    text = run(made)
    assert hooks(made) == sorted(HOOKS)
    assert "libcuda /" in text and " cache yes " in text
    assert os.readlink(made.root / FOLDER / "libcuda.so.1") == f"libcuda.so.{VERSION}"
    assert os.readlink(made.root / FOLDER / "libcuda.so") == "libcuda.so.1"
    assert os.readlink(made.root / FOLDER / "vdpau/libvdpau_nvidia.so.1") == f"libvdpau_nvidia.so.{VERSION}"
    profile = made.root / "etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"
    assert '"EGLVisibleDGPUDevices",0x2]' in profile.read_text()
    assert stat.S_IMODE(profile.stat().st_mode) == 0o444


def test_alpine(container):
    """Driver libraries are for glibc, and musl's loader loads the probe's stand-in."""
    run(container(kind="alpine"))


def test_used_again(container):
    """J-20: a second start finds all of it done."""
    made = container()
    run(made)

    def files():
        found = {}
        for path in sorted(made.root.rglob("*")):
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) and "dev" not in path.relative_to(made.root).parts[:1]:
                found[path] = status.st_ino, status.st_mtime_ns
        return found

    before = files()
    run(made)
    assert files() == before


def test_read_only_root(container):
    """S-18: runc makes it so after the hooks."""
    run(container(readonly=True))


def test_user_namespace(container):
    """S-21: what the hooks make is the container's root's."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own can be entered by root only
        Path(folder).chmod(0o755)
        start_in_user_namespace(container(Path(folder)))


def test_compat_libraries_of_the_image(container, node):
    """enable-cuda-compat and update-ldcache are separate programs: the image's newer libcuda wins."""
    made = container()
    compat = made.root / "usr/local/cuda/compat"
    compat.mkdir(parents=True)
    libcuda = node.path(f"/{FOLDER}/libcuda.so.{VERSION}").read_bytes()
    (compat / "libcuda.so.575.57.08").write_bytes(libcuda)
    text = run(made)
    assert "libcuda /usr/local/cuda/compat/libcuda.so.1 cache yes" in text
    listing = subprocess.run(
        ["/sbin/ldconfig", "-p", "-C", made.root / "etc/ld.so.cache"], capture_output=True, text=True, check=True).stdout
    found = [line.split(" => ")[1] for line in listing.splitlines() if line.strip().startswith("libcuda.so.1 ")]
    assert found[0] == "/usr/local/cuda/compat/libcuda.so.1" and len(found) == 2


def test_hook_of_a_newer_toolkit(container, node):
    """A verb that we don't know does not keep a container from starting; a flag that we don't know does."""
    for arguments, starts in ((["new-hook", "--flag", "x"], True), (["update-ldcache", "--new-flag", "x"], False)):
        made = container()
        document = specification(node)
        document["containerEdits"]["hooks"][0]["args"] = ["nvidia-cdi-hook", *arguments]
        node.write_cdi(document)
        result = made.run()
        assert (result.returncode == 0) == starts, result
        if not starts:
            assert b"NVR1831: update-ldcache: unknown flag" in result.stderr
        images.run("rm", "-rf", made.folder)

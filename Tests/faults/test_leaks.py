# SPDX-License-Identifier: Apache-2.0
"""X-14, K7: what thousands of starts leave behind, which is nothing. FAULTS_CREATES says how many."""

import os
import shutil

import pytest
from faults import PrivateNode, program
from injection import RUNC, Bundle, images
from test_inject_runc import JOIN_CGROUPS

CREATES = int(os.environ.get("FAULTS_CREATES", 2000))
CONTAINERS = max(50, CREATES // 33)
BUNDLE = "/var/bundle"


class State:
    """What a start could leave on a node."""

    def __init__(self, node):
        self.mounts = node.mounts()
        folders = ("/run", "/dev", "/var", "/tmp", "/etc")
        self.files = sorted(self.output(node, "find", *folders, "-xdev", "-printf", r"%p %y %l\n"))
        self.cgroups = sorted(self.output(node, "find", "/sys/fs/cgroup", "-type", "d"))
        self.processes = sorted(self.output(node, "sh", "-c", "cat /proc/[0-9]*/comm"))

    @staticmethod
    def output(node, *words):
        return node.run(*words).stdout.decode().splitlines()

    def compare(self, other):
        for name, value in vars(self).items():
            assert value == getattr(other, name), f"{name} changed"


@pytest.fixture
def node():
    """A node whose /tmp is its own too."""
    made = PrivateNode("--with", "fabricmanager")
    made.run("mount", "-t", "tmpfs", "none", "/tmp", check=True)
    shutil.copy(program("loop"), made.path("/usr/bin/loop"))
    yield made
    made.close()


def loop(node, count, *words, timeout=1200):
    """Runs the command so often under one parent, which has the descriptors it had."""
    result = node.run("loop", count, f"{BUNDLE}/config.json", *words, timeout=timeout)
    *_, last = result.stdout.decode().splitlines()
    failures, before, after = map(int, last.split())
    assert (result.returncode, failures) == (0, 0), result.stderr[-500:]
    assert before == after, "descriptors are left open"


@pytest.mark.parametrize("devices", ["all", None], ids=["with GPUs", "without"])
def test_creates(node, devices):
    bundle = Bundle(node.path(BUNDLE), devices)
    text = bundle.config.read_bytes()
    words = ("nvidia-runtime", "create", "--bundle", BUNDLE, "id")
    loop(node, 1, *words)  # what a node's first start makes stays: links in /dev/char
    bundle.config.write_bytes(text)
    before = State(node)
    loop(node, CREATES if devices else CREATES // 4, *words)
    bundle.config.write_bytes(text)
    State(node).compare(before)


# One container: what the hook changes in its root is put back before.
CONTAINER = """
cp "$1/ld.so.cache" "$1/rootfs/etc/ld.so.cache" || exit 9
rm -rf "$1"/rootfs/etc/ld.so.conf.d/00-* "$1"/rootfs/usr/lib/*/libcuda.so*
nvidia-runtime --root "$1/../state" create --bundle "$1" test </dev/null >/dev/null &&
    nvidia-runtime --root "$1/../state" start test && nvidia-runtime --root "$1/../state" delete --force test"""


def test_containers(node):
    """Real runc and our hook."""
    node.configure(f'[nvidia-container-runtime]\nruntimes = ["{RUNC}"]\n')
    bundle = Bundle(node.path(BUNDLE), "all")
    images.run("cp", "-a", f"{images.root('debian')}/.", bundle.folder / "rootfs")
    cache, text = bundle.folder / "rootfs/etc/ld.so.cache", bundle.config.read_bytes()
    (bundle.folder / "ld.so.cache").write_bytes(cache.read_bytes())

    def run(count):
        loop(node, count, "sh", "-c", JOIN_CGROUPS, "-", "sh", "-c", CONTAINER, "-", BUNDLE)
        bundle.config.write_bytes(text)

    run(1)
    assert cache.read_bytes() != (bundle.folder / "ld.so.cache").read_bytes(), "the hook did nothing"
    before = State(node)
    run(CONTAINERS)
    State(node).compare(before)

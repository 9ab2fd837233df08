# SPDX-License-Identifier: Apache-2.0
"""Hostile images, on this kernel and on one without openat2(2), and a simulated node for whole containers."""

import os
import sys
from pathlib import Path

import pytest

BLACKBOX = Path(__file__).resolve().parents[2] / "blackbox"
for folder in ("hook", "inject", "cli", "prestart"):
    sys.path.append(str(BLACKBOX / folder))
os.environ.setdefault("HOOK", os.environ["NVIDIA_RUNTIME_HOOK"])


@pytest.fixture(params=["openat2", "S_15-walk"])
def image(request, scene):
    """An image to build. S-15: all of it again on a kernel without openat2(2)."""
    from image import Image

    made = Image(scene, with_openat2=request.param == "openat2")
    yield made
    made.release()


@pytest.fixture
def new_image(scene):
    """The same, where the kernel makes no difference."""
    from image import Image

    return Image(scene)


@pytest.fixture(scope="session")
def shared_node(own_mounts):
    from container_cli import CLINode
    from invariants import let_live

    node = CLINode("--with", "fabricmanager")
    let_live(node.process.pid)
    # The first start on a node makes the links in /dev/char, which are right for the node and stay.
    made = node.run("nvidia-ctk", "explain", "--devices", "all", "--capabilities", "all")
    assert made.returncode == 0, made
    yield node
    node.close()


@pytest.fixture
def node(shared_node, scene):
    """A simulated node whose mounts are under guard."""
    shared_node.reset()
    scene.guard_mounts(shared_node.pid)
    return shared_node

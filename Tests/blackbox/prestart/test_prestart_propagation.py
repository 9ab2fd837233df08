# SPDX-License-Identifier: Apache-2.0
"""S-17: no mount of the prestart hook shows up on the host, whatever propagates in the container (`Container` compares
the host's mounts while the container is there, and after it)."""

import pytest
from injection import all_of
from prestarting import WITHOUT_VIEW


@pytest.fixture
def share(node):
    """Makes folders of the node shared mounts."""
    made = []

    def make(folder):
        folder.mkdir(exist_ok=True)
        for command in (("--bind", folder, folder), ("--make-shared", folder)):
            assert node.run("mount", *command).returncode == 0
        made.append(folder)
        return folder

    yield make
    for folder in reversed(made):
        assert node.run("umount", folder).returncode == 0


def rooted(propagation):
    return lambda document: document["linux"].update(rootfsPropagation=propagation)


def volume(source, destination, propagation):
    mount = {"destination": destination, "type": "bind", "source": str(source), "options": ["rbind", propagation]}
    return lambda document: document["mounts"].append(mount)


@pytest.mark.parametrize("propagation", ["shared", "slave", "private", "unbindable"])
def test_root(container, low_level, propagation):
    made = container(low_level, change=rooted(propagation))
    with made.created() as view:
        assert view.nodes()


@pytest.mark.parametrize("propagation", ["shared", "rshared", "slave", "private"])
def test_root_on_a_shared_mount(container, share, tmp_path, propagation):
    """As with systemd, which shares all of the host's mounts."""
    share(tmp_path)
    made = container(WITHOUT_VIEW, change=rooted(propagation))
    with made.created() as view:
        assert view.nodes() and any("libcuda.so" in path for path in view.mounts())


PLACES = ["/usr/lib/firmware", "/run", "/etc/OpenCL"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("propagation", ["rshared", "rbind"])
@pytest.mark.parametrize("root", ["shared", "private"])
def test_shared_volumes(container, share, tmp_path, root, propagation, place):
    """Where driver files would go into a folder that the host shares with the container, it does not start. A bind mount
    shares what its source shares; engines say `rprivate` where nothing else is asked for."""
    folder = share(tmp_path / "shared")
    made = container(WITHOUT_VIEW, change=all_of(volume(folder, place, propagation), rooted(root)))
    made.refused(1812, "mounts are shared with the host")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("propagation", ["rslave", "rprivate"])
@pytest.mark.parametrize("root", ["shared", "private"])
def test_other_volumes(container, share, tmp_path, root, propagation, place):
    folder = share(tmp_path / "shared")
    made = container(WITHOUT_VIEW, change=all_of(volume(folder, place, propagation), rooted(root)))
    with made.created() as view:
        assert any(path.startswith(f"{place}/") for path in view.mounts())


def test_shared_volume_elsewhere(container, share, tmp_path):
    """One that nothing of the driver's goes to is no obstacle."""
    folder = share(tmp_path / "shared")
    made = container(WITHOUT_VIEW, change=all_of(volume(folder, "/volume", "rshared"), rooted("shared")))
    with made.created() as view:
        assert view.nodes()

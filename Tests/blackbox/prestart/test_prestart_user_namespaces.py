# SPDX-License-Identifier: Apache-2.0
"""The prestart hook for containers in user namespaces, made by root and by others."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from injection import RUNC, all_of
from prestarting import FOLDER, Container, hooked, host_proc, make_bundle, plan

FIRST = 100_000
PROBE = "/usr/bin/gpu-probe"


@pytest.fixture
def folder():
    """A folder that everybody can enter; pytest's own are root's."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as path:
        Path(path).chmod(0o755)
        yield Path(path)


def in_user_namespace(first, size):
    """A change of a config.json: a user namespace with these IDs of the host."""
    def change(document):
        linux = document["linux"]
        linux["namespaces"].append({"type": "user"})
        linux["uidMappings"] = linux["gidMappings"] = [{"containerID": 0, "hostID": first, "size": size}]
        # The simulated node's own mounts in /sys and /proc keep a user namespace from having one.
        document["mounts"] = [mount for mount in document["mounts"] if mount["destination"] != "/sys"]
        if size == 1:
            del linux["resources"]
            for mount in document["mounts"]:
                mount["options"] = [option for option in mount["options"] if not option.startswith("gid=")]

    return change


def owned_by(root, owner):
    for path in (root, *root.rglob("*")):
        os.lchown(path, owner, owner)


@pytest.fixture
def mapped(node, folder):
    """A container of root's runc, whose root is somebody else on the host."""
    def make(*changes, **settings):
        changes = (hooked(), in_user_namespace(FIRST, 65536), *changes)
        bundle = make_bundle(folder / "bundle", change=all_of(*changes), **settings)
        owned_by(bundle.folder / "rootfs", FIRST)
        return Container(node, bundle)

    return make


def test_content(mapped, node):
    """Nodes are the host's own, bound, as none can be made there; all that is made is the container's root's."""
    made = mapped()
    wanted = plan(node, made.bundle.folder)
    with made.created() as view:
        mounts = view.mounts()
        assert {view.real(path) for path in [*wanted["mounts"], *wanted["devices"]]} <= mounts.keys()
        for path, (major, minor) in wanted["devices"].items():
            status = view.path(path).lstat()
            assert stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(major, minor)
            assert {"nosuid", "noexec"} <= mounts[path].options and "nodev" not in mounts[path].options
        for path in wanted["mounts"]:
            if not path.endswith("socket"):
                assert {"ro", "nosuid", "nodev"} <= mounts[view.real(path)].options
    root = made.bundle.folder / "rootfs"
    strangers = {
        path for path in [root, *root.rglob("*")]
        if (path.lstat().st_uid, path.lstat().st_gid) != (FIRST, FIRST)}
    assert not strangers
    assert (root / FOLDER[1:] / "libcuda.so.1").is_symlink() and (root / "etc/ld.so.cache").exists()


def test_use(mapped):
    text = mapped(command=[PROBE, "1"]).passed()
    assert text.endswith("ok\n")


def test_no_right_outside(mapped, folder):
    """What the container's root may not write, the hook does not write for it."""
    volume = folder / "volume"
    volume.mkdir(mode=0o755)
    mount = {"destination": "/usr/lib/firmware", "type": "bind", "source": str(volume), "options": ["rbind"]}
    made = mapped(lambda document: document["mounts"].append(mount))
    made.refused(1812, "Permission denied")
    assert os.listdir(volume) == []


def test_rootless(node, folder):
    """An ordinary user's: nothing of it needs a right of root's, and no setting says so."""
    made = make_bundle(folder / "bundle", change=all_of(hooked(), in_user_namespace(1000, 1)), command=[PROBE, "1"])
    home = folder / "home"
    home.mkdir()
    owned_by(made.folder, 1000)
    os.chown(home, 1000, 1000)
    variables = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    before = node.mounts()
    result = node.run(
        "setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", RUNC, "--root", home / "state", "run",
        "--bundle", made.folder, "rootless", env=variables)
    assert result.returncode == 0 and result.stdout.endswith(b"ok\n"), result
    assert node.mounts() == before


def test_root_of_a_user_namespace(node, folder):
    """Inside of a user namespace, as with rootlesskit or in a container: the hook is its root."""
    made = make_bundle(folder / "bundle", change=all_of(hooked(), host_proc, without_rights), command=[PROBE, "1"])
    before = node.mounts()
    result = node.run(
        "unshare", "--user", "--map-root-user", "--mount", RUNC, "--root", made.folder / "state", "run", "--bundle",
        made.folder, "inside", env={"XDG_RUNTIME_DIR": str(folder)})
    assert result.returncode == 0 and result.stdout.endswith(b"ok\n"), result
    assert node.mounts() == before


def without_rights(document):
    """A change of a config.json: what a user namespace can't have."""
    in_user_namespace(0, 1)(document)
    namespaces = document["linux"]["namespaces"]
    document["linux"]["namespaces"] = [one for one in namespaces if one["type"] not in ("user", "network")]
    del document["linux"]["uidMappings"], document["linux"]["gidMappings"]

# SPDX-License-Identifier: Apache-2.0
"""A container that our runtime makes, and one that another runtime makes with the prestart hook: they are the same.

What differs, and why: only the prestart hook covers /proc/driver/nvidia, since runc lets nobody mount there by
config.json; only the runtime can put the container's user into the group of the nodes, as the hook comes too late."""

import pytest
from injection import RUNC, all_of, environment, privileged
from prestarting import DRIVER, host_proc

PROBE = "/usr/bin/gpu-probe"


def content(view):
    """All that a program in the container can see of it."""
    mounts = {}
    for path, mount in view.mounts().items():
        if not path.startswith(("/proc", "/sys")):
            status = view.path(path).stat()
            mounts[path] = (mount.type, mount.options, mount.propagation, status.st_mode, status.st_size, status.st_uid)
    kinds = {path: entry for path, entry in view.entries().items() if not path.startswith("/proc")}
    return {"mounts": mounts, "nodes": view.nodes(), "entries": kinds, "cache": view.cache()}


def both(node, container, **settings):
    """The container by the prestart hook, and by the runtime."""
    node.configure(f'[nvidia-container-runtime]\nruntimes = ["{RUNC}"]\n')
    return container(**settings), container(("nvidia-runtime", "v1"), hook=lambda document: None, **settings)


REQUESTS = [
    {"devices": "all"}, {"devices": "1", "capabilities": "all"}, {"devices": "0", "capabilities": "graphics"},
    {"devices": "none"}, {"devices": "0", "kind": "rhel"}, {"devices": "0", "kind": "no-cache"}, {"devices": "void"},
]


@pytest.mark.parametrize("settings", REQUESTS, ids=str)
def test_same_content(node, container, settings):
    hooked, ours = both(node, container, **settings)
    with hooked.created() as view, ours.created() as other:
        found, wanted = content(view), content(other)
    for kind in found:
        assert found[kind] == wanted[kind], kind


@pytest.mark.parametrize("options, settings", [
    (("--mig", "1=2"), {"devices": "1:0"}), (("--with", "imex"), {"environment": {"NVIDIA_IMEX_CHANNELS": "1"}}),
    (("--layout", "rhel"), {}), (("--mode", "0660", "--group", "44"), {}), (("--platform", "wsl"), {"devices": "all"}),
    (("--platform", "tegra"), {"devices": "all"}),
    (("--mig", "1=1"), {"devices": "all", "change": all_of(privileged, environment(NVIDIA_MIG_CONFIG_DEVICES="all"))}),
], ids=str)
def test_same_content_on_other_hosts(nodes, container, options, settings):
    node = nodes(*options)
    hooked, ours = both(node, container, on=node, **settings)
    with hooked.created() as view, ours.created() as other:
        found, wanted = content(view), content(other)
    for kind in found:
        assert found[kind] == wanted[kind], kind


@pytest.mark.parametrize("kind", ["debian", "rhel", "distroless", "no-cache", "alpine", "busybox"])
def test_same_answers(node, container, kind):
    """A program's view: nodes, what opening them says, and where libcuda is loaded from."""
    hooked, ours = both(node, container, kind=kind, command=[PROBE, "1"])
    assert hooked.passed() == ours.passed()


def test_what_differs(nodes, container):
    node = nodes("--mode", "0660", "--group", "44")
    hooked, ours = both(node, container, on=node, change=host_proc, command=["/usr/bin/id", "-G"])
    with hooked.created() as view, ours.created() as other:
        assert view.mounts().keys() - other.mounts().keys() == {DRIVER, f"{DRIVER}/gpus/{node.gpus[1]['address']}"}
        assert not other.mounts().keys() - view.mounts().keys()
    assert (hooked.passed(), ours.passed()) == ("0\n", "0 44\n")

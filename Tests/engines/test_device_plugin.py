# SPDX-License-Identifier: Apache-2.0
"""What NVIDIA's device plugin for Kubernetes makes of an allocation, by each of its strategies, through containerd's
CRI: a container gets what was allocated to it, once, and nothing else."""

import itertools

import cdi_files
import device_plugin
import pytest
from device_plugin import MARKERS, allocate
from support import CAPABILITIES, PROBE, UNKNOWN_GPU, check_devices, check_probe, probe, shown_nodes

ACCEPT_MARKERS = "accept-nvidia-visible-devices-as-volume-mounts = true"
# What an administrator sets who trusts the kubelet and no image.
MARKERS_ONLY = ACCEPT_MARKERS + "\naccept-nvidia-visible-devices-envvar-when-unprivileged = false"
ALLOCATIONS = [
    pytest.param(names, id="+".join(names).replace(":", "-")) for names in (["1"], ["2", "0"], ["3:0"], ["1", "3:2"])
]
CAPABILITY_VARIABLE = {"NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES}
numbers = itertools.count()


@pytest.fixture(params=["uuid", "index"])
def strategy(request):
    """--device-id-strategy"""
    return request.param


@pytest.fixture
def identifiers(node, strategy):
    """From names to what the plugin calls the devices."""
    return lambda names: [name if strategy == "index" else node.device(name)["uuid"] for name in names]


@pytest.fixture
def cdi(node, strategy):
    """The plugin's CDI files."""
    with cdi_files.written(device_plugin.files(node, strategy)):
        yield


@pytest.fixture
def start(pod):
    """Starts a container with an allocation."""

    def start(allocation, environment=CAPABILITY_VARIABLE, image="probe", **further):
        fields = {**allocation.fields(), **further}
        return pod(f"c{next(numbers)}", allocation.environment | environment, image, **fields)

    return start


def check_native(client, container, node, names):
    check_devices(client.output_of(container, *probe(node, *names)), node, *names)


def check_cdi(client, container, node, names):
    """The devices, and that the specification was applied once: its hook ran once."""
    check_devices(client.output_of(container, *probe(node, *names)), node, *names, cache=False)
    assert cdi_files.hook_calls() == [f"hook update-ldcache --folder {cdi_files.LOADER_FOLDER}"]


def check_nothing(client, container):
    check_probe(client.output_of(container, PROBE), libraries=False)


class TestVariable:
    """--device-list-strategy=envvar, the default."""

    @pytest.mark.parametrize("names", ALLOCATIONS)
    def test_devices(self, client, start, node, identifiers, names):
        check_native(client, start(allocate(["envvar"], identifiers(names))), node, names)

    def test_beside_device_specs(self, client, start, node):
        """--pass-device-specs: containerd makes the nodes of the GPU itself; they are there once."""
        control = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"]
        nodes = [f"/dev/nvidia{node.minors(1)[0]}", *control]
        check_native(client, start(allocate(["envvar"], ["1"], device_specs=nodes)), node, ["1"])

    def test_imex_channels(self, client, start, node):
        container = start(allocate(["envvar"], ["1"], imex=[0, 2]))
        output = client.output_of(container, *probe(node, "1"))
        check_probe(output)
        assert channels(output) == {0, 2}

    def test_gates(self, client, start, node):
        container = start(allocate(["envvar"], ["1"], enabled=["gds", "gdrcopy", "mofed"]))
        check_native(client, container, node, ["1"])
        check_gates(client, container, node)

    def test_unknown_device(self, start):
        """A GPU that has gone since the kubelet counted: the message names it."""
        with pytest.raises(Exception, match=UNKNOWN_GPU):
            start(allocate(["envvar"], [UNKNOWN_GPU]))


class TestVolumeMounts:
    """--device-list-strategy=volume-mounts, which an image or a user cannot imitate."""

    @pytest.fixture(autouse=True)
    def accepted(self, configured):
        configured(general=MARKERS_ONLY)

    @pytest.mark.parametrize("names", ALLOCATIONS)
    def test_devices(self, client, start, node, identifiers, names):
        check_native(client, start(allocate(["volume-mounts"], identifiers(names))), node, names)

    def test_beside_variable(self, client, start, node):
        check_native(client, start(allocate(["envvar", "volume-mounts"], ["2"])), node, ["2"])

    def test_imex_channels(self, client, start, node):
        container = start(allocate(["volume-mounts"], ["1"], imex=[1, 3]))
        output = client.output_of(container, *probe(node, "1"))
        check_probe(output)
        assert channels(output) == {1, 3}

    def test_imex_channels_ignored(self, client, start, node, configured):
        configured(general=MARKERS_ONLY, more="[features]\nignore-imex-channel-requests = true")
        output = client.output_of(start(allocate(["volume-mounts"], ["1"], imex=[1])), *probe(node, "1"))
        check_probe(output)
        assert channels(output) == set()

    def test_image_gets_nothing(self, client, start):
        """An image that asks for all GPUs, in a container that the plugin was not asked for."""
        check_nothing(client, start(device_plugin.Allocation(), image="cuda"))

    def test_image_gets_what_was_allocated(self, client, start, node):
        check_native(client, start(allocate(["volume-mounts"], ["1"]), image="cuda"), node, ["1"])

    def test_variable_gets_nothing(self, client, start):
        """The strategy and the setting do not fit; and IMEX channels by the environment are under the same rule."""
        check_nothing(client, start(allocate(["envvar"], ["1"], imex=[0])))

    def test_privileged(self, client, start, node):
        """Who has CAP_SYS_ADMIN can have the devices anyway."""
        security = {"security_context": {"capabilities": {"add_capabilities": ["SYS_ADMIN"]}}}
        check_native(client, start(allocate(["envvar"], ["1"]), linux=security), node, ["1"])

    def test_not_accepted(self, start, configured):
        """The plugin's variable alone names no GPU, and says so."""
        configured()
        with pytest.raises(Exception, match=MARKERS):
            start(allocate(["volume-mounts"], ["1"]))


class TestAnnotations:
    """--device-list-strategy=cdi-annotations: the runtime class "nvidia" in mode auto, "nvidia-cdi" by its name."""

    @pytest.mark.parametrize("pod", ["nvidia", "nvidia-cdi"], indirect=True)
    @pytest.mark.parametrize("names", ALLOCATIONS)
    def test_devices(self, client, start, node, cdi, identifiers, names):
        check_cdi(client, start(allocate(["cdi-annotations"], identifiers(names)), {}), node, names)

    @pytest.mark.parametrize("strategy", ["index"], indirect=True)
    def test_imex_channels_and_gates(self, client, start, node, cdi):
        """All are devices with names, and the variables that come along with the gates ask for nothing more."""
        answer = allocate(["cdi-annotations"], ["1", "3:1"], imex=[2], enabled=["gds", "gdrcopy", "mofed"])
        container = start(answer, {})
        check_cdi(client, container, node, ["1", "3:1"])
        assert channels(client.output_of(container, *probe(node, "1", "3:1"))) == {2}
        check_gates(client, container, node)

    @pytest.mark.parametrize("strategy", ["uuid"], indirect=True)
    def test_image_asks_too(self, client, start, node, cdi, identifiers):
        """The annotation has precedence over the image's NVIDIA_VISIBLE_DEVICES=all."""
        answer = allocate(["cdi-annotations"], identifiers(["0"]))
        check_cdi(client, start(answer, {}, image="cuda"), node, ["0"])

    @pytest.mark.parametrize("strategy", ["index"], indirect=True)
    def test_policy(self, client, start, node, cdi, configured):
        """A policy for one runtime class: no annotations there, and the other class as before."""
        handler = '[nvidia-container-runtime.policy.handlers."nvidia-container-runtime"]'
        configured(more=f'{handler}\nchannels = ["environment"]\non-violation = "ignore"')
        check_nothing(client, start(allocate(["cdi-annotations"], ["1"]), {}))

    @pytest.mark.parametrize("strategy", ["index"], indirect=True)
    def test_unknown_device(self, start, cdi):
        with pytest.raises(Exception, match="nearest"):
            start(allocate(["cdi-annotations"], ["3"]), {})  # it is partitioned: only its MIG devices have names


class TestCDIDevices:
    """--device-list-strategy=cdi-cri: the engine applies CDI files itself. containerd 1.6 cannot and passes over the
    field; test_cdi_oracles.py has what a newer one hands on."""

    @pytest.fixture(autouse=True)
    def old_containerd(self, client):
        assert client.version().runtime_version.startswith("1.6."), "a containerd that reads CDIDevices: test it here"

    @pytest.mark.parametrize("strategy", ["uuid"], indirect=True)
    def test_alone(self, client, start, cdi, identifiers):
        check_nothing(client, start(allocate(["cdi-cri"], identifiers(["1"])), {}))
        assert cdi_files.hook_calls() == []

    def test_beside_annotations(self, client, start, node, cdi, identifiers):
        """As the GPU operator sets it."""
        answer = allocate(["cdi-annotations", "cdi-cri"], identifiers(["1", "3:0"]))
        check_cdi(client, start(answer, {}), node, ["1", "3:0"])


def channels(output):
    """The IMEX channels that gpu-probe saw."""
    nodes = shown_nodes(output, "/dev/nvidia-caps-imex-channels/")
    return {int(path.rpartition("channel")[2]) for path in nodes}


def check_gates(client, container, node):
    """The nodes of GDS, GDRCopy and MOFED, with the node's numbers."""
    for paths in cdi_files.GATES.values():
        found = client.output_of(container, "stat", "-c", "%n %t %T", *paths).splitlines()
        assert found == [f"{path} {node.nodes[path][0]:x} {node.nodes[path][1]:x}" for path in paths]

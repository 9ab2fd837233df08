# SPDX-License-Identifier: Apache-2.0
"""Whole containers with real runc that ask in each of the ways there are: what a program in them can open in the
end."""

import pytest
from injection import RUNC, annotated, cdi_specification, environment, marker_mounts, privileged
from test_inject_runc import Container

# Opens each of its arguments; a driver that is only simulated says ENXIO, and the cgroup before that EPERM. Then a node
# of the first argument's major number and the minor number $1, of its own making.
OPEN = """
own=$1; shift
for path; do
    case $( (: <$path) 2>&1 ) in
        *'No such device or address'*) echo "may $path" ;;
        *'not permitted'*) echo "may not $path" ;;
        *) echo "no $path" ;;
    esac
done
mknod /own c $(printf %d 0x$(stat -c %t $1)) $own
case $( (: </own) 2>&1 ) in *'not permitted'*) echo 'may not own' ;; *) echo 'may own' ;; esac
echo "visible $NVIDIA_VISIBLE_DEVICES"
echo ok"""


def output(made, program="nvidia-runtime"):
    return made.passed(runtime=program).stdout.decode().splitlines()


@pytest.fixture
def container(tmp_path):
    def make(node, own, *paths, settings="", change=None, **request):
        command = ["/usr/bin/sh", "-c", OPEN, "-", str(own), *paths]
        made = Container(node, tmp_path / "bundle", command=command, **request)
        text = f'runtimes = ["{RUNC}"]\n'
        node.configure(f"{settings}[nvidia-container-runtime]\n{text}")
        if change:
            made.edit(change)
        return made

    return make


def test_mig_devices_and_imex_channels(nodes, container):
    """D-15: of a GPU in parts this part, of the channels this one, and no other even by a node of its own."""
    node = nodes("--mig", "1=2", "--with", "imex")
    parts = ["/dev/nvidia-caps/nvidia-cap201", "/dev/nvidia-caps/nvidia-cap202"]
    channel = "/dev/nvidia-caps-imex-channels/channel2"
    others = ["/dev/nvidia-caps/nvidia-cap210", "/dev/nvidia-caps-imex-channels/channel1"]
    made = container(node, 210, *parts, channel, *others, devices="1:0", environment={"NVIDIA_IMEX_CHANNELS": "2"})
    wanted = [f"may {path}" for path in [*parts, channel]] + [f"no {path}" for path in others]
    assert output(made) == [*wanted, "may not own", "visible 1:0", "ok"]
    assert output(made) == [*wanted, "may not own", "visible 1:0", "ok"]  # and so when it is started again


def test_cdi_devices(nodes, container, tmp_path):
    """Device nodes, mounts, environment and a hook, which runs with its own environment."""
    node = nodes("--with", "imex")
    channels = "/dev/nvidia-caps-imex-channels"
    edits = {
        "deviceNodes": [{"path": "/dev/mine", "hostPath": f"{channels}/channel3"}],
        "mounts": [{"hostPath": "/usr/bin/nvidia-smi", "containerPath": "/mine/smi", "options": ["ro", "rbind"]}],
        "env": ["NVIDIA_VISIBLE_DEVICES=void", "LD_PRELOAD=/nowhere.so"],
        "hooks": [{"hookName": "createContainer", "path": "/usr/bin/sh", "args": ["sh", "-c", f"env >{tmp_path}/hook"]}]}
    node.write_cdi({"cdiVersion": "0.6.0", "kind": "vendor.example/channel",
                    "devices": [{"name": "0", "containerEdits": edits}]})
    made = container(node, 1, "/dev/mine", f"{channels}/channel3", devices="vendor.example/channel=0")
    assert output(made) == ["may /dev/mine", f"no {channels}/channel3", "may not own", "visible void", "ok"]
    assert (made.root / "mine/smi").exists()
    hook = (tmp_path / "hook").read_text().splitlines()
    assert {entry.partition("=")[0] for entry in hook} == {"SWIFT_BACKTRACE", "PWD"}  # the shell sets PWD


@pytest.mark.parametrize("settings, devices, change", [
    ("accept-nvidia-visible-devices-as-volume-mounts = true\n", "0", marker_mounts("1")),
    ("", "runtime.nvidia.com/gpu=1", None),
    ('swarm-resource = "DOCKER_RESOURCE_GPU"\n', "0", environment(DOCKER_RESOURCE_GPU="1")),
    ("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n", "1", privileged), ("", "0000:0f:00.0", None),
    ("", "void", annotated(a="runtime.nvidia.com/gpu=1")), ("", "1,optional", None),
], ids=["mounts", "automatic kind", "engine", "privileged", "bus", "annotation", "optional"])
@pytest.mark.parametrize("program", ["nvidia-container-runtime", "nvidia-container-runtime.legacy"])
def test_channels(nodes, container, settings, devices, change, program):
    if program.endswith("legacy") and devices == "void":
        devices, change = "1", None  # annotations do not count there
    made = container(nodes(), 0, "/dev/nvidia1", "/dev/nvidiactl", settings=settings, devices=devices, change=change)
    # No other GPU, by the number of GPU 0.
    assert output(made, program) == [
        "may /dev/nvidia1", "may /dev/nvidiactl", "may not own", f"visible {devices}", "ok"]


def test_cdi_by_name(nodes, container):
    """Under the name for mode cdi, all that the specification says."""
    node = nodes()
    specification = cdi_specification(node)
    del specification["containerEdits"]["hooks"]
    node.write_cdi(specification)
    made = container(node, 0, "/dev/nvidia1", "/dev/nvidia-uvm-tools", devices="1")
    assert output(made, "nvidia-container-runtime.cdi") == [
        "may /dev/nvidia1", "no /dev/nvidia-uvm-tools", "may not own", "visible void", "ok"]


def test_a_node_without_gpus(nodes, container):
    """A soft request, and one that may not be made: the container runs, and has nothing of NVIDIA's."""
    node = nodes("--no-driver")
    made = container(node, 0, "/dev/null", "/dev/nvidia0", devices="all,optional",
                     change=environment(NVIDIA_REQUIRE_CUDA="cuda>=99"))
    before = made.config.read_bytes()
    assert output(made) == ["no /dev/null", "no /dev/nvidia0", "may not own", "visible all,optional", "ok"]
    assert made.config.read_bytes() == before

# SPDX-License-Identifier: Apache-2.0
"""What a container can ask for beside GPUs: IMEX channels, devices of other drivers behind a variable each, the right
to configure MIG, and the Multi-Process Service (D-10, D-11)."""

import os
import socket

import pytest
from injection import all_of, environment, marker_mounts, privileged

PRIVILEGED_ONLY = "accept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
ACCEPT_MOUNTS = "accept-nvidia-visible-devices-as-volume-mounts = true\n"
NO_ENVIRONMENT = '[nvidia-container-runtime.policy]\nchannels = ["volume-mounts"]\n'
EXTRAS = tuple(word for name in ("imex", "gds", "mofed", "gdrcopy", "nvswitch") for word in ("--with", name))


@pytest.fixture
def node(nodes):
    """A node with two GPUs and all the other drivers."""
    return nodes(*EXTRAS)


def channels(*numbers):
    return [f"/dev/nvidia-caps-imex-channels/channel{number}" for number in numbers]


# IMEX channels


@pytest.mark.parametrize("value, numbers", [
    ("0", [0]), ("3,0", [0, 3]), ("channel2", [2]), (" 1 , channel1 ,1", [1]), ("00", [0]), ("0,void", []),
    ("none", []),
    ("none,0", []), ("all", []), ("", []), ("void", []), (",", []),
])
def test_imex_channels(node, bundle, value, numbers):
    """D-10: exactly these; `all` and an image's silence ask for none, and `none` never for all."""
    made = bundle("0", change=environment(NVIDIA_IMEX_CHANNELS=value))
    node.create_twice(made).gave(node, [0], nodes=channels(*numbers)).not_warned()


def test_imex_channels_alone_ask_for_nothing(node, bundle):
    node.create(bundle(change=environment(NVIDIA_IMEX_CHANNELS="0"))).untouched()
    node.create(bundle("void", change=environment(NVIDIA_IMEX_CHANNELS="0"))).untouched()
    node.create_twice(bundle("none", change=environment(NVIDIA_IMEX_CHANNELS="0"))).gave(node, [], nodes=channels(0))


@pytest.mark.parametrize("value", [
    "1048576", "18446744073709551616", "4294967296", "-1", "+1", "0x1", "1e0", "0,mode=nvswitch", "0;1", "channel",
    "Channel0",
    "channel-1", "channelchannel0", "\u0663", "../0", "$(id)", "%s%n", "0 1", "x" * 100_000,
], ids=lambda value: value[:20])
def test_no_imex_channels(node, bundle, value):
    """D-10, D-12"""
    name = value.partition(",")[2] or value
    made = bundle("0", change=environment(NVIDIA_IMEX_CHANNELS=value))
    message = node.create(made).denied(1210, "is not an IMEX channel", "a number of 0 to 1048575").stderr
    assert len(message) < 400 and (len(name) > 20 or not name.isascii() or f'"{name}"' in message)


@pytest.mark.parametrize("value", ["4", "0,4", "1048575"])
def test_imex_channels_that_are_not_there(node, bundle, value):
    """D-10: never made: each is a right of access."""
    number = value.rpartition(",")[2]
    made = bundle("0", change=environment(NVIDIA_IMEX_CHANNELS=value))
    path, = channels(number)
    node.create(made).denied(1211, f"IMEX channel is missing: {path}: it does not exist", "mknod")
    assert not node.path(path).exists()


def test_imex_without_the_driver(nodes, bundle):
    nodes().create(bundle("0", change=environment(NVIDIA_IMEX_CHANNELS="0"))).denied(
        1211, "IMEX channel is missing: ", "channel0: the kernel module offers no IMEX channels")


@pytest.mark.parametrize("make", [
    lambda path: path.write_text(""), lambda path: path.symlink_to("channel1"),
    lambda path: os.mknod(path, 0o20666, os.makedev(1, 3)), lambda path: os.mkfifo(path),
], ids=["file", "link to another", "another device", "FIFO"])
def test_imex_channel_that_is_none(new_node, bundle, make):
    """D-10: what has its name and is something else is never given."""
    node = new_node("--with", "imex")
    path = node.path(channels(0)[0])
    path.unlink()
    make(path)
    node.create(bundle("0", change=environment(NVIDIA_IMEX_CHANNELS="0"))).denied(1405, channels(0)[0])
    node.create(bundle("0", change=environment(NVIDIA_IMEX_CHANNELS="1"))).gave(node, [0], nodes=channels(1))


def test_imex_channels_by_mounts(node, bundle):
    """D-10: where marker mounts are accepted, theirs count and the variable does not."""
    node.configure(ACCEPT_MOUNTS)
    both = all_of(marker_mounts("0", "imex/3", "imex/channel1"), environment(NVIDIA_IMEX_CHANNELS="0"))
    node.create_twice(bundle(change=both)).gave(node, [0], nodes=channels(3, 1))
    for name, id in (("imex/x", 1210), ("imex/", 1201), ("imex/1048576", 1210), ("imex/../0", 1210), ("imex/7", 1211)):
        node.create(bundle(change=marker_mounts("0", name))).denied(id)
    node.create(bundle(change=marker_mounts("imex/0"))).untouched()
    node.configure("")
    made = bundle("0", change=marker_mounts("imex/3"))
    node.create_twice(made).gave(node, [0])


def test_imex_channels_that_the_administrator_ignores(node, bundle):
    """D-10: whatever is asked for, and by whatever way; also what is no channel."""
    node.configure(ACCEPT_MOUNTS + "[features]\nignore-imex-channel-requests = true\n")
    by_variable = (environment(NVIDIA_IMEX_CHANNELS=value) for value in ("0", "x"))
    for change in (*by_variable, marker_mounts("imex/0")):
        node.create_twice(bundle("0", change=change)).gave(node, [0])


# What is behind a variable


GATES = {
    "NVIDIA_GDS": [f"/dev/nvidia-fs{number}" for number in range(4)],
    "NVIDIA_MOFED": ["/dev/infiniband/uverbs0", "/dev/infiniband/uverbs1", "/dev/infiniband/rdma_cm"],
    "NVIDIA_GDRCOPY": ["/dev/gdrdrv"],
    "NVIDIA_NVSWITCH": ["/dev/nvidia-nvswitchctl", *(f"/dev/nvidia-nvswitch{number}" for number in range(6))],
}
GDS_FILES = ("/run/udev", "/etc/cufile.json")


def files(*gates):
    return GDS_FILES if "NVIDIA_GDS" in gates else ()


@pytest.mark.parametrize("gates", [*([name] for name in GATES), list(GATES), ["NVIDIA_GDRCOPY", "NVIDIA_GDS"]], ids=str)
def test_gates(node, bundle, gates):
    """Exactly the nodes of these drivers, and for GPUDirect Storage the two files that libcufile reads."""
    made = bundle("1", change=environment(**{name: "enabled" for name in gates}))
    nodes = [path for name in gates for path in GATES[name]]
    node.create_twice(made).gave(node, [1], nodes=nodes, files=files(*gates)).not_warned()


@pytest.mark.parametrize(
    "value", ["1", "true", "all", "Enabled", "ENABLED", " enabled", "enabled ", "enabled,", "yes", ""])
def test_gates_that_are_not_enabled(node, bundle, value):
    """Nothing but `enabled`."""
    node.create(bundle("0", change=environment(**dict.fromkeys(GATES, value)))).gave(node, [0]).not_warned()


def test_gates_without_their_drivers(nodes, bundle):
    """They are optional: what is not there is said in the log."""
    node = nodes()
    made = bundle("0", change=environment(**dict.fromkeys(GATES, "enabled")))
    outcome = node.create_twice(made, options=("--debug",)).gave(node, [0])
    said = [entry["msg"] for entry in outcome.log if entry["level"] == "debug"]
    for name in ("/dev/nvidia-fs*", "/dev/infiniband/uverbs*", "/dev/infiniband/rdma_cm", "/dev/gdrdrv",
                 "/dev/nvidia-nvswitchctl", "/dev/nvidia-nvswitch*"):
        assert any(line.startswith(f"without {name}: ") for line in said), name


def test_gates_alone_ask_for_nothing(node, bundle):
    node.create(bundle(change=environment(**dict.fromkeys(GATES, "enabled")))).untouched()


def test_node_behind_a_gate_that_is_none(new_node, bundle):
    """What has the name and is something else is never given, and its neighbours are."""
    node = new_node("--with", "gds")
    path = node.path("/dev/nvidia-fs1")
    path.unlink()
    os.mknod(path, 0o20666, os.makedev(1, 1))  # /dev/mem
    made = bundle("0", change=environment(NVIDIA_GDS="enabled"))
    wanted = ["/dev/nvidia-fs0", "/dev/nvidia-fs2", "/dev/nvidia-fs3"]
    node.create(made).gave(node, [0], nodes=wanted, files=GDS_FILES)


# To whom all of that is open


ALL_EXTRAS = environment(**dict.fromkeys(GATES, "enabled"), NVIDIA_IMEX_CHANNELS="0", NVIDIA_MPS="enabled")


@pytest.mark.parametrize("settings, reason", [
    (PRIVILEGED_ONLY, "the container is not privileged"),
    (NO_ENVIRONMENT + 'on-violation = "ignore"\n', "channels in config.toml has no"),
], ids=["privileged only", "policy"])
def test_extras_by_the_environment(node, bundle, settings, reason):
    """D-11: under the rules that NVIDIA_VISIBLE_DEVICES is under, also where the GPUs come in another way."""
    node.configure(ACCEPT_MOUNTS + settings)
    made = bundle(change=all_of(ALL_EXTRAS, marker_mounts("1")))
    outcome = node.create_twice(made).gave(node, [1])
    warnings = [entry["msg"] for entry in outcome.log if entry["level"] == "warning"]
    assert len(warnings) == 3 and all(reason in warning for warning in warnings)
    assert [warning.split(": ")[0] for warning in warnings] == [
        "ignored NVIDIA_GDS, NVIDIA_MOFED, NVIDIA_GDRCOPY, NVIDIA_NVSWITCH", "ignored NVIDIA_MPS",
        "ignored NVIDIA_IMEX_CHANNELS"]


def test_extras_of_privileged_containers(node, bundle):
    """D-11"""
    node.configure(ACCEPT_MOUNTS + PRIVILEGED_ONLY)
    made = bundle(change=all_of(ALL_EXTRAS, marker_mounts("1"), privileged))
    nodes = [path for paths in GATES.values() for path in paths]
    node.create_twice(made).gave(node, [1], nodes=nodes + channels(0), files=GDS_FILES).not_warned()


def test_extras_of_unprivileged_containers_without_a_gpu(node, bundle):
    """D-11"""
    node.configure(PRIVILEGED_ONLY)
    node.create(bundle("0", change=ALL_EXTRAS)).passed_over("ignored NVIDIA_VISIBLE_DEVICES")


# MIG


CONFIG, MONITOR = "/dev/nvidia-caps/nvidia-cap1", "/dev/nvidia-caps/nvidia-cap2"


@pytest.mark.parametrize("variables, paths", [
    ({"NVIDIA_MIG_CONFIG_DEVICES": "all"}, [CONFIG]), ({"NVIDIA_MIG_MONITOR_DEVICES": "all"}, [MONITOR]),
    ({"NVIDIA_MIG_CONFIG_DEVICES": "0", "NVIDIA_MIG_MONITOR_DEVICES": "all"}, [CONFIG, MONITOR]),
    ({"NVIDIA_MIG_CONFIG_DEVICES": "", "NVIDIA_MIG_MONITOR_DEVICES": "none"}, []),
    ({"NVIDIA_MIG_CONFIG_DEVICES": "void"}, []),
], ids=str)
def test_mig_control(node, bundle, variables, paths):
    """10.19: for privileged containers, and no other is started with them."""
    asked = environment(**variables)
    node.create_twice(bundle("all", change=all_of(asked, privileged))).gave(node, [0, 1], nodes=paths)
    outcome = node.create(bundle("all", change=asked))
    if paths:
        outcome.denied(1212, f"{next(iter(variables))} is set in a container that is not privileged", "CAP_SYS_ADMIN")
    else:
        outcome.gave(node, [0, 1])
    node.create(bundle(change=all_of(asked, privileged))).untouched()


def test_mig_control_is_the_administrators(node, bundle):
    """D-11: a policy without the environment leaves nothing to its variables."""
    node.configure(ACCEPT_MOUNTS + NO_ENVIRONMENT)
    asked = environment(NVIDIA_MIG_CONFIG_DEVICES="all")
    node.create(bundle(change=all_of(asked, privileged, marker_mounts("0")))).gave(node, [0]).warned(
        "ignored NVIDIA_MIG_CONFIG_DEVICES")


def test_mig_control_nodes_are_made(new_node, bundle):
    """With the modes that the kernel module says: only root may configure."""
    node = new_node("--missing", "nvidia-caps")
    asked = environment(NVIDIA_MIG_CONFIG_DEVICES="all", NVIDIA_MIG_MONITOR_DEVICES="all")
    outcome = node.create_twice(bundle("0", change=all_of(asked, privileged))).gave(node, [0], nodes=[CONFIG, MONITOR])
    assert [node.path(path).stat().st_mode & 0o7777 for path in (CONFIG, MONITOR)] == [0o400, 0o444]
    modes = {device["path"]: device["fileMode"] for device in outcome.added("linux", "devices")}
    assert (modes[CONFIG], modes[MONITOR]) == (0o400, 0o444)


def test_mig_control_nodes_that_must_not_be_made(nodes, bundle):
    node = nodes("--missing", "nvidia-caps", "--parameter", "ModifyDeviceFiles=0")
    asked = all_of(environment(NVIDIA_MIG_CONFIG_DEVICES="all"), privileged)
    node.create(bundle("0", change=asked)).denied(1406, CONFIG)
    node.create(bundle("0", change=privileged)).gave(node, [0])


# The Multi-Process Service, in the driver root of a driver container: /tmp of the simulated node is the machine's own


MPS = "/tmp/nvidia-mps"


@pytest.fixture
def pipes(new_node):
    """A node with the folder of an MPS daemon, and that folder from outside."""
    node = new_node("--layout", "driver-container")
    node.configure('[nvidia-container-cli]\nroot = "/run/nvidia/driver"\n')
    folder = node.path(f"/run/nvidia/driver{MPS}")
    folder.mkdir(parents=True)
    folder.chmod(0o777)  # as the daemon makes it
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folder)  # the whole path is too long for a socket
        listener.bind("control")
        os.chdir(here)
    return node, folder


def test_mps(pipes, bundle):
    """Only who asks for it gets it: CUDA takes it where it is, whether the program wants it or not."""
    node, _ = pipes
    asked = environment(NVIDIA_MPS="enabled")
    outcome = node.create_twice(bundle("0", change=asked)).gave(node, [0], files=[MPS])
    assert outcome.mounts()[MPS] == f"/run/nvidia/driver{MPS}"
    for value in (None, "1", "Enabled", ""):
        node.create(bundle("0", change=environment(NVIDIA_MPS=value) if value is not None else None)).gave(node, [0])
    node.create(bundle(change=asked)).untouched()


@pytest.mark.parametrize("kind", ["nothing", "no socket", "another user's", "another user's socket", "link"])
def test_mps_folders_that_are_not_taken(pipes, bundle, kind):
    """Everybody may make a folder of that name."""
    node, folder = pipes
    control = folder / "control"
    if kind == "nothing":
        control.unlink()
        folder.rmdir()
    elif kind == "no socket":
        control.unlink()
        control.write_text("")
    elif kind == "another user's":
        os.chown(folder, 12345, 12345)
    elif kind == "another user's socket":
        os.chown(control, 12345, 12345)
    else:
        folder.rename(folder.with_name("elsewhere"))
        folder.symlink_to("elsewhere")
    made = bundle("0", change=environment(NVIDIA_MPS="enabled"))
    outcome = node.create(made, options=("--debug",)).gave(node, [0])
    assert any(entry["msg"].startswith(f"without {MPS}: ") for entry in outcome.log if entry["level"] == "debug")


# Groups


@pytest.mark.parametrize("settings", [
    "[features]\nno-additional-gids-for-device-nodes = true\n",
    '[nvidia-container-runtime.modes.jit-cdi]\nnvcdi-feature-flags = ["no-additional-gids-for-device-nodes"]\n',
])
def test_groups_of_nodes(nodes, bundle, settings):
    """The container's user gets the groups of its nodes, unless the administrator does not want it."""
    node = nodes("--mode", "0660", "--group", "44")
    outcome = node.create_twice(bundle("0"))
    assert outcome.spec["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [44]}
    outcome.rest_is_as_it_was("process")
    node.configure(settings)
    node.create_twice(bundle("0")).gave(node, [0])

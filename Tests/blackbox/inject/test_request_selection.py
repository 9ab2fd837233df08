# SPDX-License-Identifier: Apache-2.0
"""Naming GPUs and MIG devices: every form of name, on a node on which some are partitioned and one is broken."""

import pytest
from driver_files import ALL, DEFAULT

# Eleven GPUs, so that UUIDs differ in more than their last digit; 1 and 3 are partitioned, 2 has fallen off the bus.
LOST = 2
NODE = ("--gpus", "11", "--mig", "1=3g.20gb:2,1g.5gb", "--mig", "3=2", "--lost", str(LOST))
SEVERAL = "GPU-5171a7ed-0000-4000-8000-0000000000"  # the start of the UUIDs of all


def uuid(index):
    return f"GPU-5171a7ed-0000-4000-8000-{index:012}"


def mig_uuid(gpu, gpu_instance, compute_instance):
    return f"MIG-5171a7ed-0000-4000-8000-0000000{gpu_instance:02}{compute_instance}{gpu:02}"


# What is partitioned: by GPU, the GPU instance and the compute instance of each MIG device in the order of its indices.
MIG = {1: [(1, 0), (1, 1), (7, 0)], 3: [(7, 0), (8, 0)]}


@pytest.fixture
def node(nodes):
    return nodes(*NODE)


def nodes_of(migs):
    """The nodes that MIG devices (GPU, index) need beside the control nodes: the GPU's and two capabilities each."""
    paths = set()
    for gpu, index in migs:
        gpu_instance, compute_instance = MIG[gpu][index]
        minor = 3 + (gpu * 15 + gpu_instance) * 9
        caps = (minor, minor + 1 + compute_instance)
        paths |= {f"/dev/nvidia{gpu}"} | {f"/dev/nvidia-caps/nvidia-cap{number}" for number in caps}
    return paths


def all_of(gpu):
    return [(gpu, index) for index in range(len(MIG[gpu]))]


def test_the_numbers_here_are_the_nodes(node):
    """MIG above is what the simulated kernel has."""
    assert [(mig["gpu"], mig["gpu_instance"], mig["compute_instance"], mig["uuid"]) for mig in node.mig_devices] == [
        (gpu, *instances, mig_uuid(gpu, *instances)) for gpu in MIG for instances in MIG[gpu]]
    assert {path for path in node.nodes if "nvidia-caps" in path} == nodes_of(all_of(1) + all_of(3)) - {
        "/dev/nvidia1", "/dev/nvidia3"} | {"/dev/nvidia-caps/nvidia-cap1", "/dev/nvidia-caps/nvidia-cap2"}


SELECTIONS = [
    # value of NVIDIA_VISIBLE_DEVICES, whole GPUs, MIG devices (GPU, index)
    ("0", [0], []), ("10", [10], []), ("0,1", [0, 1], all_of(1)), ("4,0", [0, 4], []),
    # UUIDs and their starts
    (uuid(10), [10], []), (SEVERAL + "1", [10], []), (SEVERAL.upper() + "1", [10], []),
    (uuid(0), [0], []), (uuid(10).replace("ed-", "ED-"), [10], []), (f"{SEVERAL}1,10,{uuid(10)}", [10], []),
    # places on the bus
    ("0000:07:00.0", [0], []), ("00000000:07:00.0", [0], []), ("0000:C3:00.0", [10], []), ("0000:c3:00.0,10", [10], []),
    # partitioned GPUs come with their parts: whole they can do nothing
    ("1", [1], all_of(1)), (uuid(3), [3], all_of(3)), ("0000:0f:00.0", [1], all_of(1)), ("1:2,1,1:0", [1], all_of(1)),
    # MIG devices: GPU:MIG, the name of drivers before 470, and by NVML the UUID and its start
    ("1:0", [], [(1, 0)]), ("1:1", [], [(1, 1)]), ("1:2", [], [(1, 2)]), ("3:1,1:2", [], [(1, 2), (3, 1)]),
    (" 1:0 , 0 ", [0], [(1, 0)]), ("1:0,1:1", [], [(1, 0), (1, 1)]), ("01:00", [], [(1, 0)]),
    (f"MIG-{uuid(1)}/1/1", [], [(1, 1)]), (f"MIG-{uuid(3).replace('ed', 'ED')}/8/0", [], [(3, 1)]),
    (mig_uuid(1, 1, 1), [], [(1, 1)]), (mig_uuid(3, 8, 0), [], [(3, 1)]),
    ("MIG-5171a7ed-0000-4000-8000-000000008", [], [(3, 1)]), ("MIG-5171A7ED-0000-4000-8000-000000008", [], [(3, 1)]),
    # one device by all of its names
    (f"1:2,MIG-{uuid(1)}/7/0,{mig_uuid(1, 7, 0)},1:2", [], [(1, 2)]),
    # all, without the one that is broken
    ("all", [0, 1, *range(3, 11)], all_of(1) + all_of(3)),
]


@pytest.mark.parametrize("value, gpus, migs", SELECTIONS, ids=[row[0] for row in SELECTIONS])
def test_selections(node, bundle, value, gpus, migs):
    """D-04, D-15: exactly these GPUs, and of partitioned ones exactly these parts, each once."""
    outcome = node.create_twice(bundle(value))
    outcome.gave(node, gpus, nodes=nodes_of(migs)).not_warned()


@pytest.mark.parametrize("value", ["all", "1", "1:0", "0,3:1"])
def test_mig_with_all_capabilities(node, bundle, value):
    """Parts of a GPU draw nothing: their GPU's DRM nodes stay away, those of whole GPUs come."""
    gpus = {"all": [0, 1, *range(3, 11)], "1": [1], "1:0": [], "0,3:1": [0]}[value]
    migs = {"all": all_of(1) + all_of(3), "1": all_of(1), "1:0": [(1, 0)], "0,3:1": [(3, 1)]}[value]
    node.create_twice(bundle(value, "all")).gave(node, gpus, ALL, nodes=nodes_of(migs))


def test_access_to_capability_nodes(node, bundle):
    """They are what the kernel module made: everybody may read them, which is all that opening one takes."""
    devices = node.create(bundle("1:0")).passed().added("linux", "devices")
    assert {(device["path"], device["fileMode"]) for device in devices if "caps" in device["path"]} == {
        ("/dev/nvidia-caps/nvidia-cap147", 0o444), ("/dev/nvidia-caps/nvidia-cap148", 0o444)}


def test_what_the_log_says(node, bundle):
    """Devices by names that stay, and of the broken one why it is not there."""
    outcome = node.create(bundle(f"0,{mig_uuid(3, 8, 0)}"), options=("--debug",)).passed()
    info, = [entry for entry in outcome.log if entry["level"] == "info"]
    assert info["gpus"] == [uuid(0), f"MIG-{uuid(3)}/8/0"]
    outcome = node.create(bundle("all"), options=("--debug",)).passed()
    assert any("without 0000:47:00.0: " in entry["msg"] and "fallen off the bus" in entry["msg"]
               for entry in outcome.log if entry["level"] == "debug")


# What is refused


@pytest.mark.parametrize("value", ["2", "0,2", "2:0", "0000:47:00.0", "2,2"])
def test_broken_gpu(node, bundle, value):
    """One GPU that has fallen off the bus fails those who ask for it, and nobody else (test_selections)."""
    node.create(bundle(value)).denied(1206, "GPU 2 (0000:47:00.0) can't be used", "fallen off the bus", "reset the GPU")


def test_what_is_no_name_comes_first(node, bundle):
    node.create(bundle("2,all0")).denied(1201, '"all0"')


def test_broken_gpu_by_uuid(node, bundle):
    """Its UUID can't be read any more; the list of what there is says so."""
    node.create(bundle(uuid(LOST))).denied(1204, f'there is no GPU "{uuid(LOST)}"', "2 (unusable: no UUID")


@pytest.mark.parametrize("value, among", [
    ("GPU-5", [uuid(0), uuid(10)]), (SEVERAL, [uuid(0), uuid(9)]), ("0,GPU-5171a7ed", [uuid(1)]),
    ("MIG-5", [mig_uuid(1, 1, 0), mig_uuid(3, 8, 0)]), ("MIG-5171a7ed-0000-4000-8000-000000007", [mig_uuid(3, 7, 0)]),
])
def test_starts_of_several_uuids(node, bundle, value, among):
    name = value.rpartition(",")[2]
    node.create(bundle(value)).denied(1207, f'"{name}" is the start of the UUIDs of several devices', *among)


@pytest.mark.parametrize("value, known", [
    ("1:3", "GPU 1 has 1:0 (MIG-" + uuid(1) + "/1/0), 1:1 (MIG-" + uuid(1) + "/1/1), 1:2 (MIG-" + uuid(1) + "/7/0)"),
    ("0:0", "GPU 0 has no MIG devices: it is not partitioned"), ("3:2", "GPU 3 has 3:0 ("),
    (f"MIG-{uuid(1)}/7/1", "GPU 1 has 1:0"), (f"MIG-{uuid(1)}/4294967295/0", "GPU 1 has 1:0"),
    (f"MIG-{uuid(0)}/1/0", "GPU 0 has no MIG devices"), (mig_uuid(1, 8, 0), "it has " + mig_uuid(1, 1, 0)),
    ("MIG-6", "it has " + mig_uuid(1, 1, 0)), ("1,1:3", "GPU 1 has 1:0"),
])
def test_mig_devices_that_are_not_there(node, bundle, value, known):
    """What there is is named, in the form in which it can be asked for."""
    node.create(bundle(value)).denied(1208, f'there is no MIG device "{value.rpartition(",")[2]}" on this node', known)


@pytest.mark.parametrize("value", ["11", "11:0", uuid(11), "0000:08:00.0", f"MIG-{uuid(11)}/1/0", "0,11"])
def test_gpus_that_are_not_there(node, bundle, value):
    node.create(bundle(value)).denied(1204, f'there is no GPU "{value.rpartition(",")[2]}"', f"10 ({uuid(10)})")


# NVML, which only UUIDs of MIG devices need


def test_when_nvml_is_asked(nodes, bundle):
    """Not for any other name, and once for as long as the partitions stay the same."""
    node = nodes("--mig", "1=3g.20gb:2,1g.5gb")
    node.count_nvml_calls()
    for value in ("all", "0", "1", "1:0", f"MIG-{uuid(1)}/1/0", "0000:07:00.0", uuid(1)):
        node.create(bundle(value)).passed()
    assert node.nvml_calls == 0
    for _ in range(3):
        node.create(bundle(mig_uuid(1, 1, 0))).gave(node, [], nodes=nodes_of([(1, 0)]))
    assert node.nvml_calls == 1


@pytest.mark.parametrize("behaviour, words", [
    ("fail: nvmlInit", "NVML does not start: Unknown Error"), ("crash: nvmlInit", "crashed"),
    ("uuid: GPU-1", "two devices with one UUID"),
])
def test_nvml_that_does_not_answer(node, bundle, behaviour, words):
    """Whoever needs it is told, and nobody else is hurt."""
    node.path("/run/simulated-nvml").write_text(behaviour + "\n")
    node.create(bundle(mig_uuid(1, 1, 0))).denied(1209, "can't find out the UUIDs of MIG devices", words)
    node.create(bundle("1:0")).gave(node, [], nodes=nodes_of([(1, 0)]))


def test_without_the_helper(new_node, bundle):
    node = new_node("--mig", "0=1")
    node.path("/usr/bin/nvidia-runtime-nvml").unlink()
    node.create(bundle("MIG-5")).denied(1209, "nvidia-runtime-nvml")
    node.create(bundle("0:0")).passed()


# Nodes of MIG devices


def test_missing_capability_nodes_are_made(new_node, bundle):
    """As nvidia-modprobe does: with the mode that the kernel module says, root's."""
    node = new_node("--mig", "1=1", "--missing", "nvidia-caps")
    wanted = ("/dev/nvidia-caps/nvidia-cap201", "/dev/nvidia-caps/nvidia-cap202")
    assert not node.path("/dev/nvidia-caps").exists()
    node.create_twice(bundle("1:0")).gave(node, [], nodes=("/dev/nvidia1", *wanted))
    for path in wanted:
        assert (node.path(path).stat().st_mode & 0o7777, node.path(path).stat().st_uid) == (0o444, 0)
    assert {path.name for path in node.path("/dev/nvidia-caps").iterdir()} == {"nvidia-cap201", "nvidia-cap202"}


def test_capability_nodes_that_must_not_be_made(nodes, bundle):
    node = nodes("--mig", "1=1", "--missing", "nvidia-caps", "--parameter", "ModifyDeviceFiles=0")
    for value in ("1:0", "1", "all"):
        node.create(bundle(value)).denied(1406, "/dev/nvidia-caps/nvidia-cap201")
    node.create(bundle("0")).gave(node, [0])
    assert not node.path("/dev/nvidia-caps").exists()


def test_capability_node_that_is_none(new_node, bundle):
    """CVE-2021-1056: what stands there and is something else is never given."""
    node = new_node("--mig", "1=2")
    path = node.path("/dev/nvidia-caps/nvidia-cap201")
    path.unlink()
    path.symlink_to("nvidia-cap211")
    node.create(bundle("1:0")).denied(1405, "/dev/nvidia-caps/nvidia-cap201", "not the NVIDIA device node")
    node.create(bundle("1:1")).passed()


def test_no_gpu_that_works(nodes, bundle):
    node = nodes("--gpus", "1", "--lost", "0")
    node.create(bundle("all")).denied(1205, "all GPUs are asked for and the driver has none", "fallen off the bus")
    node.create(bundle("0")).denied(1206, "GPU 0 (0000:07:00.0)")
    node.create(bundle("none")).gave(node, [], DEFAULT)

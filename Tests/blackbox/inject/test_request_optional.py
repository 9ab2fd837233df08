# SPDX-License-Identifier: Apache-2.0
"""A container that would like a GPU starts without one where the node has none to give: config.json is the same file
with the same bytes, and the log says why. What makes no sense on any node is an error nevertheless."""

import pytest
from injection import all_of, annotated, cdi_specification, environment, marker_mounts, privileged

WITHOUT = "started without a GPU, which the container asks for only if there is one: NVR"
NO_MODULE = "1401: NVIDIA kernel module is not loaded"


def softly(document):
    """The annotation that makes a request a soft one."""
    document.setdefault("annotations", {})["nvidia-runtime/optional"] = "true"


@pytest.fixture
def bare(nodes):
    """A node on which the driver's files are, and no kernel module."""
    return nodes("--no-driver")


# Where there is a GPU it is given


@pytest.mark.parametrize("value, gpus", [
    ("all,optional", [0, 1]), ("optional,all", [0, 1]), ("optional", [0, 1]), (" optional , 1 ", [1]),
    ("0,optional,0", [0]),
    ("none,optional", []), ("GPU-5171a7ed-0000-4000-8000-000000000001,optional", [1]),
])
def test_given_where_there_is_one(node, bundle, value, gpus):
    node.create_twice(bundle(value)).gave(node, gpus).not_warned()


def test_given_by_annotation(node, bundle):
    node.create_twice(bundle("1", change=softly)).gave(node, [1]).not_warned()


def test_void_is_void(node, bare, bundle):
    for one in (node, bare):
        one.create(bundle("void,optional")).untouched()
        one.create(bundle(change=softly)).untouched()
        one.create(bundle("void", change=softly)).untouched()


# Where there is none


@pytest.mark.parametrize("value", ["all,optional", "optional", "0,optional", "none,optional", "0:0,optional"])
@pytest.mark.parametrize("command", ["create", "run"])
def test_no_driver(bare, bundle, value, command):
    """As on a node with nothing but CPUs, on which the same image is to start."""
    bare.create(bundle(value), command=command).passed_over(WITHOUT, NO_MODULE)
    bare.create(bundle(value.replace("optional", "0").replace("0,0", "0"))).denied(1401)


def test_no_driver_by_annotation(bare, bundle):
    bare.create(bundle("all", change=softly)).passed_over(WITHOUT, NO_MODULE)
    for value in ("false", "True", "1", "yes", " true", ""):
        made = bundle("all", change=lambda document: document.update(annotations={"nvidia-runtime/optional": value}))
        bare.create(made).denied(1401)
    made = bundle("all", change=lambda document: document.update(annotations={"x/nvidia-runtime/optional": "true"}))
    bare.create(made).denied(1401)


CHANNELS = {
    "image": environment(CUDA_VERSION="9.0"), "engine": environment(DOCKER_RESOURCE_GPU="0"),
    "environment": environment(NVIDIA_VISIBLE_DEVICES="0"), "mounts": marker_mounts("0"),
    "annotation": annotated(a="runtime.nvidia.com/gpu=0"), "CDI": annotated(a="nvidia.com/gpu=0"),
}


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("mode", ["auto", "legacy", "cdi"])
def test_every_channel_can_ask_softly(bare, bundle, mode, channel):
    """Whatever asks, in every mode; the same in a list by the word `optional`."""
    bare.configure('accept-nvidia-visible-devices-as-volume-mounts = true\nswarm-resource = "DOCKER_RESOURCE_GPU"\n'
                   f'[nvidia-container-runtime]\nmode = "{mode}"\n')
    outcome = bare.create(bundle(change=all_of(CHANNELS[channel], softly)))
    if mode == "legacy" and channel in ("annotation", "CDI"):
        outcome.untouched()
        return
    if mode == "legacy":
        outcome = outcome.left_to_prestart()
    is_cdi = channel != "annotation" and (mode == "cdi" or channel == "CDI")
    outcome.passed_over(WITHOUT, "1501: unresolvable CDI devices" if is_cdi else NO_MODULE)
    by_word = {"engine": environment(DOCKER_RESOURCE_GPU="0,optional"), "mounts": marker_mounts("0", "optional"),
               "annotation": annotated(a="runtime.nvidia.com/gpu=0,optional"),
               "CDI": annotated(a="nvidia.com/gpu=0,optional")}
    if channel in by_word:
        outcome = bare.create(bundle(change=by_word[channel]))
        (outcome.left_to_prestart() if mode == "legacy" else outcome).passed_over(WITHOUT)


NODES = {
    # options of the node, value, error
    "no GPU": (("--gpus", "0"), "all,optional", "1205"),
    "no such GPU": ((), "2,optional", "1204"),
    "no such GPU among others": ((), "0,2,optional", "1204"),
    "lost GPU": (("--gpus", "3", "--lost", "2"), "2,optional", "1206"),
    "only lost GPUs": (("--gpus", "1", "--lost", "0"), "all,optional", "1205"),
    "several GPUs of that name": ((), "GPU-5,optional", "1207"),
    "no MIG devices": ((), "0:0,optional", "1208"),
    "no such MIG device": (("--mig", "1=2"), "1:2,optional", "1208"),
    "missing uvm": (("--missing", "nvidia-uvm", "--parameter", "ModifyDeviceFiles=0"), "0,optional", "1410"),
    "missing node": (("--missing", "nvidia0", "--parameter", "ModifyDeviceFiles=0"), "all,optional", "1406"),
    "version mismatch": (("--library-version", "565.77"), "all,optional", "1407"),
    "no MIG nodes": (
        ("--mig", "1=1", "--missing", "nvidia-caps", "--parameter", "ModifyDeviceFiles=0"), "1,optional", "1406"),
}


@pytest.mark.parametrize("kind", NODES)
def test_nodes_that_can_not_give_it(nodes, bundle, kind):
    """The error that everybody else gets is the warning, word by word."""
    options, value, id = NODES[kind]
    node = nodes(*options)
    hard = node.create(bundle(value.replace(",optional", ""))).denied(id).stderr
    outcome = node.create(bundle(value)).passed_over(WITHOUT + id)
    outcome.warned(hard.removeprefix("nvidia-runtime: ").rstrip("\n"))
    node.create(bundle(value.replace(",optional", ""), change=softly)).passed_over(WITHOUT + id)


def test_requirements_that_are_not_met(node, bundle):
    for change in (environment(NVIDIA_REQUIRE_CUDA="cuda>=99"), environment(CUDA_VERSION="99.0")):
        node.create(bundle("all,optional", change=change)).passed_over(WITHOUT + "1301: unsatisfied condition")
    node.create(bundle(change=all_of(environment(CUDA_VERSION="99.0"), softly))).passed_over(WITHOUT + "1301")


def test_imex_channels_that_are_not_there(node, bundle):
    node.create(bundle("all,optional", change=environment(NVIDIA_IMEX_CHANNELS="0"))).passed_over(WITHOUT + "1211")


def test_no_driver_root(node, bundle):
    node.configure('[nvidia-container-cli]\nroot = "/run/nvidia/driver"\n')
    node.create(bundle("all,optional")).passed_over(WITHOUT + "1404", "/run/nvidia/driver")


def test_no_libraries(nodes, bundle):
    node = nodes("--layout", "driver-container")  # of which nothing is on the host itself
    node.create(bundle("all,optional")).passed_over(WITHOUT + "1408", "libnvidia-ml.so")


@pytest.mark.parametrize("problem", ["no file", "another name", "a broken file", "a stale file", "a conflict"])
def test_cdi_devices(node, bundle, problem):
    """A specification that is missing, broken or older than the driver is the node's, too."""
    document, id = cdi_specification(node), "1501"
    if problem == "another name":
        document["devices"] = document["devices"][1:2]
    if problem == "a stale file":
        document["containerEdits"]["deviceNodes"][1]["major"] = 77
        id = "1503"
    if problem != "no file":
        path = node.write_cdi(document)
        if problem == "a broken file":
            path.write_text(path.read_text()[:-1])
        if problem == "a conflict":
            node.write_cdi(document, "other.json")
    node.create(bundle("nvidia.com/gpu=0")).denied(id)
    for value in ("nvidia.com/gpu=0,optional", "optional,nvidia.com/gpu=0"):
        node.create(bundle(value)).passed_over(WITHOUT + id)
    node.create(bundle("void", change=all_of(annotated(a="nvidia.com/gpu=0"), softly))).passed_over(WITHOUT + id)


def test_platform(node, bundle):
    """Mode csv where there is no Tegra."""
    node.configure('[nvidia-container-runtime]\nmode = "csv"\n')
    node.create(bundle("all,optional")).passed_over(WITHOUT + "1601")


# What is an error on every node


@pytest.mark.parametrize("value, change, settings, id", [
    ("x,optional", None, "", 1201), ("0,optional,$(id)", None, "", 1201), ("OPTIONAL,0", None, "", 1201),
    ("optional0", None, "", 1201), ("nvidia.com/gpu=0,0,optional", None, "", 1213),
    ("0,optional", environment(NVIDIA_DRIVER_CAPABILITIES="cuda"), "", 1202),
    ("0,optional", environment(NVIDIA_DRIVER_CAPABILITIES="video"),
     'supported-driver-capabilities = "utility"\n', 1203),
    ("0,optional", environment(NVIDIA_IMEX_CHANNELS="x"), "", 1210),
    ("0,optional", environment(NVIDIA_IMEX_CHANNELS="1048576"), "", 1210),
    ("0,optional", environment(NVIDIA_MIG_CONFIG_DEVICES="all"), "", 1212),
    ("0,optional", environment(NVIDIA_REQUIRE_CUDA="cuda!1"), "", 1302),
    ("0,optional", None, "[[[", 1151), ("0,optional", None, 'supported-driver-capabilities = "cuda"\n', 1152),
    ("0,optional", None, "[nvidia-container-runtime.policy]\nchannels = []\n", 1701),
    ("0,optional", environment(NVIDIA_DRIVER_CAPABILITIES="video"),
     '[nvidia-container-runtime.policy]\ncapabilities = "utility"\n', 1703),
], ids=str)
def test_what_stays_an_error(node, bare, bundle, value, change, settings, id):
    """Malformed requests, forbidden ones and broken settings: the container would not start on any node."""
    for one in (node, bare):
        one.configure(settings)
        one.create(bundle(value, change=change)).denied(id)
        both = all_of(*[change] if change else [], softly)
        one.create(bundle(value.replace(",optional", ""), change=both)).denied(id)


def test_hook_that_is_missing_stays_an_error(node, bare, bundle):
    """Where there is a GPU to give; elsewhere nobody needs the hook."""
    for one in (node, bare):
        one.configure('[nvidia-container-runtime-hook]\npath = "/nowhere"\n')
    node.create(bundle("0,optional")).denied(1004)
    bare.create(bundle("0,optional")).passed_over(WITHOUT, NO_MODULE)


def test_policy_on_numbers_stays_an_error(node, bundle):
    node.configure("[nvidia-container-runtime.policy]\nmax-gpus = 1\n")
    node.create(bundle("all,optional")).denied(1702)


def test_specification_that_is_dangerous_stays_an_error(node, bundle):
    node.write_cdi({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0", "containerEdits": {
        "mounts": [{"hostPath": "/etc", "containerPath": "/proc/x"}]}}]})
    node.create(bundle("nvidia.com/gpu=0,optional")).denied(1502)


def test_config_json_that_is_broken_stays_an_error(node, bundle):
    made = bundle("all,optional")
    made.config.write_bytes(made.config.read_bytes()[:-2])
    node.create(made).denied(1103)


def test_unprivileged(bare, bundle):
    """Who may not ask at all is told so, and not that there is no GPU."""
    bare.configure("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    bare.create(bundle("all,optional")).passed_over("ignored NVIDIA_VISIBLE_DEVICES")
    bare.create(bundle("all,optional", change=privileged)).passed_over(WITHOUT)

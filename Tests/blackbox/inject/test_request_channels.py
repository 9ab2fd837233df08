# SPDX-License-Identifier: Apache-2.0
"""The ways in which a container asks for GPUs: environment, image, engine, marker mounts and annotations; whom they are
open to, which of them counts, in every mode and under every name of the program (D-01 to D-09, D-12, D-16)."""

import pytest
from driver_files import ALL, DEFAULT
from injection import LEGACY, all_of, annotated, cdi_specification, environment, marker_mounts, privileged

PRIVILEGED_ONLY = "accept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
ACCEPT_MOUNTS = "accept-nvidia-visible-devices-as-volume-mounts = true\n"
SWARM = 'swarm-resource = "DOCKER_RESOURCE_GPU, DOCKER_RESOURCE_MIG"\n'
NATIVE, MODES = ["auto", "jit-cdi", "legacy"], ["auto", "jit-cdi", "legacy", "cdi", "csv"]
NAMES = {"nvidia-runtime": "auto", "nvidia-container-runtime": "auto", "nvidia-container-runtime.cdi": "cdi",
         LEGACY: "legacy"}
UUID_1 = "GPU-5171a7ed-0000-4000-8000-000000000001"


def mode(name):
    return f'[nvidia-container-runtime]\nmode = "{name}"\n'


@pytest.fixture
def node(node):
    """The usual node, with a CDI specification of its GPUs."""
    node.write_cdi(cdi_specification(node))
    return node


def gave(outcome, node, name, gpus, capabilities=DEFAULT, *, program=None):
    """What a container gets that asks for `gpus` in the mode `name`, which `program` may have chosen."""
    if name == "cdi":
        return outcome.gave_cdi(node, gpus)
    if name == "legacy":
        options = ("-handler", LEGACY) if program == LEGACY else ()
        return outcome.left_to_prestart(*options).gave(node, gpus, capabilities)
    return outcome.gave(node, gpus, capabilities)


# Environment


@pytest.mark.parametrize("command", ["create", "run"])
@pytest.mark.parametrize("name", MODES)
def test_environment_of_unprivileged_containers(node, bundle, name, command):
    """D-01, D-02: where the administrator wants it so, it counts in no mode: a warning, and a start without a GPU."""
    node.configure(PRIVILEGED_ONLY + mode(name))
    for value in ("all", "0", "none", UUID_1, "nvidia.com/gpu=0", "not a name"):
        node.create(bundle(value), command=command).passed_over("ignored NVIDIA_VISIBLE_DEVICES", "not privileged")
    for value in ("void", "", None):
        node.create(bundle(value), command=command).untouched()


@pytest.mark.parametrize("program", NAMES)
def test_environment_of_unprivileged_containers_by_name(node, bundle, program):
    """D-02"""
    node.configure(PRIVILEGED_ONLY)
    node.create(bundle("all"), program=program).passed_over("ignored NVIDIA_VISIBLE_DEVICES")
    outcome = node.create_twice(bundle("1", change=privileged), program=program)
    gave(outcome, node, NAMES[program], [1], program=program)


@pytest.mark.parametrize("command", ["create", "run"])
@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_environment_of_privileged_containers(node, bundle, name, command):
    """D-03: CAP_SYS_ADMIN in the bounding set, and nothing else, makes one; the same in every mode."""
    node.configure(PRIVILEGED_ONLY + mode(name))
    gave(node.create_twice(bundle("all", change=privileged), command=command), node, name, [0, 1]).not_warned()
    for capabilities in (
            {"effective": ["CAP_SYS_ADMIN"]}, {"bounding": ["cap_sys_admin"]}, {"bounding": ["ALL"]}, None):
        made = bundle("all", change=lambda document: document["process"].update(capabilities=capabilities))
        node.create(made, command=command).passed_over("not privileged")


def test_privilege_that_is_said_twice(node, bundle):
    """D-03: runc takes the last of two members; nobody guesses."""
    node.configure(PRIVILEGED_ONLY)
    made = bundle("all", change=privileged)
    text = made.config.read_text().replace('"bounding": [', '"bounding": [], "bounding": [', 1)
    made.config.write_text(text)
    node.create(made).denied(1103, "bounding")


@pytest.mark.parametrize("program", NAMES)
def test_names_beat_the_configured_mode(node, bundle, program):
    for configured in ("jit-cdi", "cdi", "legacy"):
        node.configure(mode(configured))
        wanted = NAMES[program] if NAMES[program] != "auto" else configured
        gave(node.create_twice(bundle("0"), program=program), node, wanted, [0], program=program)


CDI_VALUES = [
    # value in mode cdi, GPUs; nil GPUs: nothing was asked for
    ("0", [0]), ("1,0", [1, 0]), ("all", [0, 1]), (" all ", [0, 1]), ("all,none", [0, 1]), ("0,0,0", [0]),
    (UUID_1, [1]), ("nvidia.com/gpu=1", [1]), ("0,nvidia.com/gpu=1", [0, 1]), ("0,nvidia.com/gpu=0", [0]),
    ("void", None), ("", None), (",", None), ("0,void", None),
]


@pytest.mark.parametrize("value, gpus", CDI_VALUES)
def test_values_in_mode_cdi(node, bundle, value, gpus):
    """D-04: as in the others, and unqualified names are of the default kind."""
    node.configure(mode("cdi"))
    outcome = node.create_twice(bundle(value))
    outcome.untouched() if gpus is None else outcome.gave_cdi(node, gpus)


@pytest.mark.parametrize("value", ["none", "none,all", "0,none", "nvidia.com/gpu=0,none"])
@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_none_is_no_gpu_in_any_mode(node, bundle, name, value):
    """D-04, 2a9f0336: the driver's files and control nodes where there is a plan of ours, and nothing with CDI."""
    node.configure(mode(name))
    outcome = node.create_twice(bundle(value))
    if name == "cdi":
        assert outcome.is_untouched
    else:
        gave(outcome, node, name, [])


@pytest.mark.parametrize("value, id", [
    ("ALL", 1501), ("All", 1501), ("00", 1501), ("2", 1501), ("0x0", 1501), ("1e0", 1501), (UUID_1.upper(), 1501),
    ("GPU-5171a7ed", 1501), ("0:0", 1501), ("void0", 1501), ("-1", 1201), ("+1", 1201), ("\u0663", 1201),
    ("all\n", 1201),
    ("0 --foo", 1201), ("0;mode=management", 1201), ("0=1", 1201), ("../0", 1201), ("%s%n", 1201), ("$(id)", 1201),
    ("-v", 1201), ("a/b=", 1201), ("nvidia.com/gpu=../0", 1201), ("nvidia.com/gpu", 1201), ("0," * 200_000 + "/", 1201),
    ("vendor.example/x=0", 1501), ("0,vendor.example/x=0", 1501), ("x" * 200, 1501), ("x" * 1000, 1201),
    (f"MIG-{UUID_1}/0/0", 1201),
], ids=lambda value: str(value)[:20])
def test_values_that_are_refused_in_mode_cdi(node, bundle, value, id):
    """D-04, D-12: what is no name, and what no specification has; never all."""
    node.configure(mode("cdi"))
    node.create(bundle(value)).denied(id)


@pytest.mark.parametrize("entries, gpus", [
    (["NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES=all"], [0, 1]),
    (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=1"], [1]),
    (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=void"], None),
    (["NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES"], [0]), (["NVIDIA_VISIBLE_DEVICES"], None),
    (["NVIDIA_VISIBLE_DEVICES =all"], None),
])
def test_the_last_variable_counts_in_mode_cdi(node, bundle, entries, gpus):
    """D-05: test_inject_content.py has it for the other modes."""
    node.configure(mode("cdi"))
    outcome = node.create(bundle(change=lambda document: document["process"]["env"].extend(entries)))
    if gpus is None:
        outcome.untouched()
    else:
        wanted = {"/dev/nvidiactl", "/dev/nvidia-uvm"} | {f"/dev/nvidia{index}" for index in gpus}
        assert outcome.passed().devices().keys() == wanted


@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_capabilities_are_read_in_every_mode(node, bundle, name):
    """D-13: a word that is none is an error also where the capabilities have no effect."""
    node.configure(mode(name))
    node.create(bundle("0", "cuda")).denied(1202, '"cuda"')
    if name != "cdi":
        gave(node.create_twice(bundle("0", "utility")), node, name, [0], ("utility",))


# Images


@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_images_older_than_the_variables(node, bundle, name):
    """D-06: they ask by CUDA_VERSION alone, for all GPUs with all capabilities."""
    node.configure(mode(name))
    old = environment(CUDA_VERSION="9.0.176")
    gave(node.create_twice(bundle(change=old)), node, name, [0, 1], ALL)
    gave(node.create_twice(bundle("1", change=old)), node, name, [1])
    node.create(bundle("void", change=old)).untouched()
    node.create(bundle("", change=old)).untouched()
    newer = environment(CUDA_VERSION="9.0.176", NVIDIA_REQUIRE_CUDA="cuda>=9.0")
    node.create(bundle(change=newer)).untouched()
    if name != "cdi":
        given = environment(CUDA_VERSION="9.0.176", NVIDIA_DRIVER_CAPABILITIES="")
        gave(node.create_twice(bundle(change=given)), node, name, [0, 1])


@pytest.mark.parametrize("name", MODES)
def test_images_in_unprivileged_containers(node, bundle, name):
    """D-06: an image's silence is no better than its variable."""
    node.configure(PRIVILEGED_ONLY + mode(name))
    node.create(bundle(change=environment(CUDA_VERSION="9.0"))).passed_over("ignored CUDA_VERSION of the image")


# The engine's variables


@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_swarm_resources(node, bundle, name):
    """D-16: they stand for the variable, in the order of the setting, and do not add to it."""
    node.configure(SWARM + mode(name))
    for variables, gpus in (
            ({"DOCKER_RESOURCE_GPU": "1"}, [1]), ({"NVIDIA_VISIBLE_DEVICES": "all", "DOCKER_RESOURCE_GPU": "1"}, [1]),
            ({"DOCKER_RESOURCE_MIG": "0", "DOCKER_RESOURCE_GPU": "1"}, [1, 0]), ({"NVIDIA_VISIBLE_DEVICES": "0"}, [0]),
            ({"DOCKER_RESOURCE_MIG": "0", "NVIDIA_VISIBLE_DEVICES": "void"}, [0]),
            ({"DOCKER_RESOURCE_GPU": "", "NVIDIA_VISIBLE_DEVICES": "all"}, None),
            ({"DOCKER_RESOURCE_GPU": "void"}, None),
            ({"DOCKER_RESOURCE_GPU": "0", "CUDA_VERSION": "9.0"}, [0])):
        made = bundle(change=environment(**variables))
        if gpus is None:
            node.create(made).untouched()
        elif name == "cdi":  # which changes only the one variable that its specification names
            wanted = {"/dev/nvidiactl", "/dev/nvidia-uvm"} | {f"/dev/nvidia{index}" for index in gpus}
            assert node.create_twice(made).devices().keys() == wanted
        else:
            gave(node.create_twice(made), node, name, gpus)


def test_swarm_resources_by_default_and_unprivileged(node, bundle):
    """D-16, D-01"""
    node.create(bundle(change=environment(DOCKER_RESOURCE_GPU="0"))).untouched()
    node.configure(PRIVILEGED_ONLY + SWARM)
    node.create(bundle(change=environment(DOCKER_RESOURCE_GPU="0"))).passed_over("ignored DOCKER_RESOURCE_GPU")


# Marker mounts


@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_marker_mounts(node, bundle, name):
    """D-07: where they are accepted they count before the environment, whatever the privilege; elsewhere not at all."""
    one = marker_mounts("1")
    node.configure(mode(name))
    node.create(bundle(change=one)).untouched()
    gave(node.create_twice(bundle("0", change=one)), node, name, [0])
    for text in (ACCEPT_MOUNTS, ACCEPT_MOUNTS + PRIVILEGED_ONLY):
        node.configure(text + mode(name))
        for value in (None, "0", "all", "void", "none", "/var/run/nvidia-container-devices"):
            outcome = node.create_twice(bundle(value, change=one)).not_warned()
            if name == "cdi" and value is None:  # where the specification sets a variable, it is another one here
                assert outcome.devices().keys() == {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1"}
            else:
                gave(outcome, node, name, [1])
    node.create(bundle()).untouched()


@pytest.mark.parametrize("names, gpus", [
    (["0", "1"], [0, 1]), (["1", "0", "1"], [0, 1]), (["all"], [0, 1]), (["none"], []), (["void"], None),
    ([UUID_1], [1]), ([UUID_1[:12] + "/"], 1207), (["0/"], [0]), (["2"], 1204), (["0", "2"], 1204), (["x"], 1201),
    (["0 --foo"], 1201), (["$(id)"], 1201), (["../0"], 1201), (["0/../1"], 1201), (["%s%n"], 1201), (["-v"], 1201),
    (["all", "x"], [0, 1]), ([""], None), (["imex/0"], None), (["cdi/nvidia.com/gpu"], 1201), (["cdi/"], 1201),
    (["\u03010"], 1201), (["0\u0301"], 1201), (["/0"], 1201), (["\x1b[2J"], 1201),
], ids=str)
def test_names_of_marker_mounts(node, bundle, names, gpus):
    """D-04, D-12: the same names and the same refusals as in the environment."""
    node.configure(ACCEPT_MOUNTS)
    made = bundle(change=marker_mounts(*names))
    if gpus is None:
        node.create(made).untouched()
    elif isinstance(gpus, int):
        node.create(made).denied(gpus)
    else:
        node.create_twice(made).gave(node, gpus)


@pytest.mark.parametrize(
    "names", [["cdi/nvidia.com/gpu/1"], ["cdi/nvidia.com/gpu=1"], ["cdi/nvidia.com/gpu/1/"]], ids=str)
@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_cdi_names_of_marker_mounts(node, bundle, name, names):
    """They name CDI devices in every mode, which only a low-level runtime can give."""
    node.configure(ACCEPT_MOUNTS + mode(name))
    outcome = node.create_twice(bundle("0", change=marker_mounts(*names)))
    if name == "legacy":
        outcome.left_to_prestart().denied(1813)
    else:
        outcome.gave_cdi(node, [1])


IMPOSTORS = {
    "another folder": marker_mounts("0", folder="/var/run/nvidia-container-devices-evil"),
    "no boundary": marker_mounts("0", folder="/var/run/nvidia-container-devicesX"),
    "by ..": marker_mounts("0", folder="/var/run/x/../nvidia-container-devices"),
    "by a dot": marker_mounts("0", folder="/var/run/./nvidia-container-devices"),
    "doubled slashes": marker_mounts("0", folder="//var//run/nvidia-container-devices"),
    "by /run": marker_mounts("0", folder="/run/nvidia-container-devices"),
    "relative": marker_mounts("0", folder="var/run/nvidia-container-devices"),
    "an accent on the folder": marker_mounts("0", folder="/var/run/nvidia-container-devices\u0301"),
    "the folder itself": marker_mounts("", folder="/var/run/nvidia-container-devices"),
    "source with a slash more": marker_mounts("0", source="/dev//null"),
    "source by ..": marker_mounts("0", source="/dev/../dev/null"),
    "source a link to /dev/null": marker_mounts("0", source="/dev/nothing"),
    "source another device": marker_mounts("0", source="/dev/zero"),
    "source of the user": marker_mounts("0", source="/tmp/null"),
    "no source": marker_mounts("0", source=""),
    "tmpfs": marker_mounts("0", type="tmpfs"),
    "tmpfs without options": marker_mounts("0", type="tmpfs", options=[]),
    "no type, and not a bind mount": marker_mounts("0", type="", options=["ro"]),
}


@pytest.fixture
def link_to_null(node):
    path = node.path("/dev/nothing")
    path.symlink_to("null")
    yield
    path.unlink()


@pytest.mark.parametrize("kind", IMPOSTORS)
@pytest.mark.parametrize("name", ["auto", "cdi"])
def test_mounts_that_are_no_markers(node, link_to_null, bundle, name, kind):
    """D-08: other spellings, other folders, other sources: what a user could mount too. The environment counts then."""
    node.configure(ACCEPT_MOUNTS + mode(name))
    node.create(bundle(change=IMPOSTORS[kind])).untouched()
    gave(node.create(bundle("1", change=IMPOSTORS[kind])), node, name, [1])


@pytest.mark.parametrize("type, options", [
    ("bind", ["rbind", "rprivate"]), ("bind", []), ("bind", ["ro"]), ("", ["rbind"]), ("none", ["bind", "ro"]),
])
def test_markers_as_engines_write_them(node, bundle, type, options):
    """D-07: containerd and Docker write the type, podman not always."""
    node.configure(ACCEPT_MOUNTS)
    node.create_twice(bundle(change=marker_mounts("1", type=type, options=options))).gave(node, [1])


# Annotations


@pytest.mark.parametrize("name, counts", [
    ("auto", True), ("cdi", True), ("jit-cdi", False), ("legacy", False), ("csv", False),
])
def test_annotations(node, bundle, name, counts):
    """D-09: of qualified names, in the modes that have CDI devices; privileged or not, and before all else."""
    by_annotation = annotated(plugin="nvidia.com/gpu=1")
    for text in ("", PRIVILEGED_ONLY, ACCEPT_MOUNTS):
        node.configure(text + mode(name))
        outcome = node.create_twice(bundle("void", change=by_annotation))
        outcome.gave_cdi(node, [1]) if counts else outcome.untouched()
        if counts:
            both = all_of(by_annotation, marker_mounts("0"))
            node.create_twice(bundle("all", change=both)).gave_cdi(node, [1]).not_warned()
    if not counts and name != "csv":
        node.configure(mode(name))
        gave(node.create(bundle("0", change=by_annotation)), node, name, [0])


@pytest.mark.parametrize("annotations, gpus", [
    ({"a": "nvidia.com/gpu=1"}, [1]), ({"b": "nvidia.com/gpu=0", "a": "nvidia.com/gpu=1"}, [1, 0]),
    ({"a": "nvidia.com/gpu=0,nvidia.com/gpu=1"}, [0, 1]), ({"a": " nvidia.com/gpu=0 , nvidia.com/gpu=0"}, [0]),
    ({"a": "nvidia.com/gpu=all"}, [0, 1]), ({"a": "nvidia.com/gpu=2"}, 1501), ({"a": ""}, None), ({"a": "void"}, None),
    ({"a": "0"}, None), ({"a": "all"}, None), ({"a": "nvidia.com/gpu=0,1"}, None), ({"a": "nvidia.com/gpu=../0"}, None),
    ({"a": "runtime.nvidia.com/gpu=0,nvidia.com/gpu=0"}, 1213), ({"a": "$(id)"}, None),
], ids=str)
def test_values_of_annotations(node, bundle, annotations, gpus):
    """D-09, D-12, CVE-2026-53492: in mode auto only a list of qualified names is a request; any other is not ours."""
    made = bundle("void", change=annotated(**annotations))
    if gpus is None:
        node.create(made).untouched()
    elif isinstance(gpus, int):
        node.create(made).denied(gpus)
    else:
        node.create_twice(made).gave_cdi(node, gpus)


@pytest.mark.parametrize("annotations, gpus", [
    ({"a": "1"}, [1]), ({"a": "all"}, [0, 1]), ({"a": "nvidia.com/gpu=0,1"}, [0, 1]), ({"a": "$(id)"}, 1201),
    ({"a": "0;mode=management"}, 1201), ({"a": "2"}, 1501), ({"a": "0", "b": "1"}, [0, 1]),
], ids=str)
def test_values_of_annotations_in_mode_cdi(node, bundle, annotations, gpus):
    node.configure(mode("cdi"))
    made = bundle("void", change=annotated(**annotations))
    if isinstance(gpus, int):
        node.create(made).denied(gpus)
    else:
        node.create_twice(made).gave_cdi(node, gpus)


def test_none_by_annotation(node, bundle):
    """It is what was asked for, so that the environment does not count."""
    node.configure(mode("cdi"))
    assert node.create(bundle("all", change=annotated(a="none"))).passed().is_untouched


@pytest.mark.parametrize("prefixes, key, counts", [
    ('["prefix/"]', "prefix/x", True), ('["prefix/"]', "cdi.k8s.io/x", False), ('[]', "cdi.k8s.io/x", False),
    ('[""]', "cdi.k8s.io/x", False), ('["a/", "b/"]', "b/x", True), ('["cdi.k8s.io/"]', "xcdi.k8s.io/x", False),
    ('["cdi.k8s.io/"]', "CDI.k8s.io/x", False), ('["cdi.k8s.io/x"]', "cdi.k8s.io/x", True),
])
def test_prefixes_of_annotations(node, bundle, prefixes, key, counts):
    """D-09: only those that the administrator configured."""
    node.configure(f"[nvidia-container-runtime.modes.cdi]\nannotation-prefixes = {prefixes}\n")
    made = bundle("void", change=lambda document: document.update(annotations={key: "nvidia.com/gpu=1"}))
    outcome = node.create_twice(made)
    outcome.gave_cdi(node, [1]) if counts else outcome.untouched()


# CDI names and GPUs of the node


@pytest.mark.parametrize("name", [*NATIVE, "cdi"])
def test_qualified_names_in_every_mode(node, bundle, name):
    """They mean CDI devices everywhere; those of the automatic kind mean the node's GPUs."""
    node.configure(mode(name))
    outcome = node.create_twice(bundle("nvidia.com/gpu=1"))
    if name == "legacy":
        outcome.left_to_prestart().denied(1813, "--runtime=nvidia")
    else:
        outcome.gave_cdi(node, [1])
    for value, gpus in (("runtime.nvidia.com/gpu=1", [1]), ("runtime.nvidia.com/gpu=all", [0, 1]),
                        ("runtime.nvidia.com/gpu=1,runtime.nvidia.com/gpu=0", [0, 1]),
                        ("runtime.nvidia.com/gpu=none", [])):
        gave(node.create_twice(bundle(value)), node, "auto" if name == "cdi" else name, gpus)
    node.create(bundle("runtime.nvidia.com/gpu=0,nvidia.com/gpu=1")).denied(1213, "runtime.nvidia.com")
    outcome = node.create(bundle("runtime.nvidia.com/gpu=7"))
    (outcome.left_to_prestart() if name == "legacy" else outcome).denied(1204, 'there is no GPU "7"')
    if name != "cdi":
        node.create(bundle("nvidia.com/gpu=0,1")).denied(1213)

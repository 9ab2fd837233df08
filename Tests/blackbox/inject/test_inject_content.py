# SPDX-License-Identifier: Apache-2.0
"""What a container is given: devices, what it may do with them, mounts, the hook and groups; nothing else (I5)."""

import driver_files
import pytest
from injection import FILE_OPTIONS, LEGACY

SOCKETS = ("persistenced", "fabricmanager")
UUID_0, UUID_1 = "GPU-5171a7ed-0000-4000-8000-000000000000", "GPU-5171a7ed-0000-4000-8000-000000000001"

SELECTIONS = [
    # value of NVIDIA_VISIBLE_DEVICES, GPUs in the order of their devices
    ("all", [0, 1]), (" all ", [0, 1]), ("all,none", [0, 1]), ("none", []), ("none,all", []), ("0,none", []),
    ("0", [0]), ("1", [1]), ("00", [0]), (" 1 ", [1]), ("0,1", [0, 1]), ("1,0", [1, 0]), ("0,,1,", [0, 1]),
    ("0,0", [0]), ("0,0,0", [0]), (f"0,{UUID_0}", [0]), (UUID_0, [0]), (UUID_1, [1]), (f"{UUID_1},{UUID_0}", [1, 0]),
    (UUID_1.replace("ed", "ED"), [1]), (f"{UUID_1},1", [1]),
]


@pytest.mark.parametrize("value, indices", SELECTIONS)
def test_devices_of_a_selection(node, bundle, value, indices):
    """D-04, D-15: exactly these GPUs, the control nodes, and rules for their numbers alone."""
    outcome = node.create(bundle(value)).passed()
    control = node.numbers("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
    assert outcome.devices() == control | node.numbers(*(f"/dev/nvidia{index}" for index in indices))
    assert driver_files.kinds(outcome.mounts()) == driver_files.expected(driver_files.DEFAULT, SOCKETS)
    info, = [entry for entry in outcome.log if entry["level"] == "info"]
    assert info["gpus"] == [(UUID_0, UUID_1)[index] for index in indices]


@pytest.mark.parametrize("value", ["void", "", ",", " , ", "0,void", "void,all", None])
def test_no_gpu_asked(node, bundle, value):
    """D-04: nothing at all happens."""
    node.create(bundle(value)).untouched()


@pytest.mark.parametrize("entries, indices", [
    (["NVIDIA_VISIBLE_DEVICES=void", "NVIDIA_VISIBLE_DEVICES=all"], [0, 1]),
    (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=1"], [1]),
    (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES=void"], None),
    (["NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_VISIBLE_DEVICES="], None),
    (["NVIDIA_VISIBLE_DEVICES=0", "NVIDIA_VISIBLE_DEVICES"], [0]),
    (["NVIDIA_VISIBLE_DEVICES"], None),
    (["NVIDIA_VISIBLE_DEVICES =all"], None),
    (["XNVIDIA_VISIBLE_DEVICES=all"], None),
    (["nvidia_visible_devices=all"], None),
])
def test_the_last_variable_counts(node, bundle, entries, indices):
    """D-05: as it does for the process in the container."""
    outcome = node.create(bundle(change=lambda document: document["process"]["env"].extend(entries)))
    if indices is None:
        outcome.untouched()
    else:
        gpus = {path for path in outcome.passed().devices() if path[11:].isdigit()}
        assert gpus == {f"/dev/nvidia{index}" for index in indices}


CAPABILITIES = [
    # value of NVIDIA_DRIVER_CAPABILITIES, capabilities
    (None, driver_files.DEFAULT), ("", driver_files.DEFAULT), (" , ", driver_files.DEFAULT), ("utility", ("utility",)),
    ("compute", ("compute",)), ("video", ("video",)), ("graphics", ("graphics",)), ("display", ("display",)),
    ("ngx", ("ngx",)), ("compat32", ("compat32",)), ("compute, graphics", ("compute", "graphics")),
    ("utility,utility", ("utility",)), ("compute,utility", ("compute", "utility")), ("all", driver_files.ALL),
    ("utility,all", driver_files.ALL),
]


@pytest.mark.parametrize("value, capabilities", CAPABILITIES)
def test_content_of_a_capability(node, bundle, value, capabilities):
    """D-13, D-15."""
    outcome = node.create(bundle("1", value)).passed()
    assert outcome.devices() == node.numbers(*driver_files.devices(node, capabilities, node.gpus[1:]))
    mounts = outcome.mounts()
    assert driver_files.kinds(mounts) == driver_files.expected(capabilities, SOCKETS)
    for destination, source in mounts.items():
        assert node.run("test", "-e", source).returncode == 0, source
        if "/vulkan/" not in destination and "/firmware/" not in destination:
            assert destination == source


def test_compat32(nodes, bundle):
    """32-bit libraries come with compat32, and only those of the other capabilities."""
    node = nodes("--compat32", "--gpus", "1")
    with_32 = {"libcuda", "libnvidia-opencl", "libnvidia-gpucomp", "libnvidia-ptxjitcompiler", "libnvidia-allocator",
               "libnvidia-nvvm", "libnvidia-ml"}
    for value, libraries in (("utility,compute,compat32", with_32), ("utility,compute", set()), ("compat32", set())):
        outcome = node.create(bundle("0", value)).passed()
        assert driver_files.kinds(outcome.mounts())["libraries32"] == libraries
        if value != "compat32":  # which alone has no library, and so no hook
            assert len([word for word in outcome.hook() if word.startswith("compat32:")]) == len(libraries)


@pytest.mark.parametrize("supported, value, capabilities", [
    ("compute,utility", "all", ("compute", "utility")), ("utility", "", ("utility",)), ("video", "video", ("video",)),
])
def test_capabilities_that_the_administrator_supports(node, bundle, supported, value, capabilities):
    """D-13"""
    node.configure(f'supported-driver-capabilities = "{supported}"\n')
    outcome = node.create(bundle("0", value)).passed()
    assert driver_files.kinds(outcome.mounts()) == driver_files.expected(capabilities, SOCKETS)


@pytest.mark.attack("E-01")
def test_hook(node, bundle):
    """E-01: one hook, with its own environment; it is told of every library mounted, and of the links beside them."""
    outcome = node.create(bundle("0")).passed()
    first, *words = outcome.hook()
    assert first == "--disable-device-node-modification"
    options, values = words[::2], words[1::2]
    assert set(options) == {"--library", "--link", "--cuda-compat-root", "--cuda-compat-driver"}
    assert values[options.index("--cuda-compat-root")] == "/usr/local/cuda/compat"
    assert values[options.index("--cuda-compat-driver")] == "570.86.15"
    fields = [value.split(":") for option, value in zip(options, values) if option == "--library"]
    libraries = {path: name for kind, name, path in fields if kind == "native"}
    assert set(libraries) == {path for path in outcome.mounts() if ".so." in path}
    assert libraries["/usr/lib/x86_64-linux-gnu/libcuda.so.570.86.15"] == "libcuda.so.1"
    links = dict(reversed(value.split("::")) for option, value in zip(options, values) if option == "--link")
    assert links["/usr/lib/x86_64-linux-gnu/libcuda.so"] == "libcuda.so.1"


def test_forward_compatibility(nodes, bundle):
    """The hook chooses between the driver's CUDA and the image's where GPUs, capabilities and settings leave a choice."""
    cases = [
        ("0", "compute", "", True), ("0", "utility", "", False), ("none", "compute", "", False),
        ("0", "compute", "[features]\ndisable-cuda-compat-lib-hook = true\n", False),
        ("0", "compute", '[nvidia-container-runtime.modes.jit-cdi]\nnvcdi-disable-hooks = ["enable-cuda-compat"]\n', False),
        ("0", "compute", '[nvidia-container-runtime.modes.legacy]\ncuda-compat-mode = "disabled"\n', True),
    ]
    for devices, capabilities, config, chooses in cases:
        node = nodes()
        node.configure(config)
        words = node.create(bundle(devices, capabilities)).passed().hook()
        assert ("--cuda-compat-driver" in words) == chooses, (devices, capabilities, config)
    # CUDA refuses it on GPUs for games.
    assert "--cuda-compat-driver" not in nodes("--model", "NVIDIA GeForce RTX 4090").create(bundle("0")).passed().hook()


def test_hook_of_an_old_engine(node, bundle):
    """A specification from before createContainer gets a prestart hook, which its runtime knows."""
    for version, stage in (("1.0.0", "prestart"), ("1.0.1", "prestart"), ("1.0.2", "createContainer"),
                           ("1.0.2-dev", "createContainer"), ("1.2.1", "createContainer")):
        made = bundle("0", change=lambda document: document.update(ociVersion=version))
        hooks = node.create(made).passed().spec["hooks"]
        assert list(hooks) == [stage] and len(hooks[stage]) == 1
        assert hooks[stage][0]["env"] and hooks[stage][0]["timeout"] > 0


def test_group_of_the_nodes(nodes, bundle):
    """Where the nodes are not for everyone, the container's user is put in their group."""
    node = nodes("--mode", "0660", "--group", "44")

    def user(groups):
        return lambda document: document["process"].update(user={"uid": 1000, "gid": 1000, **groups})

    for groups, wanted in (({}, [44]), ({"additionalGids": [10]}, [10, 44]), ({"additionalGids": [44, 5]}, [44, 5])):
        outcome = node.create(bundle("0", change=user(groups))).passed()
        assert outcome.spec["process"]["user"] == {"uid": 1000, "gid": 1000, "additionalGids": wanted}
        own = [device for device in outcome.added("linux", "devices") if device["path"].startswith("/dev/nvidia")]
        assert {(device["fileMode"], device["uid"], device["gid"]) for device in own} == {(0o660, 0, 44)}
    node.configure("[features]\nno-additional-gids-for-device-nodes = true\n")
    outcome = node.create(bundle("0", change=user({}))).passed()
    assert outcome.spec["process"]["user"] == {"uid": 1000, "gid": 1000}


def test_no_group_where_everyone_may(node, bundle):
    outcome = node.create(bundle("0", "all")).passed()
    assert outcome.spec["process"]["user"] == {"uid": 0, "gid": 0}
    assert {device["fileMode"] for device in outcome.added("linux", "devices") if "nvidia" in device["path"]} == {0o666}


def test_the_rest_is_as_it_was(node, bundle):
    """Only four members change: no environment, no namespace, no mask, no capability of the process."""
    outcome = node.create(bundle("all", "all")).passed()
    old, new = outcome.old, outcome.spec
    outcome.devices(), outcome.mounts(), outcome.hook()
    del new["hooks"], new["mounts"], old["mounts"], new["linux"]["devices"]
    del new["linux"]["resources"]["devices"], old["linux"]["resources"]["devices"]
    assert new == old


@pytest.mark.parametrize("name", ["nvidia-container-runtime", LEGACY, "nvidia-runtime"])
def test_names_of_the_program(node, bundle, name):
    """All names inject; the legacy one leaves it to the prestart hook."""
    path = node.path(f"/usr/local/bin/{name}")
    path.unlink(missing_ok=True)
    path.symlink_to("/usr/bin/nvidia-runtime")
    node.configure('[nvidia-container-runtime-hook]\npath = "/usr/bin/nvidia-runtime-hook"\n')
    outcome = node.create(bundle("0"), program=f"/usr/local/bin/{name}").passed()
    if name == LEGACY:
        outcome.left_to_prestart("-handler", LEGACY).gave(node, [0])
    else:
        outcome.gave(node, [0])


def test_settings_elsewhere(node, bundle):
    """The prestart hook of mode legacy reads the same settings as the runtime that left it."""
    path = node.path("/etc/elsewhere.toml")
    path.write_text('supported-driver-capabilities = "utility"\n[nvidia-container-runtime]\nmode = "legacy"\n')
    outcome = node.create_twice(bundle("0", "all"), env={"NVIDIA_CTK_CONFIG_FILE_PATH": "/etc/elsewhere.toml"})
    decision = outcome.left_to_prestart("-config", "/etc/elsewhere.toml")
    path.unlink()
    decision.gave(node, [0], ("utility",))
    node.decide(outcome.bundle, outcome.spec["hooks"]["prestart"][0]).denied(1151, "/etc/elsewhere.toml")


def stages(bundle):
    """The stages at which a bundle has hooks."""
    return [stage for stage, hooks in bundle.spec["hooks"].items() if hooks]


def test_engine_that_has_added_the_hook(node, bundle):
    """Docker's --gpus and hooks.d add it by themselves: once is enough, and in the other modes it goes."""
    for path in ("/usr/bin/nvidia-container-runtime-hook", "/opt/nvidia-container-toolkit"):
        engines = {"prestart": [{"path": path, "args": [path, "prestart"]}], "poststop": [{"path": "/bin/true"}]}
        made = bundle("0", change=lambda document: document.update(hooks=engines))
        assert node.create(made, program=LEGACY).passed().is_untouched
        node.create(made).passed()
        assert stages(made) == ["poststop", "createContainer"]


@pytest.mark.parametrize("first, then", [(LEGACY, "nvidia-runtime"), ("nvidia-runtime", LEGACY)])
def test_bundle_from_another_mode(node, bundle, first, then):
    """A bundle that was started in another mode has one hook, and not both."""
    made = bundle("0")
    node.create(made, program=first).passed()
    node.create_twice(made, program=then)
    assert stages(made) == ["prestart" if then == LEGACY else "createContainer"]


@pytest.mark.parametrize("command", ["create", "run"])
def test_commands(node, bundle, command):
    outcome = node.create(bundle("0"), command=command).passed()
    assert outcome.record.arguments[5] == command.encode()
    assert "/dev/nvidia0" in outcome.devices()
    assert FILE_OPTIONS in [mount["options"] for mount in outcome.added("mounts")]




ADMIN = ["CAP_KILL", "CAP_SYS_ADMIN"]


@pytest.mark.parametrize("capabilities, is_privileged", [
    ({"bounding": ADMIN}, True), ({"bounding": ADMIN, "effective": []}, True), ({"bounding": []}, False), ({}, False),
    (None, False), ({"effective": ADMIN, "permitted": ADMIN}, False), ({"ambient": ADMIN, "inheritable": ADMIN}, False),
    ({"bounding": ["cap_sys_admin"]}, False), ({"bounding": ["CAP_SYS_ADMIN "]}, False), ({"bounding": None}, False),
    ({"bounding": ["CAP_SYS_ADMINS", "SYS_ADMIN"]}, False),
])
@pytest.mark.parametrize("command", ["create", "run"])
def test_unprivileged(node, bundle, capabilities, is_privileged, command):
    """D-01, D-02, D-03: if the administrator wants it so, only who has CAP_SYS_ADMIN gets a GPU by the environment; the
    others are started without."""
    def change(document):
        document["process"]["capabilities"] = capabilities

    node.configure("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    for devices in ("0", "all", "none"):
        outcome = node.create(bundle(devices, change=change), command=command).passed()
        assert outcome.is_untouched == (not is_privileged)
        if not is_privileged:
            warning, = outcome.log
            assert warning["level"] == "warning" and "ignored NVIDIA_VISIBLE_DEVICES" in warning["msg"]
    node.configure("")
    assert "/dev/nvidia0" in node.create(bundle("0", change=change), command=command).passed().devices()

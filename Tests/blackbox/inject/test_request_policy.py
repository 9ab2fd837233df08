# SPDX-License-Identifier: Apache-2.0
"""The administrator's policy, `[nvidia-container-runtime.policy]` of config.toml: each key, refused and ignored, and by
the name that the runtime is called by."""

import pytest
from driver_files import DEFAULT
from injection import LEGACY, all_of, annotated, cdi_specification, environment, marker_mounts, privileged

BEFORE = 'accept-nvidia-visible-devices-as-volume-mounts = true\nswarm-resource = "DOCKER_RESOURCE_GPU"\n'
IGNORE = 'on-violation = "ignore"\n'
# Each channel: its name in the settings, how a container asks for GPU 1 by it, and what errors and warnings call it.
CHANNELS = {
    "image": (environment(CUDA_VERSION="9.0", NVIDIA_DRIVER_CAPABILITIES=""), "CUDA_VERSION of the image"),
    "environment": (environment(NVIDIA_VISIBLE_DEVICES="1"), "NVIDIA_VISIBLE_DEVICES"),
    "engine-environment": (environment(DOCKER_RESOURCE_GPU="1"), "DOCKER_RESOURCE_GPU"),
    "volume-mounts": (marker_mounts("1"), "a mount below /var/run/nvidia-container-devices"),
    "annotations": (annotated(a="runtime.nvidia.com/gpu=1"), "the annotation cdi.k8s.io/a"),
}


def policy(*lines, handler=None):
    table = "" if handler is None else f'.handlers."{handler}"'
    return f"[nvidia-container-runtime.policy{table}]\n" + "".join(line.rstrip() + "\n" for line in lines)


def gpus_of(channel):
    return [0, 1] if channel == "image" else [1]


# channels


@pytest.mark.parametrize("channel", CHANNELS)
def test_channels(node, bundle, channel):
    """One is open: those who ask by another are refused or started without a GPU, privileged or not."""
    others = [name for name in CHANNELS if name != channel]
    for on_violation in ("", IGNORE):
        node.configure(BEFORE + policy(f'channels = ["{channel}"]', on_violation))
        for name in others:
            change, called = CHANNELS[name]
            for made in (bundle(change=change), bundle(change=all_of(change, privileged))):
                outcome = node.create(made)
                if on_violation:
                    outcome.passed_over(f"ignored {called}: ", "policy.channels")
                else:
                    outcome.denied(1701, f"{called} may not ask for GPUs on this node", "policy.channels")
        made = bundle(change=CHANNELS[channel][0])
        node.create_twice(made).gave(node, gpus_of(channel)).not_warned()
        node.create(bundle("void")).untouched()
    closed = ", ".join(f'"{name}"' for name in others)
    node.configure(BEFORE + policy(f"channels = [{closed}]"))
    node.create(bundle(change=CHANNELS[channel][0])).denied(1701, CHANNELS[channel][1])


def test_no_channel(node, bundle):
    node.configure(BEFORE + policy("channels = []"))
    for change, called in CHANNELS.values():
        node.create(bundle(change=change)).denied(1701, called)
    node.create(bundle()).untouched()


def test_the_next_channel_counts_where_one_is_ignored(node, bundle):
    """What may not be asked is as if it had not been."""
    node.configure(BEFORE + policy('channels = ["environment"]', IGNORE))
    both = all_of(CHANNELS["annotations"][0], marker_mounts("0"), environment(NVIDIA_VISIBLE_DEVICES="1"))
    outcome = node.create_twice(bundle(change=both)).gave(node, [1])
    warnings = [entry["msg"] for entry in outcome.log if entry["level"] == "warning"]
    assert [warning.split(": ")[0] for warning in warnings] == [
        "ignored the annotation cdi.k8s.io/a", "ignored a mount below /var/run/nvidia-container-devices"]
    node.configure(BEFORE + policy('channels = ["environment"]'))
    node.create(bundle(change=both)).denied(1701, "the annotation cdi.k8s.io/a")


def test_the_setting_of_privilege_comes_first(node, bundle):
    node.configure("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n" + policy("channels = []"))
    node.create(bundle("0")).passed_over("ignored NVIDIA_VISIBLE_DEVICES", "not privileged")
    node.create(bundle("0", change=privileged)).denied(1701)


# max-gpus


@pytest.mark.parametrize("limit, value, count", [
    (1, "0", 1), (1, "all", 2), (1, "0,1", 2), (1, "0,0", 1), (2, "all", 2), (0, "0", 1), (0, "none", 0),
    (1000, "all", 2),
])
def test_number_of_gpus(node, bundle, limit, value, count):
    for on_violation in ("", IGNORE):
        node.configure(policy(f"max-gpus = {limit}", on_violation))
        outcome = node.create(bundle(value))
        words = f"the container would get {count} GPUs, and the policy allows {limit}"
        if count <= limit:
            outcome.gave(node, {"all": [0, 1], "none": []}.get(value, [0])).not_warned()
        elif on_violation:
            outcome.passed_over("ignored NVIDIA_VISIBLE_DEVICES", words)
        else:
            outcome.denied(1702, words, "policy.max-gpus")


@pytest.mark.parametrize("value, count", [
    ("0", 1), ("1", 1), ("1:0", 1), ("1:0,1:1", 2), ("1,1:0", 1), ("1:0,0", 2), ("all", 2), ("1:0,1:1,1:2", 3),
])
def test_number_of_mig_devices(nodes, bundle, value, count):
    """A part of a GPU counts as one; a whole GPU counts as one with all of its parts."""
    node = nodes("--mig", "1=3")
    for limit in range(4):
        node.configure(policy(f"max-gpus = {limit}"))
        outcome = node.create(bundle(value))
        outcome.passed() if count <= limit else outcome.denied(1702, f"would get {count} GPUs")


@pytest.mark.parametrize("value, count", [
    ("nvidia.com/gpu=0", 1), ("nvidia.com/gpu=0,nvidia.com/gpu=0", 1), ("nvidia.com/gpu=0,nvidia.com/gpu=1", 2),
    ("nvidia.com/gpu=all", 2), ("nvidia.com/all=everything", 2),
])
@pytest.mark.parametrize("channel", ["environment", "annotation", "mounts"])
def test_number_of_cdi_devices(node, bundle, channel, value, count):
    """One name may stand for many GPUs: their nodes are counted."""
    specification = cdi_specification(node)
    node.write_cdi(specification)
    everything = specification["devices"][-1] | {"name": "everything"}
    node.write_cdi(specification | {"kind": "nvidia.com/all", "devices": [everything]}, "all.json")
    change = {"environment": environment(NVIDIA_VISIBLE_DEVICES=value), "annotation": annotated(a=value),
              "mounts": marker_mounts(*(f"cdi/{name}" for name in value.split(",")))}[channel]
    for limit in range(3):
        for on_violation in ("", IGNORE):
            node.configure(BEFORE + policy(f"max-gpus = {limit}", on_violation))
            outcome = node.create(bundle(change=change))
            if count <= limit:
                outcome.passed().not_warned()
                assert "/dev/nvidia0" in outcome.devices()
            elif on_violation:
                outcome.passed_over(f"would get {count} GPUs")
            else:
                outcome.denied(1702, f"would get {count} GPUs, and the policy allows {limit}")


# capabilities


@pytest.mark.parametrize("allowed, value, given", [
    ("compute,utility", "compute", ("compute",)), ("utility", None, ("utility",)), ("utility", "", ("utility",)),
    ("compute,utility", "all", DEFAULT), ("all", "video", ("video",)), ("utility", "compute", None),
    ("compute,utility", "graphics", None), ("compute,utility", "compute,graphics", None),
])
def test_capabilities(node, bundle, allowed, value, given):
    """What is named and not allowed is refused; what is not named is never asked for against the policy."""
    node.configure(policy(f'capabilities = "{allowed}"'))
    outcome = node.create(bundle("0", value))
    if given:
        outcome.gave(node, [0], given)
    else:
        denied = "graphics" if "graphics" in value else value
        outcome.denied(1703, f'asks for "{denied}", which the policy does not allow', f"allowed are {allowed}")
    node.configure(policy(f'capabilities = "{allowed}"', IGNORE))
    outcome = node.create(bundle("0", value))
    kept = given or tuple(name for name in value.split(",") if name in allowed.split(","))
    if kept:
        node.create_twice(bundle("0", value)).gave(node, [0], kept)


def test_capabilities_beyond_what_is_supported(node, bundle):
    """The policy never widens `supported-driver-capabilities`."""
    node.configure('supported-driver-capabilities = "utility"\n' + policy('capabilities = "all"', IGNORE))
    node.create(bundle("0", "all")).gave(node, [0], ("utility",))
    node.create(bundle("0", "compute")).denied(1203)


# handlers


@pytest.fixture
def handlers(node):
    """The names `nvidia-tenant` and `nvidia-trusted` for the program."""
    names = ("nvidia-tenant", "nvidia-trusted")
    for name in names:
        node.path(f"/usr/bin/{name}").symlink_to("nvidia-runtime")
    yield names
    for name in names:
        node.path(f"/usr/bin/{name}").unlink()


def test_handlers(node, handlers, bundle):
    """Each key of a handler's table takes the place of the one above, and the others stay."""
    node.configure(
        policy("max-gpus = 1", 'capabilities = "utility"')
        + policy("max-gpus = 2", handler="nvidia-trusted")
        + policy('channels = ["volume-mounts"]', IGNORE, handler="nvidia-tenant"))
    for program in ("nvidia-runtime", "nvidia-container-runtime", "/usr/bin/nvidia-container-runtime"):
        node.create(bundle("all"), program=program).denied(1702, "the policy allows 1")
    for program in ("nvidia-trusted", "/usr/bin/nvidia-trusted", "/usr/bin/../bin/nvidia-trusted"):
        node.create_twice(bundle("all"), program=program).gave(node, [0, 1], ("utility",))
        node.create(bundle("all", "compute"), program=program).denied(1703)
    node.create(bundle("0"), program="nvidia-tenant").passed_over("ignored NVIDIA_VISIBLE_DEVICES")


def test_handlers_of_a_mode(node, bundle):
    """The names that choose a mode are handlers too."""
    node.write_cdi(cdi_specification(node))
    node.configure(policy("max-gpus = 1", handler="nvidia-container-runtime.cdi"))
    node.create(bundle("all"), program="nvidia-container-runtime.cdi").denied(1702)
    node.create(bundle("0"), program="nvidia-container-runtime.cdi").gave_cdi(node, [0])
    outcome = node.create_twice(bundle("all"), program=LEGACY)
    outcome.left_to_prestart("-handler", LEGACY).gave(node, [0, 1])


def test_handlers_in_mode_legacy(node, handlers, bundle):
    """The prestart hook is told which policy counts."""
    node.configure(
        policy("max-gpus = 0") + policy("max-gpus = 1", handler="nvidia-trusted")
        + policy("max-gpus = 1", IGNORE, handler="nvidia-tenant") + '[nvidia-container-runtime]\nmode = "legacy"\n')

    def left(value, handler):
        return node.create_twice(bundle(value), program=handler).left_to_prestart("-handler", handler)

    left("1", "nvidia-trusted").gave(node, [1])
    left("all", "nvidia-trusted").denied(1702, "would get 2 GPUs, and the policy allows 1")
    left("1", "nvidia-runtime").denied(1702, "the policy allows 0")
    left("1", "nvidia-tenant").gave(node, [1]).not_warned()
    left("all", "nvidia-tenant").passed_over("ignored NVIDIA_VISIBLE_DEVICES", "would get 2 GPUs")


# What is not understood


@pytest.mark.parametrize("text, words", [
    (policy("max-gpu = 1"), "policy.max-gpu: unknown key"), (policy("max-gpus = -1"), "max-gpus"),
    (policy('max-gpus = "1"'), "max-gpus"), (policy("max-gpus = 1.5"), "max-gpus"),
    (policy("max-gpus = 99999999999999999999"), "config.toml"), (policy('channels = "environment"'), "channels"),
    (policy('channels = ["env"]'), "env"), (policy('on-violation = "warn"'), "warn"),
    (policy("capabilities = [1]"), "capabilities"), (policy("max-gpu = 1", handler="x"), "unknown key"),
    (policy("max-gpus = 1", handler="a/b"), "a handler is the name of a file"),
    (policy("max-gpus = 1", handler=""), "handler"), ("[nvidia-container-runtime]\npolicy = 1\n", "policy"),
])
def test_policies_that_are_not_understood(node, bundle, text, words):
    """A restriction is never passed over: whoever asks for a GPU is refused, and nobody else."""
    node.configure(text)
    node.create(bundle("0")).denied(1151, "config.toml", words)
    node.create(bundle()).untouched()


def test_capabilities_that_are_none(node, bundle):
    node.configure(policy('capabilities = "cuda"'))
    node.create(bundle("0")).denied(
        1152, 'nvidia-container-runtime.policy.capabilities has the unknown capability "cuda"')

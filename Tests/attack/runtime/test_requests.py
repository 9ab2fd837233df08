# SPDX-License-Identifier: Apache-2.0
"""D: requests so long that they cost. What each value of a request means is in the tables of testdata/requests and in
Tests/blackbox/inject: testdata/attack/cases.json."""

import pytest
from injection import cdi_specification, environment

BOUNDED = ("prlimit", f"--as={64 << 20}", "--cpu=1", "--")
LONG = {  # with the GPUs that are given; an error where it is a number
    "one a thousand times": ("0," * 500_000, [0]), "both": ("1,0," * 250_000, [1, 0]),
    "blanks": (" " * (1 << 20) + "1", [1]),
    "commas": ("," * (1 << 20), None), "none": ("none," * 200_000, []),
    "void at the end": ("0," * 500_000 + "void", None),
    "a bad one at the end": ("0," * 500_000 + "x", 1201), "one that is not there": ("0," * 500_000 + "2", 1204),
    "digits": ("1" * (1 << 20), 1201), "a UUID": ("GPU-" + "5" * (1 << 20), 1201),
    "no ASCII": ("\u0663," * 300_000, 1201),
}


@pytest.mark.attack("D-04")
@pytest.mark.parametrize("kind", LONG)
def test_lists_of_a_megabyte(node, bundle, kind):
    """Exactly what a short one means, in a second of processor time; never all."""
    value, wanted = LONG[kind]
    assert len(value.encode()) > 500_000
    outcome = node.create(bundle(value), prefix=BOUNDED)
    if wanted is None:
        outcome.untouched()
    elif isinstance(wanted, int):
        outcome.denied(wanted)
    else:
        outcome.gave(node, wanted)


@pytest.mark.attack("D-04", "D-12")
def test_many_names_of_cdi_devices(node, bundle):
    node.write_cdi(cdi_specification(node))
    node.create(bundle("nvidia.com/gpu=0," * 50_000), prefix=BOUNDED).gave_cdi(node, [0])
    node.create(bundle("nvidia.com/gpu=0," * 50_000 + "nvidia.com/gpu=../0"), prefix=BOUNDED).denied(1201)


@pytest.mark.attack("D-13")
@pytest.mark.parametrize("value, id",
                         [("utility," * 120_000, None), ("utility," * 120_000 + "cuda", 1202), ("," * (1 << 20), None)])
def test_capabilities_of_a_megabyte(node, bundle, value, id):
    outcome = node.create(bundle("0", value), prefix=BOUNDED)
    outcome.passed() if id is None else outcome.denied(id)


@pytest.mark.attack("D-14")
@pytest.mark.parametrize("value", [
    "cuda>=1 " * 100_000, "cuda>=1," * 100_000, "cuda>=" + "9" * (1 << 20), "(" * (1 << 20),
    "cuda>=1." + "0." * 500_000, " " * (1 << 20) + "cuda>=99",
], ids=["or", "and", "digits", "brackets", "dots", "blanks"])
def test_requirements_of_a_megabyte(node, bundle, value):
    """Refused, or met: in bounded time, and an end in any case."""
    made = bundle("0", change=environment(NVIDIA_REQUIRE_CUDA=value))
    outcome = node.create(made, prefix=BOUNDED)
    assert outcome.status == 0 or outcome.denied(int(outcome.stderr[19:23]))
    off = environment(NVIDIA_REQUIRE_CUDA=value, NVIDIA_DISABLE_REQUIRE="true")
    node.create(bundle("0", change=off), prefix=BOUNDED).passed()


CHANNELS = {  # with whether channel 0 is given; what is not there, beyond the range or no number is refused
    "0," * 500_000: True, "18446744073709551616": False, "1048576": False, "-1": False, "channel0x": False,
    "0,mode=nvswitch": False,
    "all": None, "0x0": False, "\u0660": False, "9" * (1 << 20): False, "7": False,
}


@pytest.mark.attack("D-10")
@pytest.mark.parametrize("value", CHANNELS, ids=lambda value: value[:20])
def test_channels(nodes, bundle, value):
    """Never made, never all."""
    node = nodes("--with", "imex")
    outcome = node.create(bundle("0", change=environment(NVIDIA_IMEX_CHANNELS=value)), prefix=BOUNDED)
    if CHANNELS[value] is False:
        outcome.denied(int(outcome.stderr[19:23]), "channel")
    else:
        given = [path for path in outcome.passed().devices() if "imex" in path]
        assert given == (["/dev/nvidia-caps-imex-channels/channel0"] if CHANNELS[value] else [])

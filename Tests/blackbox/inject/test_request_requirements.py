# SPDX-License-Identifier: Apache-2.0
"""What images require of the host by NVIDIA_REQUIRE_*: met and not met, by the kernel module's version or by what NVML
says of the GPUs, and what is no requirement at all (D-14).

testdata/requirements has the grammar and the arithmetic in full; here is what a container meets of it."""

import json

import pytest
from driver_files import ALL
from injection import REPOSITORY, all_of, annotated, cdi_specification, environment, marker_mounts

IMAGES = json.loads((REPOSITORY / "testdata/requirements/images.json").read_text())  # by their CUDA version
# The simulated GPUs: A100 of the brand "Nvidia", architecture 8.0. By its number alone the module 570.86.15 has CUDA
# 12.8, 535.261.03 has 12.2, and 540.4.0, a Jetson's, 12.2 or newer; NVML says 12.2. 545 has no forward compatibility.
NEW, OLD, UNCLEAR = (), ("--driver-version", "535.261.03"), ("--driver-version", "540.4.0")
SHORT = ("--driver-version", "545.29.06")


def requiring(value, **variables):
    return environment(NVIDIA_REQUIRE_CUDA=value, **variables)


@pytest.mark.parametrize("options, value, calls", [
    (NEW, "cuda>=12.8", 0), (NEW, "cuda=12.8", 0), (NEW, "cuda<12.9,cuda>12.7", 0), (NEW, "driver>=570", 0),
    (NEW, "driver>=570.86.15", 0), (NEW, "driver=570.86.15", 0), (NEW, "driver!=535 cuda>=99", 0), (NEW, "", 0),
    (NEW, " , ", 0),
    (NEW, "cuda>=12.8 brand=tesla", 0), (NEW, "something=else", 0), (NEW, "CUDA>=12.0", 0), (NEW, "cuda>=9", 0),
    (NEW, "cuda>=0012.000", 0), (NEW, IMAGES["12.4"], 0), (NEW, IMAGES["11.8"], 0), (OLD, IMAGES["12.2"], 0),
    (NEW, IMAGES["13.0"], 1), (OLD, IMAGES["12.9"], 1), (NEW, "arch>=8.0", 1), (NEW, "arch>=8,arch<9", 1),
    (NEW, "brand=nvidia", 1), (NEW, "brand=NVIDIA brand=tesla", 1),
    (NEW, "brand!=geforce", 1), (NEW, "cuda>=99 arch>=8.0", 1),
    (OLD, "cuda>=12.9 brand=nvidia,driver>=535,driver<536", 1),
    (UNCLEAR, "cuda>=12.2", 0), (UNCLEAR, "cuda<12.6", 1), (UNCLEAR, "cuda>=99 driver>=540", 0),
], ids=lambda value: str(value)[:40])
def test_met(nodes, bundle, options, value, calls):
    """NVML is asked only where nothing else decides, and its answer is kept."""
    node = nodes(*options)
    node.count_nvml_calls()
    node.create_twice(bundle("0", change=requiring(value))).gave(node, [0]).not_warned()
    assert node.nvml_calls == calls


@pytest.mark.parametrize("options, value, words", [
    (NEW, "cuda>=12.9", [
        "unsatisfied condition: cuda>=12.9 (NVIDIA_REQUIRE_CUDA): the driver, 570.86.15, supports CUDA 12.8",
        "install driver 575.51 or newer", "use an image made for CUDA 12.8 or older"]),
    (OLD, "cuda>=12.4", ["cuda>=12.4", "535.261.03, supports CUDA 12.2", "install driver 550."]),
    (SHORT, IMAGES["13.0"], [
        "unsatisfied condition: cuda>=13.0 (NVIDIA_REQUIRE_CUDA): the driver, 545.29.06, supports CUDA 12.3",
        "install driver 580."]),
    (NEW, "driver>=580", ["driver>=580", "the driver is 570.86.15", "install a driver with driver>=580"]),
    (NEW, "driver<570.86.15", ["the driver is 570.86.15"]), (NEW, "cuda<12.8", ["supports CUDA 12.8"]),
    (NEW, "cuda>=12.80", ["12.80"]), (NEW, "cuda>=99999", ["cuda>=99999"]),
    (NEW, "driver!=570.86.15", ["is 570.86.15"]),
    (NEW, "arch>=9.0", ["GPU 0 has compute capability 8.0", "use an image made for this GPU"]),
    (NEW, "brand=tesla", ["GPU 0 has brand Nvidia", "use an image made for this GPU"]),
    (NEW, "brand=geforce,arch>=8 brand=tesla,arch>=8", ["brand Nvidia", "neither is"]),
    (UNCLEAR, "cuda>=12.9", ["540.4.0, supports CUDA 12.2"]),
], ids=lambda value: str(value)[:40])
def test_not_met(nodes, bundle, options, value, words):
    """What would have met it, what the host has, and the ways out, all in one line."""
    node = nodes(*options)
    node.create(bundle("0", change=requiring(value))).denied(1301, *words, "NVIDIA_DISABLE_REQUIRE=true")


def test_every_variable_counts(node, bundle):
    """Not only CUDA's; of two with one name the last; and JetPack's says how files are read, nothing else."""
    for variables, id in (
            ({"NVIDIA_REQUIRE_CUDA": "cuda>=12", "NVIDIA_REQUIRE_DRIVER": "driver>=580"}, 1301),
            ({"NVIDIA_REQUIRE_X": "cuda>=99"}, 1301), ({"NVIDIA_REQUIRE_": "cuda>=99"}, 1301),
            ({"NVIDIA_REQUIRE_JETPACK": "csv-mounts=all"}, None),
            ({"NVIDIA_REQUIRE_JETPACK_HOST_MOUNTS": "base-only"}, None),
            ({"XNVIDIA_REQUIRE_CUDA": "cuda>=99"}, None), ({"NVIDIA_REQUIRE": "cuda>=99"}, None)):
        outcome = node.create(bundle("0", change=environment(**variables)))
        outcome.denied(id, "unsatisfied condition") if id else outcome.gave(node, [0])
    twice = all_of(requiring("cuda>=99"), requiring("cuda>=12"))
    node.create_twice(bundle("0", change=twice)).gave(node, [0])
    node.create(bundle("0", change=all_of(requiring("cuda>=12"), requiring("cuda>=99")))).denied(1301)


@pytest.mark.parametrize("value, is_true", [
    ("true", True), ("1", True), ("TRUE", True), ("t", True), ("yes", False), ("false", False), ("", False),
    (" true", False),
])
def test_disabled_by_the_container(node, bundle, value, is_true):
    """By what Go takes for true; then nothing is even read."""
    for required in ("cuda>=99", "cuda!12"):
        made = bundle("0", change=requiring(required, NVIDIA_DISABLE_REQUIRE=value))
        if is_true:
            node.create_twice(made).gave(node, [0])
        else:
            node.create(made).denied(1301 if required == "cuda>=99" else 1302)


def test_disabled_by_the_administrator(node, bundle):
    node.configure("disable-require = true\n")
    for required in ("cuda>=99", "cuda!12"):
        node.create(bundle("0", change=requiring(required))).gave(node, [0]).not_warned()


# Images from before the variables


@pytest.mark.parametrize("version, id", [
    ("9.0.176", None), ("12.8", None), ("12.8.1", None), ("12", None), ("8", None), ("v11.6", None), ("12.9.0", 1301),
    ("13.0", 1301), ("99", 1301),
])
def test_cuda_version_of_old_images(node, bundle, version, id):
    """It requires its first two numbers, where nothing else is required."""
    old = environment(CUDA_VERSION=version)
    outcome = node.create(bundle("0", change=old))
    outcome.denied(id, "(CUDA_VERSION)", "supports CUDA 12.8") if id else outcome.gave(node, [0])
    newer = environment(CUDA_VERSION=version, NVIDIA_REQUIRE_CUDA="cuda>=12")
    node.create(bundle("0", change=newer)).gave(node, [0])
    disabled = environment(CUDA_VERSION=version, NVIDIA_DISABLE_REQUIRE="1")
    node.create(bundle(change=disabled)).gave(node, [0, 1], ALL)


@pytest.mark.parametrize("version", [
    "legacy", "9.0.116foo", "9.", ".5", "-1", "1.2.3.4", "99999999999.0", "9..0", "\u0663",
])
def test_cuda_version_that_is_none(node, bundle, version):
    """It was never meant as a requirement: a warning."""
    node.create_twice(bundle("0", change=environment(CUDA_VERSION=version))).gave(node, [0]).warned("CUDA_VERSION")


# What is no requirement


@pytest.mark.parametrize("value", [
    "cuda", "cuda!12", "cuda=>12", "cuda==12", "cuda>=", ">=12", "cuda>=x", "cuda>=12.x", "cuda>=12.8.1.2.3",
    "cuda>=-1",
    "cuda>=+1", "cuda>=1e1", "cuda>=0x1", "cuda>=4294967296", "cuda>=99999999999999999999", "cuda>=12/0", "cuda>=(12)",
    "cuda>=12)",
    "cuda>=12;id", "cuda>=$(id)", "cuda>=%n", "brand>=tesla", "brand=", "cuda>=12.8 cuda", "cuda>=\u0663", "cuda>=1\n",
    "\x1b[2J", "cuda>=12," * 2000, "(" * 100_000, "a" * 1_000_000, "cuda>=12 " * 1024 + "cuda>=12",
], ids=lambda value: value[:24])
def test_no_requirements(node, bundle, value):
    """D-14: refused at once and briefly, also where another alternative would be met."""
    prefix = ("prlimit", f"--as={64 << 20}", "--cpu=2", "--")
    made = bundle("0", change=requiring(value))
    message = node.create(made, prefix=prefix).denied(1302, "NVIDIA_REQUIRE_CUDA", "NVIDIA_DISABLE_REQUIRE=true").stderr
    assert len(message) < 600
    node.create(bundle("void", change=requiring(value))).untouched()


def test_too_many_variables(node, bundle):
    """D-14"""
    many = {f"NVIDIA_REQUIRE_{number}": "cuda>=1" for number in range(33)}
    node.create(bundle("0", change=environment(**many))).denied(1302, "more than 32 NVIDIA_REQUIRE_ variables")
    del many["NVIDIA_REQUIRE_7"]
    node.create(bundle("0", change=environment(**many))).gave(node, [0])


# NVML


@pytest.mark.parametrize("behaviour, words", [
    ("fail: nvmlInit", "NVML does not start: Unknown Error"), ("crash: nvmlInit", "crashed"),
    ("fail: nvmlDeviceGetBrand", "NVML does not say"),
])
def test_nvml_that_does_not_answer(nodes, bundle, behaviour, words):
    """What can't be found out meets nothing; what NVML is not needed for goes on."""
    node = nodes()
    node.path("/run/simulated-nvml").write_text(behaviour + "\n")
    for value in ("brand=nvidia", "brand!=geforce"):
        node.create(bundle("0", change=requiring(value))).denied(1301, "is unknown", words, "find out with nvidia-smi")
    node.create(bundle("0", change=requiring("cuda>=12.8 brand=nvidia"))).gave(node, [0])
    node.create(bundle("0")).gave(node, [0])


def test_without_a_gpu(node, bundle):
    """Of no GPU nothing is required, of the driver all the same."""
    node.create_twice(bundle("none", change=requiring("arch>=99,brand=geforce"))).gave(node, [])
    node.create(bundle("none", change=requiring("cuda>=99"))).denied(1301)


def test_of_mig_devices_the_gpu_counts(nodes, bundle):
    node = nodes("--mig", "1=1")
    node.create_twice(bundle("1:0", change=requiring("arch>=8.0,brand=nvidia"))).passed()
    node.create(bundle("1:0", change=requiring("arch>=9.0"))).denied(1301, "GPU 1 has compute capability 8.0")


# Modes


@pytest.mark.parametrize("settings, devices, change", [
    ("", "0", None), ('mode = "jit-cdi"\n', "0", None), ('mode = "legacy"\n', "0", None), ('mode = "cdi"\n', "0", None),
    ("", "nvidia.com/gpu=0", None), ("", None, annotated(a="nvidia.com/gpu=0")), ("", "runtime.nvidia.com/gpu=0", None),
    ("", None, marker_mounts("0")), ("", None, marker_mounts("cdi/nvidia.com/gpu/0")),
], ids=str)
def test_in_every_mode_and_channel(node, bundle, settings, devices, change):
    """NVIDIA's devices of CDI specifications too: the image needs what it needs."""
    node.write_cdi(cdi_specification(node))
    node.configure(f"accept-nvidia-visible-devices-as-volume-mounts = true\n[nvidia-container-runtime]\n{settings}")
    changes = [change] if change else []

    def decided(value):
        """By the shim, or in mode legacy by the prestart hook."""
        outcome = node.create(bundle(devices, change=all_of(*changes, requiring(value))))
        return outcome.left_to_prestart() if "legacy" in settings else outcome

    decided("cuda>=12.9").denied(1301, "supports CUDA 12.8")
    node.create(bundle(devices, change=all_of(*changes, requiring("cuda!12")))).denied(1302)
    decided("arch>=9").denied(1301, "GPU 0 has compute capability")
    outcome = node.create_twice(bundle(devices, change=all_of(*changes, requiring("cuda>=12.8,arch>=8"))))
    if "legacy" in settings:
        outcome.left_to_prestart().gave(node, [0])


def test_devices_of_others(nodes, bundle):
    """Nothing about NVIDIA's driver is required of somebody else's device, nor of a driver that is not loaded."""
    node = nodes()
    node.write_cdi(cdi_specification(node, "vendor.example/gpu"))
    node.create(bundle("vendor.example/gpu=0", change=requiring("cuda>=99"))).gave_cdi(node, [0])
    bare = nodes("--no-driver")
    bare.write_cdi({"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [
        {"name": "0", "containerEdits": {"env": ["A=b"]}}]})
    outcome = bare.create(bundle("nvidia.com/gpu=0", change=requiring("cuda>=99"))).passed()
    assert outcome.spec["process"]["env"] == [*outcome.old["process"]["env"], "A=b"]

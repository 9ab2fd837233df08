# SPDX-License-Identifier: Apache-2.0
"""Containers on a Tegra, whose CSV files say what there is, and in the Windows Subsystem for Linux, where one device
stands for all GPUs."""

import pytest
from injection import environment

CSV = '[nvidia-container-runtime]\nmode = "csv"\n'
CSV_FOLDER = "/etc/nvidia-container-runtime/host-files-for-container.d"
STORE = "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_0a1b2c3d4e5f6071"


@pytest.fixture
def tegra(nodes):
    """An Orin: one integrated GPU."""
    return nodes("--platform", "tegra")


@pytest.fixture
def thor(nodes):
    """A Thor with a discrete GPU."""
    return nodes("--platform", "tegra", "--discrete-gpu")


@pytest.fixture
def wsl(nodes):
    return nodes("--platform", "wsl")


def listed(node, kind):
    """What the CSV files of the node list as `kind`."""
    lines = (node.path(CSV_FOLDER) / "devices.csv").read_text().splitlines()
    lines += (node.path(CSV_FOLDER) / "drivers.csv").read_text().splitlines()
    pairs = [tuple(word.strip() for word in line.split(",", 1)) for line in lines if "," in line]
    return {path for what, path in pairs if what == kind}


def paths(outcome):
    """The device nodes added. Each is allowed, and nothing else is; of two that are one device (v4l2-nvdec is a copy of
    /dev/null) there is one rule, which the engine may have made."""
    devices = outcome.added("linux", "devices")
    numbers = {(device["type"], device["major"], device["minor"]) for device in devices}
    rules = outcome.spec["linux"]["resources"]["devices"]
    allowed = {(rule.get("type"), rule.get("major"), rule.get("minor")) for rule in rules if rule["allow"]}
    added = outcome.added("linux", "resources", "devices")
    assert numbers <= allowed
    assert {(rule["type"], rule["major"], rule["minor"]) for rule in added} <= numbers
    return {device["path"] for device in devices}


@pytest.mark.parametrize("mode", ["", CSV])
@pytest.mark.parametrize("devices", ["all", "0", "0,0"])
def test_tegra(tegra, bundle, mode, devices):
    """Every node that is listed and there, and no other; libraries with their links; the same in both modes."""
    tegra.configure(mode)
    outcome = tegra.create_twice(bundle(devices)).passed()
    plain = {path for path in listed(tegra, "dev") if "*" not in path and tegra.path(path).exists()}
    given = paths(outcome)
    assert plain and plain <= given
    assert all(path in plain or any("*" in pattern for pattern in listed(tegra, "dev")) for path in given)
    assert "/etc/nv_tegra_release" in outcome.mounts()
    words = outcome.hook()
    assert any(word.startswith("native:libcuda.so.1:") for word in words)
    # What the files list and the board has not is no error.
    assert any(not tegra.path(path).exists() for path in listed(tegra, "lib"))


@pytest.mark.parametrize("mode", ["", CSV])
def test_tegra_none(tegra, bundle, mode):
    """Q4: none is no GPU, and never all of them."""
    tegra.configure(mode)
    outcome = tegra.create_twice(bundle("none")).passed()
    assert outcome.devices() == {}
    assert "/etc/nv_tegra_release" in outcome.mounts()


def test_tegra_refusals(tegra, bundle):
    tegra.create(bundle("1")).denied(1204, 'there is no GPU "1"')
    tegra.create(bundle("0:0")).denied(1208)
    tegra.create(bundle("GPU-5171a7ed")).denied(1204)


def test_tegra_without_csv_files(new_node, bundle):
    """A soft request starts without the GPU there too."""
    node = new_node("--platform", "tegra")
    for file in node.path(CSV_FOLDER).iterdir():
        file.unlink()
    node.create(bundle("all")).denied(1601, "no CSV file says what a container gets")
    node.create(bundle("all,optional")).passed_over("NVR1601")


def test_csv_file_that_others_can_change(new_node, bundle):
    node = new_node("--platform", "tegra")
    (node.path(CSV_FOLDER) / "devices.csv").chmod(0o666)
    node.create(bundle("all")).denied(1601, "not trusted", "chmod go-w")


def test_thor(thor, bundle):
    """The integrated GPU is 0, the discrete one 1, and neither container can open the other's."""
    own = {index: paths(thor.create_twice(bundle(str(index)))) for index in (0, 1)}
    assert "/dev/nvidia0" in own[0] and "/dev/nvidia1" not in own[0]
    assert "/dev/nvidia1" in own[1] and "/dev/nvidia0" not in own[1]
    both = paths(thor.create_twice(bundle("all")))
    assert own[0] | own[1] <= both


@pytest.mark.parametrize("devices", ["all", "0", "3", "GPU-5171a7ed"])
def test_wsl(wsl, bundle, devices):
    """Any GPU is /dev/dxg; the driver is the one of NVIDIA's among Windows' packages."""
    change = environment(NVIDIA_REQUIRE_CUDA="cuda>=12.0")
    outcome = wsl.create_twice(bundle(devices, change=change)).passed()
    assert set(outcome.devices()) == {"/dev/dxg"}
    mounts = outcome.mounts()
    assert {"/usr/lib/wsl/lib/libdxcore.so", f"{STORE}/libcuda.so.1.1", f"{STORE}/nvidia-smi"} <= set(mounts)
    assert all(path.startswith(STORE) or path.startswith("/usr/lib/wsl/lib/") for path in mounts)
    assert f"{STORE}/nvidia-smi::/usr/bin/nvidia-smi" in outcome.hook()


def test_wsl_none(wsl, bundle):
    assert wsl.create_twice(bundle("none")).passed().devices() == {}


def test_wsl_without_a_gpu(new_node, bundle):
    """P26: each cause by its name."""
    node = new_node("--platform", "wsl")
    node.path("/dev/dxg").unlink()
    node.create(bundle("all")).denied(1602, "no /dev/dxg")
    node.create(bundle("all,optional")).passed_over("NVR1602")

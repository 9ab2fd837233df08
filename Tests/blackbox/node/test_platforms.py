# SPDX-License-Identifier: Apache-2.0
"""The simulated Tegra and WSL are what their own tools would find there."""

import json
import subprocess
from pathlib import Path

import pytest

SIMULATE = Path(__file__).resolve().parents[3] / "testdata/simulated-node/simulate-node"
CSV_FOLDER = "/etc/nvidia-container-runtime/host-files-for-container.d"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


def simulate(*options, shell):
    command = [SIMULATE, *options, "--", "/bin/sh", "-c", shell]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def description(*options):
    return json.loads(simulate(*options, shell="cat /run/simulated-node.json"))


def test_orin():
    node = description("--platform", "tegra")
    assert node["platform"] == "tegra" and node["gpus"] == []
    assert node["csv_files"] == [f"{CSV_FOLDER}/{name}.csv" for name in ("cuda", "devices", "drivers")]
    shown = simulate(
        "--platform",
        "tegra",
        shell="""
        head -c 30 /etc/nv_tegra_release; echo
        cat /proc/driver/nvidia/version | cut -d: -f1 | head -n 1; ls /proc/driver/nvidia/gpus | wc -l
        grep -c nvidia-uvm /proc/devices; ls /dev/nvidia-uvm 2>&1 | tail -c 26
        stat -c '%n %t:%T %a %g' /dev/nvgpu/igpu0/ctrl /dev/nvhost-gpu /dev/v4l2-nvdec | sed 's/ [0-9a-f]*:/ M:/'
        readlink /dev/dri/by-path/*
        ldconfig -p | grep -o 'libcuda.so.1 .*nvidia.*'""",
    )
    assert shown.splitlines() == [
        "# R36 (release), REVISION: 4.3",
        "NVRM version",
        "0",
        "0",
        "No such file or directory",
        "/dev/nvgpu/igpu0/ctrl M:2 660 44",
        "/dev/nvhost-gpu M:6 660 44",
        "/dev/v4l2-nvdec M:3 666 0",
        "../card0",
        f"libcuda.so.1 (libc6,x86-64) => {LIBRARIES}/nvidia/libcuda.so.1",
    ]


@pytest.mark.parametrize("options", [(), ("--discrete-gpu",)])
def test_what_csv_files_list(options):
    """All of it is there but for what no board has, and each library can be loaded."""
    shown = simulate(
        "--platform",
        "tegra",
        *options,
        shell=f"""
        cat {CSV_FOLDER}/devices.csv {CSV_FOLDER}/drivers.csv | while IFS=', ' read kind path; do
            case $kind in
                dev) for node in $path; do [ -c $node ] || echo $node; done;;
                dir) [ -d $path ] || echo $path;;
                lib) [ -f $path ] && [ ! -L $path ] || echo $path;;
                sym) [ -L $path ] && [ -f $path ] || echo $path;;
            esac
        done
        LD_PRELOAD="$(ls {LIBRARIES}/nvidia/lib*.so* | tr '\\n' ' ')" /bin/true 2>&1""",
    )
    lacking = {
        (): {
            "/dev/fb0",
            "/dev/fb1",
            "/dev/nvhost-ctrl-pva0",
            "/dev/nvhost-prof-ctx-gpu",
            "/dev/nvhost-prof-dev-gpu",
            "/dev/nvhost-sched-gpu",
            f"{LIBRARIES}/nvidia/libnvdla_compiler.so",
            f"{LIBRARIES}/libv4l2.so.0.0.999999",
        },
        ("--discrete-gpu",): {"/dev/fb0", "/dev/fb1"},
    }
    assert set(shown.splitlines()) == lacking[options]


def test_thor_with_a_discrete_gpu():
    node = description("--platform", "tegra", "--discrete-gpu")
    assert [(gpu["address"], gpu["minor"], gpu["model"]) for gpu in node["gpus"]] == [
        ("0000:01:00.0", 0, "NVIDIA Thor"),
        ("0005:01:00.0", 1, "NVIDIA RTX PRO 6000 Blackwell"),
    ]
    shown = simulate(
        "--platform",
        "tegra",
        "--discrete-gpu",
        shell="""
        grep -h Model /proc/driver/nvidia/gpus/*/information | tr -s '\\t ' ' '
        ls /dev/nvgpu /sys/bus/pci/devices/0005:01:00.0/drm
        ls /dev/nvidia[0-9]* | tr '\\n' ' '""",
    )
    assert shown.splitlines() == [
        "Model: NVIDIA Thor",
        "Model: NVIDIA RTX PRO 6000 Blackwell",
        "/dev/nvgpu:",
        "igpu-0000:01:00.0",
        "",
        "/sys/bus/pci/devices/0005:01:00.0/drm:",
        "card2",
        "renderD129",
        "/dev/nvidia0 /dev/nvidia1 /dev/nvidia2 ",
    ]


def test_wsl():
    node = description("--platform", "wsl")
    assert list(node["nodes"]) == ["/dev/dxg"] and node["gpus"] == []
    store = node["driver_store"]
    shown = simulate(
        "--platform",
        "wsl",
        shell=f"""
        cat /proc/sys/kernel/osrelease
        minor=$(awk '$2 == "dxg" {{ print $1 }}' /proc/misc)
        [ $(stat -c %t:%T /dev/dxg) = a:$(printf %x $minor) ] && echo same
        ls /dev /proc/driver | grep -c nvidia
        ls -d /usr/lib/wsl/drivers/*/libcuda.so.1.1
        cmp {store}/libcuda_loader.so /usr/lib/wsl/lib/libcuda.so.1.1 && stat -c %Y {store}/libcuda_loader.so \\
            /usr/lib/wsl/lib/libcuda.so.1.1 | uniq | wc -l
        ldconfig -p | grep -o 'libcuda.so.1 .*wsl.*'
        ls {store} | wc -l; ls /usr/lib/wsl/drivers | wc -l""",
    )
    assert shown.splitlines() == [
        "5.15.153.1-microsoft-standard-WSL2",
        "same",
        "0",
        f"{store}/libcuda.so.1.1",
        "1",
        "libcuda.so.1 (libc6,x86-64) => /usr/lib/wsl/lib/libcuda.so.1",
        "12",
        "4",
    ]


@pytest.mark.parametrize(
    "options", [("--platform", "wsl", "--layout", "rhel"), ("--discrete-gpu",), ("--platform", "mac")]
)
def test_options_that_do_not_fit(options):
    result = subprocess.run([SIMULATE, *options, "--", "true"], capture_output=True, text=True)
    assert result.returncode == 2, result.stderr

# SPDX-License-Identifier: Apache-2.0
"""The simulated node is what other tests stand on: it shows what it promises and leaves nothing behind."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SIMULATE = REPOSITORY / "testdata/simulated-node/simulate-node"
# layout: folder of the libraries, nvidia-smi, root of the driver, whether that root's ld.so.cache has the driver.
LAYOUTS = {
    "debian-multiarch": ("/usr/lib/x86_64-linux-gnu", "/usr/bin/nvidia-smi", "/", True),
    "debian-alternatives": ("/usr/lib/x86_64-linux-gnu/nvidia/current", "/usr/bin/nvidia-smi", "/", True),
    "rhel": ("/usr/lib64", "/usr/bin/nvidia-smi", "/", True),
    "gke": ("/home/kubernetes/bin/nvidia/lib64", "/home/kubernetes/bin/nvidia/bin/nvidia-smi", "/", False),
    "nixos": ("/run/opengl-driver/lib", "/run/current-system/sw/bin/nvidia-smi", "/", False),
    "driver-container": ("/usr/lib/x86_64-linux-gnu", "/usr/bin/nvidia-smi", "/run/nvidia/driver", True),
}


def simulate(*words, shell=None):
    """Runs words, or a shell script, in a node; the options are the words before "--"."""
    command = [*words, "--", "/bin/sh", "-c", shell] if shell else words
    return subprocess.run([SIMULATE, *command], capture_output=True, text=True, timeout=60)


def output(*options, shell):
    result = simulate(*options, shell=shell)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def machine():
    """What the node must not change."""
    auxiliary = Path("/var/cache/ldconfig/aux-cache")
    return {
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "devices": sorted(name for name in os.listdir("/dev") if name.startswith(("nvidia", "dri"))),
        "files": [
            path
            for path in (
                "/usr/left",
                "/etc/left",
                "/var/left",
                "/run/left",
                "/dev/left",
                "/dev/shm/left",
                "/nix",
                "/home/kubernetes",
                "/run/nvidia",
                "/run/opengl-driver",
            )
            if os.path.exists(path)
        ],
        "cache": Path("/etc/ld.so.cache").stat().st_mtime_ns,
        "auxiliary cache": auxiliary.stat().st_mtime_ns if auxiliary.exists() else None,
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(layout):
    """The driver is where the layout has it, works from there, and is in the cache where such a host has it."""
    folder, smi, root, cached = LAYOUTS[layout]
    shown = output(
        "--layout",
        layout,
        "--gpus",
        "3",
        shell=f"""
        ls {root}{folder}/libcuda.so.1 {root}{folder}/libnvidia-ml.so.570.86.15 >&2 || exit 1
        LD_LIBRARY_PATH={"" if cached else folder} chroot {root} {smi} -L
        ldconfig -r {root} -p 2>/dev/null | grep -c 'libcuda.so.1 '
        true""",
    )
    lines = shown.splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["GPU 0", "GPU 1", "GPU 2"], shown
    assert lines[3] == str(int(cached)), shown


def test_nodes_and_proc():
    """Minor numbers against the bus order, modes, a missing node, MIG devices: all sides agree."""
    shown = output(
        "--gpus",
        "4",
        "--minor-order",
        "reversed",
        "--mode",
        "660",
        "--group",
        "44",
        "--missing",
        "nvidia-uvm",
        "--uvm-major",
        "505",
        "--mig",
        "1=2",
        "--open-module",
        shell="""
        cat /run/simulated-node.json
        echo; echo ==
        stat -c "%n %t:%T %a %g" /dev/nvidia0 /dev/nvidia3 /dev/nvidia-uvm-tools; ls /dev/nvidia-uvm 2>&1
        grep -h "Device Minor" /proc/driver/nvidia/gpus/*/information | tr -s "\\t " " "
        cat /proc/driver/nvidia/version | head -n 1; grep uvm /proc/devices
        for access in /proc/driver/nvidia/capabilities/gpu2/mig/gi*/access; do
            minor=$(sed -n "s/DeviceFileMinor: //p" $access)
            grep -x "gpu2/$(basename $(dirname $access))/access $minor" /proc/driver/nvidia-caps/mig-minors
            stat -c %T /dev/nvidia-caps/nvidia-cap$minor
        done""",
    )
    text, _, rest = shown.partition("==\n")
    assert [gpu["minor"] for gpu in json.loads(text)["gpus"]] == [3, 2, 1, 0]
    assert rest.splitlines() == [
        "/dev/nvidia0 c3:0 660 44",
        "/dev/nvidia3 c3:3 660 44",
        "/dev/nvidia-uvm-tools 1f9:1 660 44",
        "ls: cannot access '/dev/nvidia-uvm': No such file or directory",
        *(f"Device Minor: {minor}" for minor in (3, 2, 1, 0)),
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (builder@simulated)",
        "505 nvidia-uvm",
        "gpu2/gi7/access 336",
        "150",
        "gpu2/gi8/access 345",
        "159",
    ]


def test_mig():
    """Instances of several profiles: procfs, the nodes and the description agree, and gaps are possible."""
    shown = output(
        "--minor-order",
        "reversed",
        "--mig",
        "0=1g.5gb,3g.20gb:2,2g.10gb:0",
        "--missing",
        "nvidia-caps/nvidia-cap147",
        "--parameter",
        "ModifyDeviceFiles=0",
        shell="""
        cat /run/simulated-node.json
        echo; echo ==
        cd /proc/driver/nvidia/capabilities/gpu1/mig; ls -d gi* gi*/ci*; cat gi1/ci1/access
        ls /dev/nvidia-caps; wc -l < /proc/driver/nvidia-caps/mig-minors""",
    )
    text, _, rest = shown.partition("==\n")
    devices = json.loads(text)["mig_devices"]
    keys = ("gpu", "index", "gpu_instance", "compute_instance")
    assert [tuple(device[key] for key in keys) for device in devices] == [(0, 0, 1, 0), (0, 1, 1, 1), (0, 2, 7, 0)]
    assert [device["gpu_instance_minor"] for device in devices] == [147, 147, 201]
    assert [device["compute_instance_minor"] for device in devices] == [148, 149, 202]
    assert [device["profile"] for device in devices] == ["3g.20gb", "3g.20gb", "1g.5gb"]
    assert len({device["uuid"] for device in devices}) == 3
    minors = [1, 148, 149, 165, 2, 201, 202]
    assert rest.split() == [
        *("gi1", "gi1/ci0", "gi1/ci1", "gi3", "gi7", "gi7/ci0"),
        *("DeviceFileMinor:", "149", "DeviceFileMode:", "292", "DeviceFileModify:", "0"),
        *(f"nvidia-cap{minor}" for minor in minors),
        "4322",
    ]
    for wrong in ("0=8", "0=0", "0=4g.20gb", "0=1g.5gb:2", "0=3g.20gb,3g.20gb,2g.10gb", "2=1", "0"):
        assert simulate("--mig", wrong, "--", "true").returncode == 2, wrong


def test_missing_folder():
    assert output("--mig", "0=1", "--missing", "nvidia-caps", shell="ls /dev | grep -c nvidia-caps; true") == "0\n"


def test_lost():
    """A GPU that has fallen off the bus: procfs has no UUID of it, NVML no handle, its node is still there."""
    result = simulate("--gpus", "3", "--lost", "1", shell="""
        grep -c UUID /proc/driver/nvidia/gpus/*/information; ls /dev/nvidia1; nvidia-smi -L""")
    assert [line.rpartition(":")[2] for line in result.stdout.splitlines()[:3]] == ["1", "0", "1"]
    assert result.stdout.splitlines()[3] == "/dev/nvidia1"
    assert "GPU 1: GPU is lost" in result.stdout and "GPU 2: NVIDIA" in result.stdout and result.returncode == 15


@pytest.mark.parametrize("layout", ["debian-multiarch", "driver-container"])
def test_extras(layout):
    """The nodes of the optional parts, the majors and minors that stand for them, and what belongs to them."""
    root = LAYOUTS[layout][2].rstrip("/")
    extras = ("imex", "nvswitch", "gdrcopy", "gds", "mofed")
    shown = output(
        "--layout",
        layout,
        *(word for extra in extras for word in ("--with", extra)),
        shell=f"""
        cd {root}/dev
        for node in infiniband/* nvidia-fs* gdrdrv nvidia-nvswitch* nvidia-caps-imex-channels/*; do
            test -c $node || exit 1
            major=$((0x$(stat -c %t $node))) minor=$((0x$(stat -c %T $node)))
            echo $node $minor $(awk -v m=$major '$1 == m {{ print $2 }}' /proc/devices)
        done
        awk '$2 == "rdma_cm" {{ print $1 }}' /proc/misc
        ls -d {root}/run/udev {root}/etc/cufile.json""",
    )
    assert shown.splitlines() == [
        "infiniband/rdma_cm 58 misc",
        *(f"infiniband/uverbs{n} {192 + n} infiniband_verbs" for n in range(2)),
        *(f"nvidia-fs{n} {n} nvidia-fs" for n in range(4)),
        "gdrdrv 0 gdrdrv",
        *(f"nvidia-nvswitch{n} {n} nvidia-nvswitch" for n in range(6)),
        "nvidia-nvswitchctl 255 nvidia-nvswitch",
        *(f"nvidia-caps-imex-channels/channel{n} {n} nvidia-caps-imex-channels" for n in range(4)),
        "58",
        f"{root}/etc/cufile.json",
        f"{root}/run/udev",
    ]


def test_no_driver():
    shown = output(
        "--no-driver", shell="ls /dev /proc/driver | grep -i nvidia; grep -i nvidia /proc/devices; nvidia-smi; echo $?"
    )
    assert shown.splitlines()[-1] == "9" and "Driver Not Loaded" in shown, shown


def test_version_mismatch():
    result = simulate("--library-version", "565.57.01", "--", "nvidia-smi")
    assert result.returncode == 18 and "565.57.01" in result.stdout, result


def test_cache_entries_and_compat32():
    shown = output(
        "--layout",
        "driver-container",
        "--compat32",
        "--cache-entries",
        "1500",
        shell="ldconfig -r /run/nvidia/driver -p",
    )
    assert (
        shown.startswith("1500 libs found") and "libcuda.so.1 (libc6) => /usr/lib/i386-linux-gnu/libcuda.so.1" in shown
    )


def test_exit_codes():
    assert simulate("--", "/bin/sh", "-c", "exit 7").returncode == 7
    assert simulate("--", "/bin/sh", "-c", "kill -9 $$").returncode == 137
    assert simulate("--", "/nonexistent").returncode == 127
    assert simulate("--gpus", "99", "--", "true").returncode == 2


def command_lines():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            yield path.read_bytes()


def test_leaves_nothing():
    """Files, mounts, cgroups and processes of the command are gone with it, also those that it left running."""
    before, marker = machine(), f"{90000 + os.getpid()}"
    process = subprocess.Popen(
        [
            SIMULATE,
            "--layout",
            "nixos",
            "--",
            "/bin/sh",
            "-c",
            f"""
        touch /usr/left /etc/left /var/left /run/left /dev/left /dev/shm/left
        mkdir -p /sys/fs/cgroup/memory/below /sys/fs/cgroup/below 2>/dev/null
        mount -t tmpfs tmpfs /mnt
        setsid sleep {marker} &""",
        ]
    )
    assert process.wait(30) == 0
    assert machine() == before
    assert marker.encode() not in b"".join(command_lines())
    assert not [
        folder for folder, _, _ in os.walk("/sys/fs/cgroup") if folder.endswith(f"/simulated-node-{process.pid}")
    ]


def test_termination():
    """SIGTERM reaches the command, and the node goes."""
    process = subprocess.Popen(
        [SIMULATE, "--", "/bin/sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    process.terminate()
    assert process.wait(10) == 143
    process.stdout.close()


def test_start_takes_less_than_a_second():
    simulate("--", "true")  # builds
    start = time.monotonic()
    assert simulate("--", "true").returncode == 0
    assert time.monotonic() - start < 1

# SPDX-License-Identifier: Apache-2.0
"""The built NVML helper on simulated nodes, called directly and through its client."""

import os
import re
import subprocess
import time

import pytest
from nvml_node import HELPER, LIBRARY, Refusal

CRASHES = ("nvmlInit", "nvmlDeviceGetUUID")
# Every function that is asked, and what its failing costs.
OPTIONAL = {
    "nvmlSystemGetCudaDriverVersion_v2": "cuda -",
    "nvmlDeviceGetPciInfo_v3": "gpu 0 - GPU-",
    "nvmlDeviceGetCudaComputeCapability": " - Nvidia NVIDIA A100",
    "nvmlDeviceGetBrand": " 8.0 - NVIDIA A100",
    "nvmlDeviceGetName": " Nvidia -",
    "nvmlDeviceGetMigMode": "failed 0 - no MIG devices: Unknown Error",
    "nvmlDeviceGetMaxMigDeviceCount": "failed 0 - no MIG devices: Unknown Error",
    "nvmlDeviceGetMigDeviceHandleByIndex": "failed 0 6 Unknown Error",
    "nvmlDeviceGetGpuInstanceId": "failed 0 1 Unknown Error",
    "nvmlDeviceGetComputeInstanceId": "failed 0 1 Unknown Error",
    "nvmlDeviceGetUUID": "failed 0 - no UUID: Unknown Error",
    "nvmlDeviceGetHandleByIndex_v2": "failed 0 - Unknown Error",
}
NEEDED = {
    "nvmlInit": "NVML does not start: Unknown Error",
    "nvmlSystemGetDriverVersion": "no driver version: Unknown Error",
    "nvmlDeviceGetCount_v2": "no GPUs: Unknown Error",
}


def expected(node, migs=None):
    """The report of a node on which all is well."""
    model = "NVIDIA A100-SXM4-40GB"
    lines = [f"driver {node.driver_version}", "cuda 12.8"]
    lines += [f"gpu {gpu['index']} {gpu['address']} {gpu['uuid']} 8.0 Nvidia {model}" for gpu in node.gpus]
    for mig in node.mig_devices if migs is None else migs:
        place = f"{mig['gpu']} {mig['index']} {mig['gpu_instance']} {mig['compute_instance']}"
        lines.append(f"mig {place} {mig['uuid']}")
    return lines


def test_all_fields(node):
    """Every field, with MIG devices on two GPUs and minors against the bus order; each line where it belongs."""
    node = node("--gpus", 3, "--mig", "0=2", "--mig", "2=7", "--minor-order", "reversed")
    status, output, error = node.helper()
    assert (status, error) == (0, "")
    first, *lines, end = output.splitlines()
    assert (first, end) == ("nvidia-runtime-nvml 1", "end")
    assert sorted(lines) == sorted(expected(node))
    assert [line.split()[:2] for line in lines[2:]] == [
        *[["gpu", "0"]], *[["mig", "0"]] * 2, ["gpu", "1"], ["gpu", "2"], *[["mig", "2"]] * 7]
    assert node.ask() == expected(node)


@pytest.mark.parametrize("layout,library", [
    ("rhel", "/usr/lib64/libnvidia-ml.so.1"),
    ("driver-container", "/run/nvidia/driver/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"),
    ("gke", "/home/kubernetes/bin/nvidia/lib64/libnvidia-ml.so.1"),
])
def test_layouts(node, layout, library):
    """The library is loaded from a driver root by its path on the host."""
    node = node("--layout", layout, "--mig", "1=1")
    if layout == "driver-container":  # NVML opens /dev/nvidiactl on the host
        node.run("sh", "-c", "cp -a /run/nvidia/driver/dev/nvidia* /dev/")
    assert node.ask(library) == expected(node)


def test_no_gpus(node):
    node = node("--gpus", 0)
    assert node.ask() == expected(node)


def test_no_kernel_module(node):
    node = node("--no-driver")
    assert node.helper() == (1, "", "nvidia-runtime-nvml: NVML does not start: Driver Not Loaded\n")
    with pytest.raises(Refusal, match="^NVML can't be asked: NVML does not start: Driver Not Loaded; run nvidia-smi"):
        node.ask()


def test_failing_functions(node):
    """A function that fails costs what it is for, and no more."""
    node = node("--mig", "0=2")
    for function, line in OPTIONAL.items():
        node.behave(fail=function)
        status, output, error = node.helper()
        assert (status, error) == (0, ""), function
        assert line in output and output.endswith("\nend\n"), (function, output)
    for function, reason in NEEDED.items():
        node.behave(fail=function)
        assert node.helper() == (1, "", f"nvidia-runtime-nvml: {reason}\n")
    node.behave()
    assert node.ask() == expected(node)


def test_lost_gpu(node):
    """One GPU that is lost does not hide the others, and is not remembered."""
    node = node("--gpus", 3)
    node.behave(lost=1)
    report = node.ask()
    assert [line for line in report if line.startswith("failed")] == ["failed 1 -1 GPU is lost"]
    assert [line.split()[1] for line in report if line.startswith("gpu")] == ["0", "2"]
    node.behave()
    assert node.ask() == expected(node)


def test_p07_hostile_answers(node):
    """P-07 of the threat model: counts, texts and crashes that nobody would believe."""
    node = node("--mig", "0=2")
    node.behave(count=4294967295)
    assert node.helper() == (1, "", "nvidia-runtime-nvml: NVML has 4294967295 GPUs, more than 128\n")
    node.behave(count=128)  # of which it gives two
    lines = node.helper()[1].splitlines()
    assert lines.count("failed 2 - Invalid Argument") == 1 and lines.count("failed 127 - Invalid Argument") == 1
    node.behave(mig_limit=4294967295)
    assert "failed 0 - no MIG devices: NVML has 4294967295 of them" in node.helper()[1]
    for uuid in ("unterminated", "GPU 1", "GPU-\033[2J", "GPU-1\tmig"):
        node.behave(uuid=uuid)
        assert "failed 0 - no UUID: NVML's text is none" in node.helper()[1], uuid
    node.behave(uuid="GPU-1")
    with pytest.raises(Refusal, match="two devices with one UUID"):
        node.ask()
    node.behave(name="\033[2J\tgpu\177")
    assert node.ask()[2].endswith(" Nvidia ?[2J?gpu?")
    node.behave(name="unterminated")
    assert f" Nvidia {'A' * 95}\n" in node.helper()[1]
    node.path("/run/nvidia-runtime/nvml").unlink()
    for function in CRASHES:
        node.behave(crash=function)
        with pytest.raises(Refusal, match=r"^NVML can't be asked: the library crashed \(signal 4\): /usr/lib/"):
            node.ask()


@pytest.mark.parametrize("function", ["nvmlInit", "nvmlDeviceGetName"])
def test_p07_hang(node, function):
    """A library that hangs, with a child that hangs too, is killed in time, and nothing of it is left."""
    node = node()
    before = node.processes()
    node.behave(hang=function)
    start = time.monotonic()
    with pytest.raises(Refusal, match="^NVML did not answer within 700 ms: /usr/lib/"):
        node.ask(milliseconds=700)
    assert 0.7 <= time.monotonic() - start < 3
    for _ in range(50):  # process 1 has to reap the child
        if node.processes() == before:
            break
        time.sleep(0.1)
    assert node.processes() == before
    assert os.listdir(node.path("/run/nvidia-runtime")) == []


def test_x07_the_helper_dies_with_its_parent(node):
    node = node()
    node.behave(hang="nvmlInit")
    script = f"{HELPER} {LIBRARY} >/dev/null 2>&1 & sleep 0.5; kill -9 $$"
    node.run("setsid", "--wait", "sh", "-c", script)
    names = node.run("sh", "-c", "cat /proc/[0-9]*/status", text=True).stdout
    helpers = re.findall(r"Name:\s*nvidia-runtime-.*?PPid:\s*(\d+)", names, re.DOTALL)
    assert helpers == ["1"], "only the child that the simulated NVML left is there"


def test_x07_the_helper_ends_whose_parent_is_gone():
    """Killed between starting it and its asking the kernel to end with it."""
    for is_read in (True, False):
        reading, writing = os.pipe()
        if not is_read:
            os.close(reading)
        result = subprocess.run(
            [os.environ["NVIDIA_RUNTIME_NVML"], "/nonexistent"], stdout=writing, stderr=subprocess.PIPE, text=True)
        os.close(writing)
        if is_read:
            os.close(reading)
        assert result.returncode == 1
        assert ("can't load the library" in result.stderr) == is_read


def test_wrong_library(node):
    node = node()
    missing = node.helper("/usr/lib/none.so")
    assert missing == (1, "", "nvidia-runtime-nvml: can't load the library: /usr/lib/none.so: cannot open shared object"
                       " file: No such file or directory\n")
    other = "/usr/lib/x86_64-linux-gnu/libcuda.so.1"
    assert node.helper(other) == (
        1, "", f"nvidia-runtime-nvml: {other} is not NVML: there is no nvmlInit_v2 in it\n")
    assert node.helper("libnvidia-ml.so.1")[0] == 1, "a name would be searched for"
    with pytest.raises(Refusal, match="^NVML library not found: /usr/lib/none.so: No such file or directory; "):
        node.ask("/usr/lib/none.so")
    with pytest.raises(Refusal, match="^NVML can't be asked: /usr/lib/.*/libcuda.so.570.86.15 is not NVML"):
        node.ask(other)
    node.run("chmod", "o+w", LIBRARY)
    with pytest.raises(Refusal, match="^NVML library is not trusted: /usr/lib/.* is writable by group or others"):
        node.ask()


def test_environment_is_ignored(node, tmp_path):
    """Nothing of the client's environment gets to the helper's loader. (The client here, unlike our programs, has one.)"""
    node = node()
    source, preload = tmp_path / "preload.c", tmp_path / "preload.so"
    source.write_text(
        "#define _GNU_SOURCE\n#include <errno.h>\n#include <stdio.h>\n__attribute__((constructor)) static void mark(void)\n"
        '{ FILE *file = fopen("/run/loaded", "a"); fprintf(file, "%s\\n", program_invocation_short_name); fclose(file); }\n')
    subprocess.run(["cc", "-shared", "-fPIC", "-o", preload, source], check=True)
    assert node.run("ask", LIBRARY, "1.2", "x", "5000", env={"LD_PRELOAD": str(preload)}).returncode == 0
    assert node.calls == 1
    assert node.path("/run/loaded").read_text() == "ask\n"
    node.run(HELPER, LIBRARY, env={"LD_PRELOAD": str(preload)})
    assert node.path("/run/loaded").read_text() == "ask\nnvidia-runtime-nvml\n", "so the library would be seen"


def test_cache(node):
    """The second question starts no process and NVML not at all; a MIG device more makes the answer a stale one."""
    node = node("--mig", "0=2")
    assert node.ask() == expected(node)
    assert node.calls == 1
    for _ in range(3):
        assert node.ask() == expected(node)
    assert node.calls == 1
    trace = node.path("/run/trace")
    node.run("strace", "-f", "-e", "trace=process", "-o", "/run/trace", "ask", LIBRARY, node.driver_version,
             node.mig_layout(), "5000")
    assert "vfork" not in trace.read_text() and "clone" not in trace.read_text()
    assert (os.stat(node.path("/run/nvidia-runtime/nvml")).st_mode & 0o7777) == 0o600

    access = node.path("/proc/driver/nvidia/capabilities/gpu0/mig/gi9/access")
    for file, minor in [(access, 84), (access.parent / "ci0/access", 85)]:
        file.parent.mkdir()
        file.write_text(f"DeviceFileMinor: {minor}\n")
    report = node.ask()
    third = node.mig_devices[0] | {"index": 2, "gpu_instance": 9}
    third["uuid"] = third["uuid"].replace("7000", "9000")
    assert report == expected(node, [*node.mig_devices, third])
    assert node.calls == 2
    node.ask()
    assert node.calls == 2


@pytest.mark.parametrize("before", [
    ("env", "--ignore-signal=CHLD"), ("env", "--ignore-signal=PIPE"), ("env", "--block-signal"),
    ("sh", "-c", 'exec "$0" "$@" <&-'), ("sh", "-c", 'exec "$0" "$@" <&- 2>&-'),
])
def test_states_of_the_caller(node, before):
    """Whatever signals we were started with ignored, and whatever descriptors closed."""
    node = node()
    result = node.run(*before, "ask", LIBRARY, node.driver_version, "x", "5000", text=True)
    assert (result.returncode, result.stdout.splitlines()) == (0, expected(node)), result
    assert node.processes() == []


def test_without_run(node):
    """A read-only /run costs the cache only."""
    node = node()
    node.run("mount", "-o", "remount,ro", "/run")
    assert node.ask() == expected(node)
    assert node.ask() == expected(node)


def test_old_hosts():
    """The helper starts with glibc 2.17 (CentOS 7) and needs nothing else."""
    helper = os.environ["NVIDIA_RUNTIME_NVML"]
    symbols = subprocess.run(["objdump", "-T", helper], check=True, capture_output=True, text=True).stdout
    versions = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([0-9.]+)", symbols)}
    assert versions and max(versions) <= (2, 17)
    assert "GLIBC_PRIVATE" not in symbols and "GLIBC_ABI" not in symbols
    dynamic = subprocess.run(["readelf", "-d", helper], check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)) == {"libc.so.6", "libdl.so.2"}
    assert "RPATH" not in dynamic and "RUNPATH" not in dynamic
    assert "BIND_NOW" in dynamic and "PIE" in dynamic

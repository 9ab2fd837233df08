# SPDX-License-Identifier: Apache-2.0
"""Old and foreign hosts: the programs need nothing of the root that they run in but /proc and a few nodes."""

import json
import os
import re
import subprocess

import pytest
from faults import PATH_VARIABLE, PrivateNode
from injection import Bundle, images, recorder

BULLSEYE = os.environ["FAULTS_ROOTFS"]  # glibc 2.31
PROGRAMS = {name: os.environ[variable] for name, variable in (
    ("nvidia-runtime", "NVIDIA_RUNTIME"), ("nvidia-runtime-hook", "NVIDIA_RUNTIME_HOOK"), ("nvidia-ctk", "NVIDIA_CTK"),
    ("nvidia-container-cli", "NVIDIA_CONTAINER_CLI"), ("nvidia-runtime-nvml", "NVIDIA_RUNTIME_NVML"))}


def bullseye():
    """A whole Debian 11, if its packages are still to be had."""
    if not os.path.isdir(BULLSEYE):
        pytest.skip("no Debian 11 could be fetched (make build/roots/bullseye)")
    return BULLSEYE


ROOTS = {
    "glibc 2.31": bullseye,
    "musl": lambda: images.root("alpine"),
    "busybox": lambda: images.root("busybox"),
    "empty": lambda: None,
}
DRIVER = "/run/nvidia/driver"
# Lays the host's root $1 together in $2 in a mount namespace of its own, and runs the rest there.
ENTER = """
lower=$1 work=$2 programs=$3 bundle=$4; shift 4
mount -t tmpfs none "$work" && mkdir "$work/upper" "$work/work" "$work/root" && cd "$work" || exit 99
[ -z "$lower" ] || mount -t overlay -o "lowerdir=$lower,upperdir=upper,workdir=work" none root || exit 99
mkdir -p root/proc root/bundle root/usr/bin root/usr/sbin root/dev || exit 99
mount --rbind /proc root/proc && cp "$programs"/* root/usr/bin && mv root/usr/bin/runc root/usr/sbin/runc || exit 99
mount --rbind "$bundle" root/bundle || exit 99
if [ -e "$bundle/driver" ]; then
    mkdir -p root/sys root/run/nvidia/driver root/etc/nvidia-container-runtime || exit 99
    mount --rbind /sys root/sys && mount --rbind "$DRIVER/dev" root/dev || exit 99
    mount --rbind "$DRIVER" "root$DRIVER" || exit 99
    cp "$bundle/driver" root/etc/nvidia-container-runtime/config.toml || exit 99
else
    mount -t tmpfs none root/dev && mknod -m 666 root/dev/null c 1 3 || exit 99
fi
exec chroot root "$@"
"""


@pytest.fixture(scope="module")
def node():
    made = PrivateNode("--layout", "driver-container")
    yield made
    made.close()


@pytest.fixture(params=ROOTS)
def host(request, node, tmp_path):
    """Runs a command in one of the roots, with GPUs and a driver or without."""
    programs, work = tmp_path / "programs", tmp_path / "work"
    for folder in (programs, work):
        folder.mkdir()
    for name, path in {**PROGRAMS, "runc": recorder()}.items():
        images.run("cp", path, programs / name)
    bundle = Bundle(tmp_path / "bundle", "all")
    images.run("cp", "-a", f"{images.root('debian')}/.", bundle.folder / "rootfs")

    def run(*words, has_driver=True, change=None, **options):
        marker = bundle.folder / "driver"
        marker.write_text(f'[nvidia-container-cli]\nroot = "{DRIVER}"\n')
        if not has_driver:
            marker.unlink()
        if change:
            document = bundle.spec
            change(document)
            bundle.config.write_text(json.dumps(document))
        enter = ("nsenter", "--target", str(node.pid), "--mount", "--pid", "--", "unshare", "--mount", "sh", "-c")
        lower = ROOTS[request.param]()
        words = [*enter, ENTER, "-", str(lower or ""), work, programs, bundle.folder, *words]
        result = subprocess.run(
            words, env={"PATH": PATH_VARIABLE, "DRIVER": DRIVER}, capture_output=True, timeout=60, **options)
        assert result.returncode != 99, result.stderr
        return result

    run.bundle, run.name = bundle, request.param
    return run


CREATE = ("/usr/bin/nvidia-runtime", "create", "--bundle", "/bundle", "id")


def test_create(host):
    """All GPUs and the driver's core, as on the machine that built the programs."""
    result = host(*CREATE)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b""), result
    spec = host.bundle.spec
    assert {"/dev/nvidia0", "/dev/nvidia1", "/dev/nvidiactl"} <= {device["path"] for device in spec["linux"]["devices"]}
    mounts = [mount["source"] for mount in spec["mounts"]]
    assert any(re.match(rf"{DRIVER}/usr/\S+/libcuda\.so\.", source) for source in mounts), mounts


def test_no_gpu_asked(host):
    """Without a driver, a device or a configuration: only /proc, /dev/null and the programs."""
    def without(document):
        document["process"]["env"] = ["PATH=/bin"]

    result = host(*CREATE, has_driver=False, change=without)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b""), result


def test_gpu_asked_without_driver(host):
    result = host(*CREATE, has_driver=False)
    assert (result.returncode, result.stdout) == (1, b"")
    assert re.fullmatch(rb"nvidia-runtime: NVR\d{4}: [^\n]*\n", result.stderr), result


@pytest.mark.parametrize("has_driver", [True, False])
def test_hook(host, has_driver):
    state = {"ociVersion": "1.0.2", "id": "id", "status": "creating", "pid": 1, "bundle": "/bundle"}
    words = ("/usr/bin/nvidia-runtime-hook", "create-container", "--library",
             "native:libcuda.so.1:/opt/nv/libcuda.so.550.1", "--link", "libcuda.so.1::/opt/nv/libcuda.so")
    result = host(*words, input=json.dumps(state).encode(), has_driver=has_driver)
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    cache = host.bundle.folder / "rootfs/etc/ld.so.cache"
    listing = subprocess.run(["/sbin/ldconfig", "-p", "-C", cache], capture_output=True, text=True, check=True).stdout
    assert "/opt/nv/libcuda.so.1" in listing and "libc.so.6" in listing


def test_tools(host):
    """What administrators call: the driver's files and a container's plan."""
    result = host("/usr/bin/nvidia-container-cli", f"--root={DRIVER}", "list")
    assert result.returncode == 0 and b"/dev/nvidia0\n" in result.stdout and b"/libcuda.so." in result.stdout, result
    result = host("/usr/bin/nvidia-ctk", "explain", "--devices", "0")
    assert result.returncode == 0 and b"/dev/nvidia0" in result.stdout and b"libcuda.so" in result.stdout, result
    for name in ("nvidia-runtime-hook", "nvidia-ctk"):
        assert host(f"/usr/bin/{name}", "--version", has_driver=False).returncode == 0


def test_nvml_helper(host):
    """The one dynamic program: it asks NVML where there is a glibc since 2.17; elsewhere what needs it is refused in
    one line, and the rest goes without."""
    def requiring(document):
        document["process"]["env"].append("NVIDIA_REQUIRE_CUDA=brand=nvidia")

    result = host(*CREATE, change=requiring)
    if host.name == "glibc 2.31":
        assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b""), result
    else:
        assert (result.returncode, result.stdout) == (1, b"")
        assert re.fullmatch(rb"nvidia-runtime: NVR\d{4}: [^\n]*\n", result.stderr), result


def test_versions_of_symbols():
    """Nothing newer than glibc 2.17 is asked for by name."""
    text = subprocess.run(
        ["readelf", "-VW", PROGRAMS["nvidia-runtime-nvml"]], capture_output=True, text=True, check=True).stdout
    versions = {tuple(map(int, version.split("."))) for version in re.findall(r"GLIBC_([\d.]+)", text)}
    assert versions and max(versions) <= (2, 17), versions


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - {"nvidia-runtime-nvml"}))
def test_static(name):
    text = subprocess.run(["readelf", "-ldW", PROGRAMS[name]], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in text and "NEEDED" not in text

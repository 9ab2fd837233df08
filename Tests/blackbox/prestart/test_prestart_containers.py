# SPDX-License-Identifier: Apache-2.0
"""Containers that runc and crun make by themselves, with the prestart hook in their config.json: what they get."""

import sys
from pathlib import Path

import driver_files
import pytest
from injection import all_of, cdi_specification, check_content, environment, privileged
from prestarting import DRIVER, FOLDER, NO_CGROUPS, check_given, hooked, host_proc

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "hook"))
from test_compatibility import build_libcuda  # noqa: E402

PROBE = "/usr/bin/gpu-probe"
UUID_1 = "GPU-5171a7ed-0000-4000-8000-000000000001"


@pytest.mark.parametrize("devices, gpus", [("all", [0, 1]), ("1", [1]), ("none", [])])
def test_gpus(container, node, low_level, devices, gpus):
    """D-15: exactly these, with the files, links and names of the loader that the plan lists."""
    made = container(low_level, devices=devices)
    with made.created() as view:
        wanted = check_given(made, view)
    check_content(node, wanted["devices"], wanted["mounts"], gpus, driver_files.DEFAULT)


@pytest.mark.parametrize("devices, gpus, value, capabilities", [
    (UUID_1, [1], "utility", ("utility",)), ("0", [0], "all", driver_files.ALL), ("0", [0], "graphics", ("graphics",)),
    ("0", [0], "video,ngx", ("video", "ngx")), ("1,0", [0, 1], "compute", ("compute",)),
    ("0", [0], "compat32", ("compat32",)), ("0,optional", [0], "", driver_files.DEFAULT),
    ("0000:0f:00.0", [1], None, driver_files.DEFAULT), ("runtime.nvidia.com/gpu=1", [1], None, driver_files.DEFAULT),
])
def test_capabilities(container, node, devices, gpus, value, capabilities):
    made = container(devices=devices, capabilities=value)
    with made.created() as view:
        wanted = check_given(made, view)
    check_content(node, wanted["devices"], wanted["mounts"], gpus, capabilities)


@pytest.mark.parametrize("kind", ["debian", "no-cache", "rhel", "distroless", "alpine", "busybox"])
def test_use(container, kind):
    """A program in the container opens its GPU and no other, even by a node that it makes itself; where the image has a
    loader, libcuda is found."""
    text = container(kind=kind, command=[PROBE, "1"]).passed()
    assert text.endswith("ok\n") and "own node 195:0 Operation not permitted" in text
    assert ("libcuda " in text) == (kind != "busybox")


def test_use_of_all(container, low_level):
    assert container(low_level, command=[PROBE, "0", "1"], devices="all").passed().endswith("ok\n")


@pytest.mark.parametrize("settings", [{"user": (1000, 1000)}, {"readonly": True}, {"seccomp": True}], ids=str)
def test_use_in_other_containers(container, settings):
    assert container(command=[PROBE, "1"], **settings).passed().endswith("ok\n")


@pytest.mark.parametrize("devices", ["void", "", None])
def test_nothing_asked(container, node, low_level, devices):
    """D-04: nothing happens, whatever is wrong with the node's settings."""
    node.configure("[[[")
    made = container(low_level, devices=devices)
    before = {path.name: path.lstat().st_mtime_ns for path in (made.bundle.folder / "rootfs/etc").iterdir()}
    with made.created() as view, made.twin(hook=lambda document: None).created() as other:
        assert view.mounts() == other.mounts() and view.nodes() == {} and view.entries() == other.entries()
    assert {path.name: path.lstat().st_mtime_ns for path in (made.bundle.folder / "rootfs/etc").iterdir()} == before
    assert made.twin(command=[PROBE], devices=devices).passed().endswith("ok\n")


# MIG, IMEX and others


def gpu_folder(node, index):
    return f"{DRIVER}/gpus/{node.gpus[index]['address']}"


def files(view, folder):
    """All files below a folder, by path."""
    top = view.path(folder)
    return {f"{folder}/{path.relative_to(top)}" for path in top.rglob("*") if path.is_file()}


def test_driver_folder(nodes, container, low_level):
    """Of the driver's files in procfs the container sees those for all, which say that nobody is to make device
    nodes, and the folders of its own GPUs."""
    node = nodes()
    made = container(low_level, on=node, devices="1", change=host_proc)
    with made.created() as view:
        check_given(made, view, covered={DRIVER, gpu_folder(node, 1)})
        shared = {f"{DRIVER}/{name}" for name in ("params", "version", "registry")}
        assert files(view, DRIVER) == shared | {
            f"{gpu_folder(node, 1)}/{name}" for name in ("information", "registry")}
        host = {path: node.path(path).read_text() for path in shared}
        assert "ModifyDeviceFiles: 1\n" in host[f"{DRIVER}/params"]
        host[f"{DRIVER}/params"] = host[f"{DRIVER}/params"].replace("ModifyDeviceFiles: 1", "ModifyDeviceFiles: 0")
        assert {path: view.path(path).read_text() for path in shared} == host
        information = f"{gpu_folder(node, 1)}/information"
        assert view.path(information).read_text() == node.path(information).read_text()
    assert "ModifyDeviceFiles: 1" in node.path(f"{DRIVER}/params").read_text()


def test_mig_devices(nodes, container):
    """Of a GPU in parts this part: its nodes, its access files, and the GPU's folder in procfs."""
    node = nodes("--mig", "1=2")
    made = container(on=node, devices="1:0", change=host_proc)
    part = {f"{DRIVER}/capabilities/gpu1/mig/gi7/{name}" for name in ("access", "ci0/access")}
    with made.created() as view:
        wanted = check_given(made, view, covered={DRIVER, gpu_folder(node, 1)} | part)
        assert files(view, f"{DRIVER}/capabilities") == part
    assert wanted["devices"].keys() == {
        "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap201",
        "/dev/nvidia-caps/nvidia-cap202"}


def test_use_of_mig_devices(nodes, container):
    node = nodes("--mig", "1=2")
    text = container(on=node, command=[PROBE, "1"], devices="1:1").passed()
    assert text.endswith("ok\n") and "nvidia-cap210 " in text and "nvidia-cap201 " not in text


@pytest.mark.parametrize("access", ["CONFIG", "MONITOR"])
def test_mig_access(nodes, container, access):
    """Who may partition GPUs sees all of them."""
    node = nodes("--mig", "1=2")
    asking = environment(**{f"NVIDIA_MIG_{access}_DEVICES": "all"})
    made = container(on=node, devices="all", change=all_of(host_proc, privileged, asking))
    with made.created() as view:
        wanted = check_given(
            made, view, covered={DRIVER, gpu_folder(node, 0), gpu_folder(node, 1), f"{DRIVER}/capabilities"})
        assert files(view, f"{DRIVER}/capabilities") == {
            str(path).removeprefix(str(node.root)) for path in node.path(f"{DRIVER}/capabilities").rglob("*")
            if path.is_file()}
    assert f"/dev/nvidia-caps/nvidia-cap{1 if access == 'CONFIG' else 2}" in wanted["devices"]
    container(on=node, devices="all", change=asking).refused(1212)


def test_imex_channels_and_gates(nodes, container, low_level):
    node = nodes("--with", "imex", "--with", "gds", "--with", "gdrcopy", "--with", "mofed", "--with", "nvswitch")
    channel = "/dev/nvidia-caps-imex-channels/channel2"
    values = {"NVIDIA_IMEX_CHANNELS": "2"} | {
        f"NVIDIA_{name}": "enabled" for name in ("GDS", "GDRCOPY", "MOFED", "NVSWITCH")}
    made = container(low_level, on=node, environment=values)
    with made.created() as view:
        devices = check_given(made, view)["devices"]
    assert channel in devices and channel.replace("2", "1") not in devices
    for name in ("/dev/nvidia-fs0", "/dev/gdrdrv", "/dev/infiniband/rdma_cm", "/dev/nvidia-nvswitchctl"):
        assert name in devices, devices


# Other hosts


@pytest.mark.parametrize("layout", ["driver-container", "rhel", "debian-alternatives", "gke", "nixos"])
def test_layouts_of_the_driver(nodes, container, layout):
    node = nodes("--layout", layout)
    node.configure("" if node.driver_root == "/" else f'[nvidia-container-cli]\nroot = "{node.driver_root}"\n')
    made = container(on=node, devices="0")
    with made.created() as view:
        check_given(made, view)
    assert made.twin(command=[PROBE, "0"]).passed().endswith("ok\n")


@pytest.mark.parametrize("options", [("tegra",), ("tegra", "--discrete-gpu"), ("wsl",)], ids=str)
def test_platforms(nodes, container, options):
    node = nodes("--platform", *options)
    made = container(on=node, devices="all", change=host_proc)
    with made.created() as view:
        wanted = check_given(made, view)
    assert wanted["devices"] and wanted["mounts"]


def test_nodes_of_a_group(nodes, container):
    """The nodes keep mode and owner; the user's groups are settled already, so that they must have that one."""
    node = nodes("--mode", "0660", "--group", "44")
    made = container(on=node)
    with made.created() as view:
        assert {values[2:] for values in view.nodes().values()} == {(0o660, 0, 44)}


@pytest.mark.parametrize("settings, is_used", [
    ("", True), ('cuda-compat-mode = "mount"\n', True), ('cuda-compat-mode = "disabled"\n', False),
])
def test_forward_compatibility(container, node, settings, is_used):
    """The choice between the driver's CUDA and the image's is made as in the other modes, and here a setting counts."""
    node.configure(f"[nvidia-container-runtime.modes.legacy]\n{settings}")
    made = container()
    folder = made.bundle.folder / "rootfs/usr/local/cuda/compat"
    build_libcuda(f"{folder}/libcuda.so.575.57.08", 575)
    (folder / "libcuda.so.1").symlink_to("libcuda.so.575.57.08")
    with made.created() as view:
        path = next(path for name, path in view.cache() if name == "libcuda.so.1")
    assert path == ("/usr/local/cuda/compat/libcuda.so.1" if is_used else f"{FOLDER}/libcuda.so.1")


# What is refused


def test_no_cgroups(container, node):
    """no-cgroups: the nodes are there, and who set it has to allow them."""
    node.configure(NO_CGROUPS)
    text = container(command=["/usr/bin/sh", "-c", "ls /dev/nvidia1; (: </dev/nvidia1); echo end"]).run()
    assert text.returncode == 0 and b"/dev/nvidia1\nend" in text.stdout and b"not permitted" in text.stderr


REFUSED = {
    # settings, request, error
    "mode cdi": ('[nvidia-container-runtime]\nmode = "cdi"\n', {"devices": "0"}, 1501),
    "a CDI device": ("", {"devices": "nvidia.com/gpu=0"}, 1501),
    "no such GPU": ("", {"devices": "7"}, 1204),
    "no name": ("", {"devices": "$(id)"}, 1201),
    "unknown capability": ("", {"capabilities": "cuda"}, 1202),
    "unsupported capability": ('supported-driver-capabilities = "utility"\n', {"capabilities": "video"}, 1203),
    "requirement": ("", {"environment": {"NVIDIA_REQUIRE_CUDA": "cuda>=99"}}, 1301),
    "broken settings": ("[[[", {}, 1151),
    "policy": ("[nvidia-container-runtime.policy]\nmax-gpus = 0\n", {}, 1702),
    "no driver there": ('[nvidia-container-cli]\nroot = "/nowhere"\n', {}, 1404),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refusals(container, node, low_level, kind):
    settings, request, id = REFUSED[kind]
    node.configure(settings)
    container(low_level, **request).refused(id)


def test_cdi_devices_are_for_runtimes(container, node):
    """NVR1813: also where they could be found."""
    node.write_cdi(cdi_specification(node))
    container(devices="nvidia.com/gpu=0").refused(1813, "--runtime=nvidia")
    node.configure('[nvidia-container-runtime]\nmode = "cdi"\n')
    container(devices="0").refused(1813)


@pytest.mark.parametrize("options", [(), ("--no-driver",)], ids=["driver", "no driver"])
def test_soft_requests(nodes, container, options):
    """Where there is a GPU it is given; elsewhere the container runs without."""
    made = container(on=nodes(*options), command=[PROBE] if options else [PROBE, "1"], devices="1,optional")
    assert made.passed().endswith("ok\n")


def test_unprivileged(container, node):
    """D-01: started without, as in every mode."""
    node.configure("accept-nvidia-visible-devices-envvar-when-unprivileged = false\n")
    assert container(command=[PROBE]).passed().endswith("ok\n")
    assert container(command=[PROBE, "1"], change=privileged).passed().endswith("ok\n")


# The hook's place


@pytest.mark.parametrize("words", [
    ("prestart",), ("-debug", "prestart"), ("-config=/etc/nvidia-container-runtime/config.toml", "prestart"),
    ("--config", "/etc/nvidia-container-runtime/config.toml", "--debug", "prestart"),
    ("-handler", "nvidia-container-runtime.legacy", "prestart"),
], ids=str)
def test_words_of_the_hook(container, words):
    assert container(hook=hooked(*words), command=[PROBE, "1"]).passed().endswith("ok\n")


def test_hooks_of_files(container, node):
    """hooks.d's of the original: another name, and no environment; and a stage that came later."""
    for path in ("/usr/bin/nvidia-container-toolkit", "/usr/bin/nvidia-runtime-hook"):
        hook = {"path": path, "args": ["nvidia-container-toolkit", "prestart"], "env": ["PATH=/usr/bin"]}
        made = container(hook=lambda document: document.update(hooks={"prestart": [hook]}), command=[PROBE, "1"])
        assert made.passed().endswith("ok\n")
    made = container(hook=lambda document: document.update(hooks={"createRuntime": [hook]}), command=[PROBE, "1"])
    assert made.passed().endswith("ok\n")


def test_started_again(container):
    """A second container of the same bundle, whose root has what the first one left there."""
    made = container(command=[PROBE, "1"])
    for _ in range(3):
        assert made.passed().endswith("ok\n")


def test_environment_of_the_hook(container):
    """What Docker gives it: dockerd's own environment."""
    variables = ["LD_PRELOAD=/nowhere.so", "NVIDIA_VISIBLE_DEVICES=all", "SWIFT_BACKTRACE=enable=yes", "PATH=/nowhere"]
    made = container(hook=hooked(env=variables), command=[PROBE, "1"])
    assert made.passed().endswith("ok\n")

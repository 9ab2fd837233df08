# SPDX-License-Identifier: Apache-2.0
"""`info` and `list`, byte for byte, on machines of every kind."""

import json

import pytest
from container_cli import golden

NODES = {
    "node": ("--minor-order", "reversed", "--with", "fabricmanager", "--compat32"),
    "mig": ("--mig", "0=3g.20gb,1g.5gb", "--with", "imex"),
    "no-gpu": ("--gpus", "0"),
    "rhel": ("--layout", "rhel", "--gpus", "1", "--model", "Tesla T4"),
    "tegra": ("--platform", "tegra"),
    "thor": ("--platform", "tegra", "--discrete-gpu"),
}
UNPRIVILEGED = ("setpriv", "--reuid=1000", "--regid=1000", "--clear-groups")
USER_NAMESPACE = ("unshare", "--user", "--map-root-user")


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("command, option, suffix", [
    ("info", "", "txt"), ("info", "--csv", "csv"), ("info", "--json", "json"), ("list", "", "txt"),
    ("list", "--json", "json")])
def test_golden(nodes, name, command, option, suffix):
    """The same for root, for another user and for root of a user namespace."""
    node = nodes(*NODES[name])
    arguments = [command, option] if option else [command]
    text = node.output(*arguments)
    golden(f"{command}-{name}.{suffix}", text)
    for prefix in (UNPRIVILEGED, USER_NAMESPACE):
        assert node.output(*arguments, prefix=prefix) == text, prefix


def test_wsl(nodes):
    """One device for all GPUs. Of these only NVML knows, and the simulated one knows none there."""
    node = nodes("--platform", "wsl")
    text = node.output("list")
    golden("list-wsl.txt", text)
    assert node.output("list", prefix=UNPRIVILEGED) == text
    assert node.output("list", "-d", "1") == "/dev/dxg\n"
    assert node.error("info").startswith("initialization error: NVML can't be asked: ")


@pytest.mark.parametrize("break_nvml", ["helper", "library", "behaviour"])
def test_without_nvml(new_node, break_nvml):
    """What only NVML knows is N/A, null in JSON, and the rest is there."""
    node = new_node()
    complete = node.output("info").splitlines()
    if break_nvml == "helper":
        node.path("/usr/bin/nvidia-runtime-nvml").unlink()
    elif break_nvml == "library":
        node.run("sh", "-c", "rm -f /usr/lib/x86_64-linux-gnu/libnvidia-ml.so*")
    else:
        node.path("/run/simulated-nvml").write_text("fail: nvmlDeviceGetCount_v2\n")
    node.run("rm", "-rf", "/run/nvidia-runtime")
    lines = node.output("info").splitlines()
    unknown = ("CUDA version:", "Brand:", "Architecture:")
    expected = [line[:16] + "N/A" if line.startswith(unknown) else line for line in complete]
    assert lines == expected
    document = json.loads(node.output("info", "--json"))
    assert document["cudaVersion"] is None and document["gpus"][1]["brand"] is None
    assert document["gpus"][1]["index"] == 1


def test_nvml_is_asked_once(new_node):
    """Its answer is kept for the runtime and taken from there."""
    node = new_node()
    node.count_nvml_calls()
    first = node.output("info")
    assert node.output("info") == first
    assert node.nvml_calls == 1


CONTROL = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset"]


def test_devices(node):
    """By index, UUID in any case and bus address in any length, each once, in the order asked for."""
    first, second = (f"/dev/nvidia{gpu['minor']}" for gpu in node.gpus)
    assert (first, second) == ("/dev/nvidia1", "/dev/nvidia0")
    uuid, bus = node.uuids[0], node.gpus[0]["address"]
    domain, number, rest = bus.split(":")
    for name in ("0", "00", uuid, uuid.upper(), uuid.lower(), bus, "0000" + bus, f"0:{number.lstrip('0')}:{rest}",
                 f"0:{number}:{rest.partition('.')[0]}", "0,0", f",0,,{uuid},"):
        assert node.output("list", "--device", name).splitlines() == [*CONTROL, first], name
    assert node.output("list", "-d1", "-d", "0").splitlines() == [*CONTROL, second, first]
    for name in ("all", "ALL", "1,all,nonsense", "all,nonsense"):
        assert node.output("list", "-d", name).splitlines() == [*CONTROL, first, second], name
    for name in ("", ","):
        assert node.output("list", "-d", name).splitlines() == CONTROL


def test_parts(node):
    """Each option lists its part, in the order of the whole list."""
    everything = node.output("list").splitlines()
    libraries = node.output("list", "--libraries").splitlines()
    both = node.output("list", "--compat32", "-l").splitlines()
    assert both[:len(libraries)] == libraries and all("/i386-" in path for path in both[len(libraries):])
    parts = [["-d", "all"], ["-b"], ["-l", "--compat32"], ["-i"], ["-f"]]
    assert [path for part in parts for path in node.output("list", *part).splitlines()] == everything
    assert node.output("list", "-fibl", "--compat32", "-dall").splitlines() == everything
    assert node.output("list", "--compat32") == ""
    without = node.output("list", "--no-persistenced", "--no-fabricmanager", "--no-gsp-firmware").splitlines()
    assert set(everything) - set(without) == {
        "/run/nvidia-persistenced/socket", "/run/nvidia-fabricmanager/socket",
        *(path for path in everything if "gsp_" in path)}
    assert node.output("list", "-i", "--no-persistenced") == "/run/nvidia-fabricmanager/socket\n"
    for path in everything:
        assert node.path(path).exists() and (path.startswith("/dev") or not node.path(path).is_symlink()), path


def test_mps_directory(new_node):
    """Root's, with its daemon's socket in it; by CUDA_MPS_PIPE_DIRECTORY another one."""
    node = new_node()
    make = "mkdir $0 && python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' $0/control"
    node.run("sh", "-c", make, "/var/mps")
    sockets = node.output("list", "--ipcs")
    assert node.output("list", "--ipcs", env={"CUDA_MPS_PIPE_DIRECTORY": "/var/mps"}) == sockets + "/var/mps\n"
    for bad in ("/etc", "/var/../var/mps", "var/mps", "/nowhere", "/var/mps/control"):
        assert node.output("list", "--ipcs", env={"CUDA_MPS_PIPE_DIRECTORY": bad}) == sockets, bad


def test_mig(mig):
    """Of a partition its GPU, the access files and their nodes; the rights over all partitions have it all."""
    base = "/proc/driver/nvidia/capabilities/gpu0/mig"
    access = [f"{base}/gi7/access", f"{base}/gi7/ci0/access", "/dev/nvidia-caps/nvidia-cap66",
              "/dev/nvidia-caps/nvidia-cap67"]
    uuid = json.loads(mig.output("info", "--json"))["gpus"][0]["migDevices"][1]["uuid"]
    for name in ("0:1", uuid, uuid.lower(), f"MIG-{mig.uuids[0]}/7/0"):
        for prefix in ((), USER_NAMESPACE):
            listed = mig.output("list", "-d", name, prefix=prefix).splitlines()
            assert listed == [*CONTROL, "/dev/nvidia0", *access], (name, prefix)
    assert mig.output("list", "-d", "1").splitlines() == [*CONTROL, "/dev/nvidia1"]
    minors = [line.split() for line in mig.path("/proc/driver/nvidia-caps/mig-minors").read_text().splitlines()]
    for option, kind in (("--mig-config", "config"), ("--mig-monitor", "monitor")):
        node = f"/dev/nvidia-caps/nvidia-cap{dict(minors)[kind]}"
        listed = mig.output("list", "-d", "0", f"{option}=all").splitlines()
        own = [f"/dev/nvidia-caps/nvidia-cap{minor}" for name, minor in minors if name.startswith("gpu0/")]
        assert len(own) > 100
        assert listed == [
            *CONTROL, "/dev/nvidia0", f"/proc/driver/nvidia/capabilities/mig/{kind}", node, base, "/dev/nvidia-caps",
            *own]
        assert mig.output("list", f"{option}=all") == ""
        assert mig.error("list", "-d", "0:1", f"{option}=all").startswith(
            f"mig-{kind} error: all: cannot enable mig-{kind} with specific MIG devices selected; ")
    assert mig.error("list", "-d", "0:2").startswith("device error: 0:2: unknown device; GPU 0 has 0:0 (MIG-GPU-")


def test_imex(mig):
    channels = [f"/dev/nvidia-caps-imex-channels/channel{number}" for number in (0, 3)]
    assert mig.output("list", "-d", "1", "--imex-channel=0,3", "--imex-channel", "3").splitlines() == [
        *CONTROL, "/dev/nvidia1", *channels]
    everything = mig.output("list").splitlines()
    with_channel = mig.output("list", "--imex-channel=0").splitlines()
    assert [path for path in with_channel if path != channels[0]] == everything
    assert json.loads(mig.output("list", "--json", "-d", "", "--imex-channel=0"))["imexChannels"] == channels[:1]


def test_nodes_that_are_missing(new_node):
    """They are not listed, but for those that the module makes when they are asked for; nothing is made."""
    node = new_node("--missing", "nvidia-uvm", "--missing", "nvidia-modeset", "--missing", "nvidia0")
    before = sorted(path.name for path in node.path("/dev").iterdir())
    assert node.output("list", "-d", "all").splitlines() == [
        "/dev/nvidiactl", "/dev/nvidia-uvm-tools", "/dev/nvidia0", "/dev/nvidia1"]
    assert sorted(path.name for path in node.path("/dev").iterdir()) == before
    assert node.output("-k", "list", "-d", "all").splitlines() == [*CONTROL, "/dev/nvidia0", "/dev/nvidia1"]


def test_driver_root(nodes):
    """Paths are those below the driver root, as in the original."""
    node = nodes("--layout", "driver-container")
    listed = node.output("--root", node.driver_root, "list", "-lb").splitlines()
    assert listed and all(node.path(node.driver_root + path).is_file() for path in listed)
    assert node.output("--root", node.driver_root, "info").startswith("NVRM version:   570.86.15\n")


def test_loader_cache(new_node):
    """--ldcache names another one, in which there are libraries of a folder that nothing else names."""
    node = new_node()
    move = "mkdir /opt/odd; mv /usr/lib/x86_64-linux-gnu/libcuda.so* /opt/odd; ldconfig"
    node.run("sh", "-c", f"{move}; ldconfig -f /dev/null -C /etc/odd.cache /opt/odd")
    library = "/opt/odd/libcuda.so.570.86.15"
    assert library not in node.output("list", "-l").splitlines()
    assert library in node.output("--ldcache=/etc/odd.cache", "list", "-l").splitlines()
    assert node.error("configure", "--compute", "/var/tmp").startswith("detection error: driver library not found: ")
    assert node.output("-l", "/nowhere", "list", "-l") == node.output("list", "-l")


def test_lost_gpu(nodes):
    """It is left out and the others keep their numbers."""
    node = nodes("--lost", "0")
    assert [line for line in node.output("info").splitlines() if line.startswith("Device Index")] == [
        "Device Index:   1"]
    assert node.output("list", "-d", "1").splitlines()[-1] == "/dev/nvidia1"
    assert node.error("list", "-d", "0").startswith("device error: GPU 0 (")


def test_without_driver(bare):
    for command in (["info"], ["info", "--json"], ["list"], ["list", "-d", "9"], ["configure", "/var/tmp"]):
        assert bare.error(*command).startswith(
            "initialization error: NVIDIA kernel module is not loaded: /proc/driver/nvidia/version does not exist; ")


def test_full_disk(node):
    """An output that is cut off is an error."""
    result = node.run("sh", "-c", "nvidia-container-cli list >/dev/full", text=True)
    assert (result.returncode, result.stderr) == (
        1, "nvidia-container-cli: output error: write: No space left on device\n")

# SPDX-License-Identifier: Apache-2.0
"""What the engine suites share: the node, the installed runtime, and the check that nothing stays behind."""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "testdata/images"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from engines import Docker, Podman, containerd_cri  # noqa: E402
from support import CONFIGURATION, Machine, Node  # noqa: E402

DESCRIPTION = Path("/run/simulated-node.json")
# Capabilities that some virtual machines withhold even from root, by bit number, and what then cannot work.
CAPABILITIES = {
    "CAP_SYS_RESOURCE": (
        24,
        "crun raises RLIMIT_MEMLOCK for the device filter of cgroup v2, Docker's --privileged wants all",
    )
}


def pytest_configure(config):
    if not DESCRIPTION.exists():
        pytest.exit("the engine suites run on a simulated node: use Tests/engines/run", returncode=2)


def pytest_runtest_setup(item):
    for marker in item.iter_markers("needs"):
        bit, reason = CAPABILITIES[marker.args[0]]
        status = Path("/proc/self/status").read_text()
        bounding = int(status.partition("CapBnd:")[2].split(None, 1)[0], 16)
        if not bounding >> bit & 1:
            item.skip_is_explained = True
            pytest.skip(f"root has no {marker.args[0]} here: {reason}")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that is skipped without a reason of CAPABILITIES has failed: an engine that isn't there isn't tested."""
    report = (yield).get_result()
    if report.skipped and not getattr(item, "skip_is_explained", False):
        report.outcome = "failed"


@pytest.fixture(scope="session")
def node():
    return Node(json.loads(DESCRIPTION.read_text()))


@pytest.fixture(scope="session", autouse=True)
def installed(node):
    """The programs under test in /usr/bin of the node, under all the names that the packages install."""

    def install(variable, name, links):
        shutil.copy2(os.environ[variable], f"/usr/bin/{name}")
        for link in links:
            Path("/usr/bin", link).symlink_to(name)

    install(
        "NVIDIA_RUNTIME",
        "nvidia-runtime",
        ["nvidia-container-runtime", "nvidia-container-runtime.cdi", "nvidia-container-runtime.legacy"],
    )
    install(
        "NVIDIA_RUNTIME_HOOK",
        "nvidia-runtime-hook",
        ["nvidia-container-runtime-hook", "nvidia-container-toolkit", "nvidia-cdi-hook"],
    )
    install("NVIDIA_RUNTIME_NVML", "nvidia-runtime-nvml", [])
    CONFIGURATION.write_text(node.configuration())
    return Path("/usr/bin/nvidia-container-runtime")


@pytest.fixture
def configured(node):
    """Calls `node.configuration` for a config.toml that counts until the test ends."""
    yield lambda **settings: CONFIGURATION.write_text(node.configuration(**settings))
    CONFIGURATION.write_text(node.configuration())


@pytest.fixture(scope="module", autouse=True)
def leaves_nothing():
    """After a module's engine is gone, the machine has the mounts, processes and cgroups that it had before."""
    before = Machine.now()
    yield
    left = before.wait_until_left_alone(seconds=10)
    assert not left, "left behind: " + "; ".join(left)


@pytest.fixture(scope="module")
def folder():
    """A folder on a real disk: an engine's own overlays cannot lie on the node's."""
    path = Path(tempfile.mkdtemp(prefix="engines.", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def client(folder, installed):
    """containerd's CRI."""
    yield from containerd_cri(folder)


@pytest.fixture
def pod(client, folder, request):
    """Runs containers in a pod of its own; "nvidia" is its runtime class unless a test asks for another."""
    handler = getattr(request, "param", "nvidia")
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")
    sandbox, configuration = client.run_sandbox(name, folder, handler)
    sleep = ["/usr/bin/sleep", "1000"]
    try:
        yield lambda name, environment, image="probe", **further: client.start_container(
            sandbox, configuration, name, f"localhost/{image}:latest", sleep, environment, **further
        )
    finally:
        client.remove_sandbox(sandbox)


@pytest.fixture(scope="module")
def docker(folder, installed):
    """dockerd with runc as its default runtime and ours as "nvidia"."""
    yield from Docker.started(folder, "runc")


@pytest.fixture(scope="module")
def default_docker(folder, installed):
    """dockerd with ours as its default runtime."""
    yield from Docker.started(folder, "nvidia")


@pytest.fixture(scope="module")
def podman(folder, installed):
    """podman with ours in runc's place."""
    yield from Podman.started(folder, installed)

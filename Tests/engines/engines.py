# SPDX-License-Identifier: Apache-2.0
"""Engines of our own, each with its data in a folder, and with the images that the tests need."""

import json
import time
from pathlib import Path

import cri
import images
from support import CAPABILITIES, Daemon, run, succeed

RUNTIMES = ("nvidia-container-runtime", "nvidia-container-runtime.cdi")
PROBE_IMAGE, CUDA_IMAGE = "localhost/probe:latest", "localhost/cuda:latest"


def containerd_cri(folder):
    """A client of containerd's CRI plugin, which is configured as nvidia-ctk does it: the runtime classes "nvidia" and
    "nvidia-cdi", and the annotations that a device plugin writes handed on to them."""
    socket, configuration = folder / "containerd.sock", folder / "containerd.toml"
    runtimes = "".join(
        f"""
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}]
      runtime_type = "io.containerd.runc.v2"
      container_annotations = ["cdi.k8s.io/*", "nvidia-runtime/*"]
      pod_annotations = ["cdi.k8s.io/*", "nvidia-runtime/*"]
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.{handler}.options]
        BinaryName = "/usr/bin/{name}"
"""
        for handler, name in zip(("nvidia", "nvidia-cdi"), RUNTIMES)
    )
    configuration.write_text(
        f"""version = 2
root = "{folder}/root"
state = "{folder}/state"
oom_score = 0
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:latest"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
{runtimes}"""
    )
    daemon = Daemon(
        folder, "containerd", "containerd", "--config", configuration, ready=["ctr", "-a", socket, "version"]
    )
    try:
        for name in ("pause", "probe", "cuda"):
            succeed("ctr", "-a", socket, "-n", "k8s.io", "images", "import", images.image(name))
        connection = cri.Client(socket)
        try:
            assert connection.version().runtime_name == "containerd"
            yield connection
        finally:
            connection.close()
    finally:
        daemon.stop()


class Docker:
    """A dockerd of our own and its client."""

    def __init__(self, folder, default_runtime):
        socket, data = f"unix://{folder}/{default_runtime}.sock", folder / default_runtime
        self.environment = {"DOCKER_HOST": socket, "DOCKER_CONFIG": str(folder / "client")}
        configuration = folder / f"{default_runtime}.json"
        runtimes = dict(zip(("nvidia", "nvidia-cdi"), RUNTIMES))
        configuration.write_text(
            json.dumps(
                {
                    "runtimes": {name: {"path": f"/usr/bin/{program}"} for name, program in runtimes.items()},
                    "default-runtime": default_runtime,
                    "hosts": [socket],
                    "data-root": f"{data}/data",
                    "exec-root": f"{data}/exec",
                    "pidfile": f"{data}.pid",
                    "bridge": "none",
                    "iptables": False,
                    "ip-forward": False,
                    "storage-driver": "overlay2",
                    "oom-score-adjust": 0,
                    "exec-opts": ["native.cgroupdriver=cgroupfs"],
                }
            )
        )
        self.daemon = Daemon(
            folder,
            f"dockerd-{default_runtime}",
            "dockerd",
            "--config-file",
            configuration,
            ready=["docker", "-H", socket, "version"],
        )

    @classmethod
    def started(cls, folder, default_runtime):
        docker = cls(folder, default_runtime)
        try:
            for name in ("probe", "cuda"):
                docker("load", "-q", "-i", images.image(name))
            yield docker
        finally:
            docker.daemon.stop()

    def __call__(self, *arguments):
        result = self.attempt(*arguments)
        assert result.code == 0, result
        return result.output

    def attempt(self, *arguments):
        return run("docker", *arguments, environment=self.environment)


def words(*options, request=None, capabilities=CAPABILITIES):
    """`docker run` or `podman run` with a request and options."""
    variables = ["-e", f"NVIDIA_VISIBLE_DEVICES={request}"] if request is not None else []
    variables += ["-e", f"NVIDIA_DRIVER_CAPABILITIES={capabilities}"]
    return ["run", "--rm", "--network", "none", *variables, *options]


def wait_for_end_of(folder):
    """Until no process has the folder in its command line."""
    deadline = time.monotonic() + 10

    def is_named():
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(folder).encode() in path.read_bytes():
                    return True
            except OSError:
                continue  # it ended meanwhile
        return False

    while is_named() and time.monotonic() < deadline:
        time.sleep(0.05)


class Podman:
    """podman with storage of its own. It has no daemon; conmon starts the runtime."""

    def __init__(self, folder, runtime):
        self.runtime = runtime
        # Lower limits than podman's defaults, which a machine without CAP_SYS_RESOURCE cannot raise to.
        configuration = folder / "containers.conf"
        configuration.write_text(
            """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
apparmor_profile = "unconfined"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "none"
"""
        )
        self.environment = {"CONTAINERS_CONF": str(configuration)}
        self.base = ["podman", "--root", folder / "root", "--runroot", folder / "run", "--tmpdir", folder / "tmp"]
        self.base += ["--storage-driver", "overlay"]

    @classmethod
    def started(cls, folder, runtime):
        podman = cls(folder, runtime)
        result = podman("load", "-q", "-i", images.image("probe"))
        assert result.code == 0, result
        yield podman
        wait_for_end_of(folder)  # conmon cleans up after a container by itself, and podman mounts its storage for that
        run("umount", folder / "root/overlay")  # podman's own mount, which it leaves

    def __call__(self, *arguments, runtime=None, options=(), prefix=()):
        """`options` go before podman's command, and `prefix` before podman."""
        words = [*prefix, *self.base, "--runtime", runtime or self.runtime, *options, *arguments]
        return run(*words, environment=self.environment)

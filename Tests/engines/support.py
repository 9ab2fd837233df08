# SPDX-License-Identifier: Apache-2.0
"""The simulated node as the tests see it, commands with a time limit, and daemons that are stopped."""

import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CGROUP_VIEW = REPOSITORY / "testdata/simulated-node/cgroup-view"
CONFIGURATION = Path("/etc/nvidia-container-runtime/config.toml")
PROBE = "/usr/bin/gpu-probe"
CAPABILITIES = "compute,utility"
UNKNOWN_GPU = "GPU-00000000-0000-0000-0000-000000000000"
ENGINE_CGROUPS = ("docker", "default", "k8s.io", "libpod_parent", "conmon")  # engines keep them, without containers


class Result:
    def __init__(self, code, output, errors):
        self.code, self.output, self.errors = code, output, errors

    def __repr__(self):
        return f"exit code {self.code}\n{self.output}{self.errors}"


def run(*command, environment=None, timeout=60):
    """Runs a command to its end; a hang is a failure, not a stuck suite. Its output goes to files, not to pipes, which
    a container that stays behind would hold open."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read())
    result = Result(process.returncode, *texts)
    assert result.code != -signal.SIGKILL, f"no end after {timeout} s: {' '.join(words)}: {result}"
    return result


def succeed(*command, **settings):
    result = run(*command, **settings)
    assert result.code == 0, f"{' '.join(str(word) for word in command)}: {result}"
    return result.output


class Node:
    """The description that simulate-node leaves in the node."""

    def __init__(self, description):
        self.gpus = description["gpus"]
        self.driver_root = description["driver_root"]
        self.version = description["library_version"]
        self.layout = description["layout"]
        self.mig_devices = description["mig_devices"]
        self.nodes = description["nodes"]

    def configuration(self, runtimes=("runc",), general="", more=""):
        """A config.toml with what this node needs to be told. `general` are lines outside of a table, `more` are lines
        of the runtime's table and further tables."""
        root = f'root = "{self.driver_root}"\n' if self.driver_root != "/" else ""
        names = ", ".join(f'"{name}"' for name in runtimes)
        return (
            f"{general}\n[nvidia-container-cli]\n{root}\n[nvidia-container-runtime]\nruntimes = [{names}]\n{more}\n"
        )

    def device(self, name):
        """The GPU "1" or the MIG device "3:0"."""
        gpu, _, mig = name.partition(":")
        if not mig:
            return self.gpus[int(gpu)]
        return next(one for one in self.mig_devices if (one["gpu"], one["index"]) == (int(gpu), int(mig)))

    def capability_nodes(self, *names):
        """The nodes that open the MIG devices among these devices."""
        devices = [self.device(name) for name in names if ":" in name]
        minors = {one[f"{kind}_instance_minor"] for one in devices for kind in ("gpu", "compute")}
        return {f"/dev/nvidia-caps/nvidia-cap{minor}" for minor in minors}

    def request(self, *indexes):
        """The value of NVIDIA_VISIBLE_DEVICES for GPUs by index."""
        return ",".join(str(index) for index in indexes)

    def minors(self, *indexes):
        """What gpu-probe has to find for them."""
        return [str(self.gpus[index]["minor"]) for index in indexes]

    def all_minors(self):
        return self.minors(*range(len(self.gpus)))


def check_probe(output, libraries=True, cache=True):
    """gpu-probe's own verdict, and that it had the driver's library from where a container should have it."""
    lines = output.splitlines()
    assert lines and lines[-1] == "ok", output
    if libraries:
        library = next((line for line in lines if line.startswith("libcuda ")), "")
        assert library.startswith("libcuda /"), output
        if cache:
            assert " cache yes " in library, output


def check_devices(output, node, *names, **settings):
    """gpu-probe (started with `probe(...)`) saw exactly these GPUs and MIG devices."""
    check_probe(output, **settings)
    assert shown_nodes(output, "/dev/nvidia-caps/") == node.capability_nodes(*names), output


def probe(node, *names):
    """The command that looks for exactly these GPUs and MIG devices, the latter by the GPUs that they are of."""
    return [PROBE, *sorted({minor for name in names for minor in node.minors(int(name.partition(":")[0]))})]


def shown_nodes(output, prefix):
    """The nodes that gpu-probe saw, of those whose path starts so. It has failed if the device cgroup refuses one."""
    paths = (line.split()[1] for line in output.splitlines() if line.startswith("node "))
    return {path for path in paths if path.startswith(prefix)}


def check_nvidia_smi(output, node, minors):
    """nvidia-smi found its library and shows these GPUs and no others."""
    assert f"Driver Version: {node.version}" in output, output
    shown = [line.split()[2] for line in output.splitlines() if line.startswith("GPU ")]
    assert sorted(shown) == sorted(f"/dev/nvidia{minor}" for minor in minors), output


def check_refusal(result):
    """A container that asked for UNKNOWN_GPU did not start, and the engine shows which GPU is missing."""
    assert result.code != 0 and UNKNOWN_GPU in result.errors, result


class Machine:
    """Mounts, processes and cgroups at one moment. Inside the node's PID namespace nobody else's processes show."""

    def __init__(self, mounts, processes, cgroups):
        self.mounts, self.processes, self.cgroups = mounts, processes, cgroups

    @classmethod
    def now(cls):
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        mounts = {(words[4], words[0]) for words in map(str.split, lines)}  # by number: one mount may hide another
        processes = set()
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                try:
                    processes.add(
                        (int(entry.name), Path(entry.path, "stat").read_text().rpartition(")")[2].split()[19])
                    )
                except OSError:
                    continue  # it ended meanwhile
        cgroups = set()
        for folder, below, _ in os.walk("/sys/fs/cgroup"):
            cgroups.update(os.path.join(folder, name) for name in below if name not in ENGINE_CGROUPS)
        return cls(mounts, processes, cgroups)

    def left_since(self):
        now = Machine.now()
        for pid, start in sorted(now.processes - self.processes):
            try:
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if command:  # a zombie that process 1 is about to collect has none
                yield f"process {pid}: {command.strip()}"
        yield from (f"mount {path}" for path, _ in sorted(now.mounts - self.mounts))
        yield from (f"cgroup {path}" for path in sorted(now.cgroups - self.cgroups))

    def wait_until_left_alone(self, seconds):
        deadline = time.monotonic() + seconds
        while left := list(self.left_since()):
            if time.monotonic() > deadline:
                return left
            time.sleep(0.05)
        return []


class Daemon:
    """An engine's daemon: started, waited for, and stopped for certain."""

    def __init__(self, folder, name, *command, ready, environment=None):
        self.log = folder / f"{name}.log"
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while run(*ready, timeout=10).code != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError(f"{name} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"the daemon had to be killed:\n{self.log.read_text()[-4000:]}") from None

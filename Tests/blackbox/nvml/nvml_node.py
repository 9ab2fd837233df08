# SPDX-License-Identifier: Apache-2.0
"""A simulated node with the NVML helper installed, and `ask`, which is our side of it."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "Tests/blackbox/inject"))
from injection import Node  # noqa: E402

HELPER = "/usr/bin/nvidia-runtime-nvml"
LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
# Where the simulated NVML is told to misbehave, and counts how often it was started.
BEHAVIOUR, CALLS = "/run/simulated-nvml", "/run/simulated-nvml.calls"


@cache
def build_ask():
    """ask.swift, linked with the modules that the unit tests have built."""
    build = Path(os.environ["NVIDIA_RUNTIME_NVML"]).parents[1]
    scratch = (build / "swift-test").resolve()
    command = ["swift", "build", "--quiet", "--scratch-path", scratch, "--target", "LibContainer"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    modules, objects = scratch / "debug", []
    for name in ("CLinux", "Linux", "LibContainer"):
        sources = (REPOSITORY / "Sources" / name).rglob("*.[sc]*")
        objects += [modules / f"{name}.build/{source.name}.o" for source in sources]
    program = build / "nvml-ask"
    subprocess.run(
        ["swiftc", "-swift-version", "6", "-parse-as-library", "-static-stdlib", "-I", modules / "Modules",
         "-Xcc", f"-fmodule-map-file={modules / 'CLinux.build/module.modulemap'}",
         Path(__file__).with_name("ask.swift"), *objects, "-o", program],
        check=True)
    return program


class NVMLNode(Node):
    """A simulated node on which NVML can be asked, and can misbehave."""

    def __init__(self, *options):
        super().__init__(*options)
        self._install(build_ask(), "/usr/bin/ask")
        self.path(CALLS).touch()

    def behave(self, **settings):
        """How NVML misbehaves from now on; as usual without settings."""
        text = "".join(f"{key.replace('_', ' ')}: {value}\n" for key, value in settings.items())
        self.path(BEHAVIOUR).write_text(text)

    @property
    def calls(self):
        """How often NVML has been started."""
        return len(self.path(CALLS).read_text().splitlines())

    def helper(self, library=LIBRARY, **options):
        """What the helper prints: exit status, standard output and error."""
        result = self.run(HELPER, library, text=True, **options)
        return result.returncode, result.stdout, result.stderr

    def ask(self, library=LIBRARY, milliseconds=5000):
        """The lines of a report, and nothing in time."""
        result = self.run("ask", library, self.driver_version, self.mig_layout(), milliseconds, text=True)
        if result.returncode:
            raise Refusal(result.stderr.removesuffix("\n"))
        return result.stdout.splitlines()

    def mig_layout(self):
        """What changes with the GPUs and MIG devices of the node."""
        folders = self.path("/proc/driver/nvidia/capabilities")
        return " ".join(sorted(str(path.relative_to(folders)) for path in folders.rglob("*")))

    def processes(self):
        """The names of all processes of the node."""
        names = self.run("sh", "-c", "cat /proc/[0-9]*/comm", text=True).stdout.split()
        return sorted(set(names) - {"sh", "cat", "sleep", "simulate-node", "python3"})


class Refusal(Exception):
    """NVML could not be asked; the message is the one for the user."""

# SPDX-License-Identifier: Apache-2.0
"""nvidia-container-cli on simulated nodes."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "Tests/blackbox/inject"))
from injection import Node, images  # noqa: E402

PROGRAM = "/usr/bin/nvidia-container-cli"
DATA = REPOSITORY / "testdata/container-cli"
COMMAND_LINES = json.loads((DATA / "command-lines.json").read_text())


class CLINode(Node):
    """A simulated node with the program installed."""

    def __init__(self, *options):
        super().__init__(*options)
        self._install(os.environ["NVIDIA_CONTAINER_CLI"], PROGRAM)

    def cli(self, *arguments, prefix=(), **options):
        """Runs the program: exit status, standard output and error."""
        result = self.run(*prefix, "nvidia-container-cli", *arguments, **options)
        assert result.returncode in (0, 1), result
        return result.returncode, result.stdout.decode(), result.stderr.decode()

    def output(self, *arguments, **options):
        """What the program prints; it succeeds and is silent on standard error."""
        status, output, errors = self.cli(*arguments, **options)
        assert (status, errors) == (0, ""), errors
        return output

    def error(self, *arguments, **options):
        """The one line that the program fails with."""
        status, output, errors = self.cli(*arguments, **options)
        assert (status, output) == (1, ""), (status, output)
        line = errors.removesuffix("\n")
        assert errors == line + "\n" and "\n" not in line, errors
        assert line.startswith("nvidia-container-cli: ") and line.isascii() and line.isprintable(), errors
        return line.removeprefix("nvidia-container-cli: ")

    @property
    def uuids(self):
        return [gpu["uuid"] for gpu in self.gpus]


@cache
def argp():
    """The reader of options that ours is compared with, built."""
    to = images.BUILD / "container-cli/nvidia-container-cli"
    to.parent.mkdir(parents=True, exist_ok=True)
    images.run("gcc", "-Wall", "-O1", "-o", to, DATA / "argp.c")
    return to


def golden(name, text):
    """`text` is that of the file `name`. With UPDATE_GOLDEN in the environment the file is written."""
    path = DATA / "golden" / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text(), name


def run(path, *arguments):
    """Runs the program at `path` under the name that the node's has: exit status, standard output and error."""
    result = subprocess.run(
        ["nvidia-container-cli", *arguments], executable=path, capture_output=True, text=True, timeout=30,
        stdin=subprocess.DEVNULL, env={"LC_ALL": "C"}, errors="surrogateescape")
    return result.returncode, result.stdout, result.stderr

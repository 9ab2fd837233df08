# SPDX-License-Identifier: Apache-2.0
"""System calls that the kernel does not have, or that the filter of an engine or of gVisor hides: X-13, S-15, E-15."""

import platform

import pytest
from commands import COMMANDS
from faults import numbers

# Newer than the kernel of CentOS 7, 3.10, or not in gVisor; not all of them are used.
NEWER = (
    "openat2", "close_range", "statx", "getrandom", "memfd_create", "renameat2", "open_tree", "move_mount",
    "mount_setattr", "fsopen", "fsmount", "pidfd_open", "pidfd_send_signal", "clone3", "execveat", "faccessat2",
    "fchmodat2", "rseq", "seccomp", "bpf",
)
# The first number that Linux 3.10 does not have.
FIRST = {"x86_64": 314, "aarch64": 274}[platform.machine()]


@pytest.fixture(params=COMMANDS.values(), ids=COMMANDS)
def command(request, nodes, tmp_path):
    made = request.param(nodes("--with", "fabricmanager"), tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("missing", [name for name in NEWER if name in numbers()])
def test_without_one(command, missing):
    """X-13: it does all of its work without the call, or refuses in one line."""
    command.reset()
    ending = command.runner.run("without", numbers()[missing])
    command.check(ending)
    assert ending.status == 0 or missing in ending.stderr or "not implemented" in ending.stderr, ending


def test_linux_3_10(command):
    """Without all that came after Linux 3.10, which CentOS 7 has: all of it is done."""
    command.reset()
    ending = command.runner.run("without", f">={FIRST}")
    command.check(ending)
    assert (ending.status, ending.stderr) == (0, ""), ending
    assert command.state() == command.new


def test_without_all_newer(command):
    """Without all the newer calls that have a name here."""
    command.reset()
    ending = command.runner.run("without", *(numbers()[name] for name in NEWER if name in numbers()))
    command.check(ending)
    assert command.state() == command.new


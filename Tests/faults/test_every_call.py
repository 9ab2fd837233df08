# SPDX-License-Identifier: Apache-2.0
"""Every system call of every command, killed at and failing: J-16, J-17, X-06, X-12; I3, I4, I7, I9."""

import random
import signal
from collections import Counter

import pytest
from commands import COMMANDS
from faults import SHORT, Call


@pytest.fixture(params=COMMANDS.values(), ids=COMMANDS)
def command(request, nodes, tmp_path):
    made = request.param(nodes("--with", "fabricmanager"), tmp_path)
    yield made
    made.close()


class Failures:
    """Collects what is wrong, so that one run of the sweep shows all of it: the first run of each kind."""

    def __init__(self):
        self.kinds, self.runs = {}, 0

    def check(self, command, ending, call):
        self.runs += 1
        try:
            command.check(ending)
        except AssertionError as failure:
            what = (str(failure) or "wrong").splitlines()[0]
            self.kinds.setdefault((what, call.place), []).append(ending)
            return False
        return True

    def none(self):
        lines = [f"{what}: {[ending.fault for ending in endings]}: {endings[0]}"
                 for (what, _), endings in self.kinds.items()]
        assert not lines, f"in {self.runs} runs\n" + "\n".join(lines[:40])


def test_killed_at_every_call(command):
    """J-16: everything is as it was or as it is to be, at most one temporary file is left, and the next run puts all
    right."""
    failures = Failures()
    seen = Counter()
    for call in command.calls:
        command.reset()
        ending = command.runner.run("kill", call.place)
        seen[command.state() == command.new] += 1
        if failures.check(command, ending, call):
            command.check_next()
    failures.none()
    assert failures.runs > 50 and seen[False]


def test_error_at_every_call(command):
    """J-17, X-12: done or refused, nothing in between, and nothing left."""
    failures = Failures()
    outcomes = Counter()
    for call in command.calls:
        for error in command.errors(call):
            command.reset()
            ending = command.runner.error(call, error)
            failures.check(command, ending, call)
            outcomes[ending.status] += 1
    failures.none()
    assert outcomes[0] and outcomes[1], outcomes


def test_short_reads_and_writes(command):
    """The kernel may always give and take less: nothing comes of it."""
    failures = Failures()
    for call in command.calls:
        if call.name in SHORT:
            command.reset()
            ending = command.runner.run("short", call.place)
            failures.check(command, ending, call)
    failures.none()


@pytest.mark.parametrize("command", [COMMANDS["Create"], COMMANDS["CreateContainer"]], indirect=True)
def test_killed_at_random_times(command):
    """I4: as an engine kills what takes it too long, 500 times."""
    failures, generator = Failures(), random.Random(16)
    command.reset()
    longest = 1.5 * command.runner.run("plain").seconds * 1e6
    seen = Counter()
    for number in range(500):
        command.reset()
        ending = command.runner.run("after", int(generator.uniform(0, longest)))
        seen[ending.signal] += 1
        if failures.check(command, ending, Call(number, "", ())):
            command.check_next()
    failures.none()
    assert seen[signal.SIGKILL] > 100, seen

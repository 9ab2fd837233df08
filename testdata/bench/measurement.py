# SPDX-License-Identifier: Apache-2.0
"""Running rivals in turn and comparing them round by round."""

import statistics
import subprocess


class Run:
    """One run, as meas.c reports it."""

    def __init__(self, line):
        wall, processor, memory, status = line.split()
        self.milliseconds, self.processor = float(wall) / 1000, float(processor) / 1000
        self.memory = int(memory)  # KiB, peak
        self.status = int(status)


class Rival:
    """A command to be measured. `prepare` puts back what a run changes, and is not measured."""

    def __init__(self, command, environment=None, prepare=None, undo=None, stdin=None):
        self.command, self.environment, self.stdin = [str(word) for word in command], environment or {}, stdin
        self.prepare, self.undo = prepare, undo
        self.runs = []

    def run(self, meas):
        if self.prepare:
            self.prepare()
        words = [str(meas)] + (["-i", str(self.stdin)] if self.stdin else []) + self.command
        try:
            result = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, env=self.environment)
        finally:
            if self.undo:
                self.undo()
        run = Run(result.stdout)
        if run.status:
            raise SystemExit(f"bench: exit status {run.status} of: {' '.join(self.command)}")
        return run


class Contest:
    """Rivals that run one after the other in every round, each round starting with another one."""

    def __init__(self, meas, rivals):
        self.meas, self.rivals = meas, rivals

    def hold(self, rounds, warm_up=3):
        names = list(self.rivals)
        for number in range(-warm_up, rounds):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                run = self.rivals[name].run(self.meas)
                if number >= 0:
                    self.rivals[name].runs.append(run)
        return self

    def difference(self, name, other):
        """Milliseconds that `name` took more than `other`, round by round."""
        pairs = zip(self.rivals[name].runs, self.rivals[other].runs, strict=True)
        return Sample([left.milliseconds - right.milliseconds for left, right in pairs])

    def processor_difference(self, name, other):
        """The same in processor time, which neighbours on the machine disturb less."""
        pairs = zip(self.rivals[name].runs, self.rivals[other].runs, strict=True)
        return Sample([left.processor - right.processor for left, right in pairs])

    def wall(self, name):
        return Sample([run.milliseconds for run in self.rivals[name].runs])

    def memory(self, name):
        return Sample([run.memory for run in self.rivals[name].runs])


class Sample:
    """Numbers of one kind and what is said of them."""

    def __init__(self, values):
        self.values = sorted(values)
        self.median = statistics.median(self.values)
        tenth = len(self.values) // 10
        self.low, self.high = self.values[tenth], self.values[-1 - tenth]

    def __str__(self):
        return f"{self.median:.2f} ({self.low:.2f}–{self.high:.2f})"

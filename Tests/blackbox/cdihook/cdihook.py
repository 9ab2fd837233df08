# SPDX-License-Identifier: Apache-2.0
"""Runs the hook by the name that CDI specifications have for it."""

import os
import subprocess

from support import HOOK, HookTestCase, Result

NAME = "nvidia-cdi-hook"


def execute(*arguments, name=NAME, state=b"", prefix=(), timeout=20, **options):
    """One start of the hook, called `name`."""
    process = subprocess.Popen(
        [*prefix, name, *arguments] if not prefix else [*prefix, HOOK, *arguments], executable=None if prefix else HOOK,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
    try:
        output, error = process.communicate(state, timeout)
    finally:
        process.kill()
    return Result(process, output, error)


class CDIHookTestCase(HookTestCase):
    def hook(self, *arguments, state=None, **options):
        return execute(*arguments, state=self.state() if state is None else state, **options)

    def assertFailed(self, result, *parts):
        """One line on standard error besides warnings, which has all of `parts`."""
        self.assertEqual((result.code, result.output), (1, ""), result.error)
        lines = [line for line in result.error.splitlines() if not line.startswith(NAME + ": warning: ")]
        self.assertEqual(len(lines), 1, result.error)
        self.assertTrue(lines[0].startswith(NAME + ": NVR18"), result.error)
        for part in parts:
            self.assertIn(part, lines[0])

    def assertWarned(self, result, *parts):
        """Success with one warning."""
        self.assertEqual((result.code, result.output), (0, ""), result.error)
        self.assertEqual(result.error.count("\n"), 1, result.error)
        self.assertTrue(result.error.startswith(NAME + ": warning: "), result.error)
        for part in parts:
            self.assertIn(part, result.error)

    def assertTwice(self, *arguments, **options):
        """It does its work, and the second time there is none left."""
        from support import snapshot

        self.assertDone(self.hook(*arguments, **options))
        before = snapshot(self.root)
        self.assertDone(self.hook(*arguments, **options))
        self.assertEqual(snapshot(self.root), before)

    def mode(self, name):
        return os.lstat(self.path(name)).st_mode & 0o7777

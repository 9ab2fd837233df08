# SPDX-License-Identifier: Apache-2.0
"""Command lines and states: what is accepted, what is passed over, and what is refused in one line."""

import json
import os
import shutil
import subprocess
import unittest

from cdihook import CDIHookTestCase, execute
from support import HOOK, write_text

KNOWN = ("create-symlinks", "update-ldcache", "enable-cuda-compat", "disable-device-node-modification",
         "update-application-profile", "chmod")
RUNTIME_NAMES = ("nvidia-runtime-hook", "nvidia-container-runtime-hook", "nvidia-container-toolkit")


class Arguments(unittest.TestCase):
    def test_nothing_to_do(self):
        """No state is read: nobody writes one."""
        for arguments in (("noop",), ("enable-cuda-compat",), ("--debug", "noop"), ("noop", "--container-spec", "/nowhere"),
                          ("enable-cuda-compat", "--host-driver-version=", "--host-cuda-version="), ("create-symlinks",)):
            result = execute(*arguments)
            self.assertEqual((result.code, result.output, result.error), (0, "", ""), arguments)

    def test_unknown_verbs(self):
        for arguments, warning in (
            ((), "no CDI hook specified"), (("--debug",), "no CDI hook specified"),
            (("new-hook",), "unsupported CDI hook: new-hook"),
            (("new-hook", "--flag", "value", "-x"), "unsupported CDI hook: new-hook"),
            (("-d", "new-hook", "--", "y"), "unsupported CDI hook: new-hook"),
            (("esc\x1b[0m\n",), "unsupported CDI hook: esc\\x1b[0m\\n"),
        ):
            result = execute(*arguments)
            self.assertEqual((result.code, result.output), (0, ""))
            self.assertEqual(result.error, "nvidia-cdi-hook: warning: %s\n" % warning)
        self.assertEqual(execute("--quiet", "new-hook").error, "")
        self.assertEqual(execute("/some/where/else", name="/usr/local/bin/nvidia-cdi-hook").code, 0)

    def test_other_names(self):
        for name in RUNTIME_NAMES:
            for arguments in ((), ("new-hook",), ("--debug", "new-hook")):
                result = execute(*arguments, name=name)
                self.assertEqual((result.code, result.output), (2, ""))
                self.assertIn("NVR1801: ", result.error)
            self.assertEqual(execute("noop", name=name).code, 0)
            result = execute("create-symlinks", "--flag", name=name)
            self.assertEqual(result.code, 1)
            self.assertIn("NVR1831: create-symlinks: unknown flag \"--flag\"", result.error)

    def test_refused(self):
        cases = [((verb, "--unknown"), 'unknown flag "--unknown"') for verb in KNOWN]
        cases += [((verb, "argument"), 'unexpected argument "argument"') for verb in KNOWN]
        cases += [
            (("--unknown", "noop"), 'unknown flag "--unknown"'), (("-u=1",), 'unknown flag "-u"'),
            (("create-symlinks", "--link"), "--link needs a value"),
            (("update-ldcache", "--folder", "/a", "--folder"), "--folder needs a value"),
            (("create-symlinks", "--link", "a"), '"a" is not TARGET::LINK'),
            (("create-symlinks", "--link", "a::"), '"a::" is not TARGET::LINK'),
            (("create-symlinks", "--link", "::/a"), '"::/a" is not TARGET::LINK'),
            (("create-symlinks", "--link", "a::/b::/c"), '"a::/b::/c" is not TARGET::LINK'),
            (("create-symlinks", "--link", "a::/b,c"), '"c" is not TARGET::LINK'),
            (("update-ldcache", "--folder", "usr/lib"), '"usr/lib" is no absolute path'),
            (("update-ldcache", "--folder", "/usr/../lib"), '"/usr/../lib" is no absolute path'),
            (("update-ldcache", "--folder", "/"), '"/" is no absolute path'),
            (("update-ldcache", "--folder", "/a\ninclude /b"), "has a byte"),
            (("enable-cuda-compat", "--host-driver-version=1", "--cuda-compat-container-root=x"), '"x" is no absolute'),
            (("chmod", "--path", "/a"), '--mode "" is no octal mode'), (("chmod", "--mode", "755"), "--path is missing"),
            (("chmod", "--mode", "855", "--path", "/a"), '--mode "855" is no octal mode up to 777'),
            (("chmod", "--mode", "4755", "--path", "/a"), "is no octal mode up to 777"),
            (("chmod", "--mode", "7" * 100, "--path", "/a"), "is no octal mode up to 777"),
            (("chmod", "--mode", "755", "--path", "/a,"), "--path is missing or empty"),
        ]
        for arguments, part in cases:
            result = execute(*arguments)
            self.assertEqual((result.code, result.output), (1, ""), arguments)
            self.assertEqual(result.error.count("\n"), 1, result.error)
            self.assertTrue(result.error.startswith("nvidia-cdi-hook: NVR1831: "), result.error)
            self.assertIn(part, result.error)

    def test_help_and_version(self):
        for arguments in (("--help",), ("-h",), ("help",), ("update-ldcache", "--help"), ("chmod", "-h", "--mode")):
            result = execute(*arguments)
            self.assertEqual((result.code, result.error), (0, ""))
            for verb in KNOWN:
                self.assertIn(verb, result.output)
        self.assertRegex(execute("--version").output, r"^nvidia-cdi-hook \d+\.\d+")


class NvidiaCTK(CDIHookTestCase):
    """`nvidia-ctk hook VERB` of older specifications."""

    program = os.environ.get("NVIDIA_CTK", "")

    def ctk(self, *arguments, program=None, **options):
        return subprocess.run(
            [program or self.program, *arguments], input=self.state(), capture_output=True, timeout=20, **options)

    def test_hook(self):
        result = self.ctk("hook", "create-symlinks", "--link", "a::/opt/link")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, b"", b""))
        self.assertEqual(os.readlink(self.path("opt/link")), "a")
        result = self.ctk("--debug", "hook", "new")
        self.assertEqual((result.returncode, result.stderr), (0, b"nvidia-cdi-hook: warning: unsupported CDI hook: new\n"))
        self.assertEqual(self.ctk("-d", "--quiet=true", "hook", "new").stderr, b"")
        self.assertEqual(self.ctk("hook").stderr, b"nvidia-cdi-hook: warning: no CDI hook specified\n")
        self.assertIn(b"nvidia-ctk hook VERB", self.ctk("--help").stdout)

    def test_environment_of_the_image(self):
        """CVE-2025-23266 and what the Swift runtime would execute: nothing of the environment gets anywhere."""
        canary = self.directory + "/executed"
        script = self.directory + "/swift-backtrace"
        write_text(script, "#!/bin/sh\ntouch %s\n" % canary)
        os.chmod(script, 0o755)
        environment = {"SWIFT_BACKTRACE": "enable=yes,swift-backtrace=" + script, "SWIFT_ROOT": self.directory,
                       "SWIFT_DEBUG_ENABLE_MALLOC_SCRIBBLE": "1", "LD_PRELOAD": script}
        trace = self.directory + "/trace"
        result = self.ctk("-f", "-v", "-e", "trace=execve", "-o", trace, self.program, "hook", "create-symlinks", "--link",
                          "a::/link", program=shutil.which("strace"), env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(trace) as file:
            executed = [line for line in file if "nvidia-runtime-hook" in line]
        self.assertEqual(len(executed), 1)
        self.assertIn('["nvidia-cdi-hook", "create-symlinks", "--link", "a::/link"], []', executed[0])
        self.assertFalse(os.path.exists(canary))

    def test_without_the_hook(self):
        alone = self.directory + "/nvidia-ctk"
        shutil.copy(self.program, alone)
        script = 'mount -t tmpfs none /usr/bin && exec "$0" hook noop'
        result = self.ctk("-m", "/bin/sh", "-c", script, alone, program=shutil.which("unshare"))
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertEqual(
            result.stderr, b"nvidia-ctk: nvidia-runtime-hook can't be run, neither beside nvidia-ctk nor in /usr/bin: "
                           b"No such file or directory\n")


class State(CDIHookTestCase):
    """The container's state, on standard input or in a file."""

    link = ("create-symlinks", "--link", "a::/link")

    def test_file(self):
        path = self.directory + "/state.json"
        with open(path, "wb") as file:
            file.write(self.state())
        for arguments in (("--container-spec", path), ("--container-spec=" + path,)):
            self.assertDone(self.hook(*self.link, *arguments, state=b""))
            os.unlink(self.path("link"))
        for standard_input in ("--container-spec=", "--container-spec=-"):
            self.assertDone(self.hook(*self.link, standard_input))
            os.unlink(self.path("link"))

    def test_file_that_is_none(self):
        fifo = self.directory + "/fifo"
        os.mkfifo(fifo)
        for path, part in (("/nowhere", "open /nowhere: No such file"), (fifo, "container state"),
                           (self.directory, "Is a directory"), ("/dev/zero", "File too large")):
            self.assertFailed(self.hook(*self.link, "--container-spec", path, state=b""), "NVR1802: ", part)

    def test_broken_states(self):
        os.symlink("/", self.directory + "/host")
        for verb in (self.link, ("update-ldcache", "--folder", "/lib"), ("update-application-profile",),
                     ("enable-cuda-compat", "--host-driver-version=1.2"), ("chmod", "--mode=755", "--path=/")):
            for state, number in (
                (b"", "NVR1802"), (b"{}", "NVR1802"), (b"[", "NVR1802"), (b'{"id":"a","bundle":"x"}', "NVR1802"),
                (b'{"id":"a","bundle":"/nowhere"}', "NVR1802"), (self.state(root="/"), "NVR1803"),
                (self.state(root="/nowhere"), "NVR1803"), (self.state(root=self.directory + "/host"), "NVR1803"),
                (self.state(root=self.bundle + "/config.json"), "NVR1803"), (b" " * (2 << 20), "NVR1802"),
            ):
                self.assertFailed(self.hook(*verb, state=state), number)

    def test_root_of_crun(self):
        other = self.directory + "/other"
        os.mkdir(other)
        self.assertDone(self.hook(*self.link, state=self.state(root=other)))
        self.assertEqual(os.listdir(other), ["link"])

    def test_confined(self):
        """What runs in a root has hardly a right left."""
        trace = self.directory + "/trace"
        for verb in (self.link, ("update-ldcache", "--folder", "/opt"), ("chmod", "--mode=700", "--path=/link")):
            result = self.hook(*verb, prefix=["strace", "-f", "-o", trace])
            self.assertEqual(result.code, 0, result.error)
            with open(trace) as file:
                calls = file.read()
            for call in ("chroot(\".\")", "capset(", "PR_SET_NO_NEW_PRIVS, 1", "SECCOMP_SET_MODE_FILTER"):
                self.assertIn(call, calls)
            self.assertNotIn("execve(", calls.partition("chroot(")[2])


class RealCommandLines(CDIHookTestCase):
    """The arguments of every hook of the CDI files that nvidia-ctk has written."""

    def test_all(self):
        import yaml

        folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../testdata/cdi/specs")
        lines = []
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name)) as file:
                document = json.load(file) if name.endswith(".json") else yaml.safe_load(file)
            devices = [device["containerEdits"] for device in document["devices"]]
            for edits in [document.get("containerEdits", {}), *devices]:
                hooks = [hook.get("args") or [""] for hook in edits.get("hooks", [])]
                lines += [words for words in hooks if words[0].startswith("nvidia-")]
        verbs = {line[2] if line[1] == "hook" else line[1] for line in lines}
        self.assertEqual(verbs, {"create-symlinks", "update-ldcache", "enable-cuda-compat",
                                 "disable-device-node-modification", "update-application-profile"})
        links = 0
        for line in {tuple(line) for line in lines}:
            program, *arguments = line
            if program == "nvidia-ctk":
                arguments = arguments[1:]
            self.assertDone(self.hook(*arguments))
            for specification in arguments[2::2] if arguments[0] == "create-symlinks" else ():
                target, _, link = specification.partition("::")
                self.assertEqual(os.readlink(self.path(link)), target)
                links += 1
        self.assertGreater(links, 40)


if __name__ == "__main__":
    unittest.main()

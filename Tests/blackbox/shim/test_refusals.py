# SPDX-License-Identifier: Apache-2.0
"""What the shim must not run, trust or write (security E-07, E-08, E-09, T-01 to T-04, G-01 to G-05)."""

import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import ShimCase

IS_ROOT = os.geteuid() == 0


class LowLevelRuntime(ShimCase):
    def configure_runtimes(self, *runtimes):
        self.configure(f"[nvidia-container-runtime]\nruntimes = {json.dumps([str(name) for name in runtimes])}\n")

    def test_path_is_searched(self):
        self.configure_runtimes("runc")
        self.assert_passed(self.run_shim("state", "x", env={**self.environment, "PATH": str(self.runtime.parent)}))
        self.assertEqual(self.record().arguments[0], os.fsencode(self.runtime))

    def test_unsafe_directories_of_path_are_passed_over(self):
        """E-07"""
        self.configure_runtimes("runc")
        evil = self.root / "evil"
        shutil.copytree(self.runtime.parent, evil)
        evil.chmod(0o777)
        path = f"{evil}:.:relative::{self.runtime.parent}"
        self.assert_passed(self.run_shim("state", "x", env={**self.environment, "PATH": path}, cwd=evil))
        self.assertFalse((evil / "record").exists())

    def test_strange_entries(self):
        """E-08"""
        for entry, text in [
            ("./runc", "no runtime binary found"), ("runc;id", "no runtime binary found from candidate list: [runc;id]"),
            ("", "invalid path ''"), ("low/runc", "not an absolute path"),
            (self.root, "is not an executable file"), (self.config, "is not an executable file"),
        ]:
            with self.subTest(entry=entry):
                self.configure_runtimes(entry)
                self.assert_denied(self.run_shim("state", "x", cwd=self.root), text)

    def test_programs_that_others_can_change(self):
        self.runtime.chmod(0o775)
        self.assert_denied(self.run_shim("state", "x"), f"{self.runtime} is writable by group or others (mode 0775)")
        self.runtime.chmod(0o755)
        self.runtime.parent.chmod(0o777)
        self.assert_denied(self.run_shim("state", "x"), f"{self.runtime.parent} is writable by group or others")

    @unittest.skipUnless(IS_ROOT, "gives files away")
    def test_link_to_a_program_of_somebody_else(self):
        """E-08"""
        foreign = self.root / "foreign"
        shutil.copy(self.runtime, foreign)
        os.chown(foreign, 12345, 12345)
        link = self.root / "link"
        link.symlink_to(foreign)
        self.configure_runtimes(link)
        self.assert_denied(self.run_shim("state", "x"), f"{foreign} is owned by uid 12345")

    def test_never_itself(self):
        link = self.root / "low/loop"
        link.symlink_to(self.shim)
        for entry in [self.shim, link]:
            self.configure_runtimes(entry)
            self.assert_denied(self.run_shim("state", "x"), "it is nvidia-runtime itself")

    def test_program_that_the_kernel_refuses(self):
        self.runtime.write_bytes(b"\x7fELF nonsense")
        self.assert_denied(self.run_shim("state", "x"), f"could not exec '{self.runtime}': Exec format error")

    @unittest.skipUnless(IS_ROOT, "needs a set-user-ID file")
    def test_set_user_id(self):
        """E-09"""
        os.chown(self.shim, 0, 0)
        self.shim.chmod(0o4755)
        log = self.root / "log"
        result = self.run_shim("--log", log, "state", "x", user=65534, group=65534, extra_groups=[])
        self.assert_denied(result, "refusing to run set-user-ID")
        self.assertFalse(log.exists())


class Configuration(ShimCase):
    def setUp(self):
        super().setUp()
        self.gpu_bundle = self.make_bundle("gpu", env=["NVIDIA_VISIBLE_DEVICES=0", "SECRET=swordfish"])

    def create(self):
        return self.run_shim("create", "--bundle", self.gpu_bundle, "x")

    def assert_untrusted(self, end):
        """The cause is one line of at most 200 bytes: with a long path it lacks the middle."""
        result = self.create()
        self.assert_denied(result, f"nvidia-runtime: NVR1151: {self.config}: not trusted: ")
        self.assert_denied(result, f"{end}\n")

    def test_who_can_change_it(self):
        """T-01"""
        for path, mode in [(self.config, 0o666), (self.config, 0o664), (self.config.parent, 0o777)]:
            with self.subTest(path=path):
                before = path.stat().st_mode & 0o7777
                path.chmod(mode)
                self.assert_untrusted(f"is writable by group or others (mode 0{mode:o}); run chmod go-w {path}")
                path.chmod(before)

    @unittest.skipUnless(IS_ROOT, "gives files away")
    def test_whose_it_is(self):
        """T-01"""
        os.chown(self.config, 12345, 0)
        self.assert_untrusted(f" is owned by uid 12345; run chown 0 {self.config}")

    def test_what_it_is(self):
        """T-02"""
        for content, text in [
            (b"x = \xff\xfe", ":1:"), (b"x = '\0'", ":1:"), (b"x = 1\nx = 2", ":2:"), (b"[a]\n[a]", ":2:"),
            (b"disable-require = 1", ":1:19: disable-require: expected a boolean, found an integer"),
            (b"x = " + b"[" * 100_000, ":1:"), (b"x = " + b"{a=" * 100_000, ":1:"), (b"#" * (1 << 20) + b"#", "larger than"),
        ]:
            with self.subTest(content=content[:20]):
                self.config.write_bytes(content)
                self.assert_denied(self.create(), f"{self.config}")
                self.assert_denied(self.create(), text)
        self.config.unlink()
        os.mkfifo(self.config)
        self.assert_denied(self.create(), "not a regular file")
        self.config.unlink()
        self.config.mkdir()
        self.assert_denied(self.create(), "not a regular file")

    def test_ldconfig_of_the_container(self):
        """T-03"""
        for value in ["/sbin/ldconfig", "@relative", ""]:
            self.configure(f'nvidia-container-cli.ldconfig = "{value}"')
            self.assert_denied(self.create(), f'nvidia-container-cli.ldconfig value "{value}" is not')

    def test_restriction_that_is_misspelt(self):
        """A policy that is not understood denies; a container without a GPU starts as ever."""
        self.configure(f'[nvidia-container-runtime]\nruntimes = ["{self.runtime}"]\npolicy.max-gpu = 1\n')
        self.assert_denied(self.create(), f"{self.config}:3:18: nvidia-container-runtime.policy.max-gpu: unknown key")
        self.assert_passed(self.run_shim("create", "--bundle", self.bundle, "x"))

    def test_relative_location(self):
        self.environment["NVIDIA_CTK_CONFIG_FILE_PATH"] = "config.toml"
        self.assert_denied(self.create(), "config.toml: not an absolute path")


class Log(ShimCase):
    def setUp(self):
        super().setUp()
        self.log = self.root / "log.json"
        self.configure('[nvidia-container-runtime]\nruntimes = ["/no/such/runtime"]\n')

    def fail_logged(self, *arguments, log=None, **options):
        """Runs into an error with the engine's log at `log`."""
        result = self.run_shim("--log", log or self.log, "--log-format", "json", *(arguments or ["state", "x"]), **options)
        self.assert_denied(result, "no runtime binary found from candidate list")
        return result

    def test_line(self):
        self.fail_logged()
        line, = self.log.read_text().splitlines()
        entry = json.loads(line)
        self.assertEqual(set(entry), {"level", "msg", "time"})
        self.assertEqual(entry["level"], "error")
        self.assertRegex(entry["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(self.log.stat().st_mode & 0o777, 0o644)

    def test_text(self):
        self.assertEqual(self.run_shim("--log", self.log, "state", "x").returncode, 1)
        self.assertRegex(self.log.read_text(), r'^time="[^"]+" level=error msg="nvidia-runtime: [^"]+"\n$')

    def test_hostile_values(self):
        """G-01, G-03"""
        hostile = "/a\nb\r\x1b[2J\u202e%s%n\"\\/" + ("x" * 200 + "/") * 15
        self.configure(f"[nvidia-container-runtime]\nruntimes = [{json.dumps(hostile)}]\n")
        result = self.fail_logged()
        for text in [result.stderr, self.log.read_bytes()]:
            self.assertEqual(text.count(b"\n"), 1)
            self.assertTrue(all(0x20 <= byte <= 0x7E for byte in text[:-1]))
            self.assertLess(len(text), 2500)
        self.assertIn("%s%n", json.loads(self.log.read_text())["msg"])

    def test_bad_targets(self):
        """G-02"""
        target = self.root / "target"
        target.write_text("before")
        link = self.root / "link"
        link.symlink_to(target)
        self.fail_logged(log=link)
        self.assertEqual(target.read_text(), "before")
        fifo = self.root / "fifo"
        os.mkfifo(fifo)
        for path in [fifo, "/dev/full", "/dev/stdout", self.root, self.root / "none/log", ""]:
            with self.subTest(path=path):
                self.fail_logged(log=path)
        self.assertFalse((self.root / "none").exists())

    @unittest.skipUnless(IS_ROOT, "gives files away")
    def test_log_of_somebody_else(self):
        """G-02"""
        self.log.write_text("")
        os.chown(self.log, 12345, 12345)
        self.fail_logged()
        self.assertEqual(self.log.read_text(), "")

    def test_debug_file(self):
        """T-04"""
        bundle = self.make_bundle("gpu", env=["NVIDIA_VISIBLE_DEVICES=0", "AWS_SECRET=swordfish"])
        debug = self.root / "new/dir/debug.log"
        self.configure(f'nvidia-container-cli.user = "x"\n[nvidia-container-runtime]\ndebug = "{debug}"\nlog-level = "debug"\n')
        self.assertEqual(self.run_shim("create", "--bundle", bundle, "x").returncode, 1)
        self.assertIn("level=error", debug.read_text())
        self.assertIn("nvidia-container-cli.user is set but has no effect", debug.read_text())
        # G-04
        self.assertNotIn("swordfish", debug.read_text())
        victim = self.root / "victim"
        victim.write_text("")
        debug.unlink()
        debug.symlink_to(victim)
        self.assertEqual(self.run_shim("create", "--bundle", bundle, "x").returncode, 1)
        self.assertEqual(victim.read_text(), "")

    def test_many_writers(self):
        """G-05"""
        command = [self.shim, "--log", self.log, "--log-format", "json", "state", "x"]
        writers = [subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL) for _ in range(40)]
        for writer in writers:
            writer.wait(10)
        lines = self.log.read_text().splitlines()
        self.assertEqual(len(lines), 40)
        for line in lines:
            json.loads(line)

    def test_closed_pipe(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen([self.shim, "--log", self.log, "state", "x"], env=self.environment, stderr=writer)
        os.close(writer)
        self.assertEqual(process.wait(10), 1)
        self.assertEqual(len(self.log.read_text().splitlines()), 1)


if __name__ == "__main__":
    unittest.main()

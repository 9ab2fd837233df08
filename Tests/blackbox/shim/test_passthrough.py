# SPDX-License-Identifier: Apache-2.0
"""What the low-level runtime gets is what the shim got (security X-01, X-02, X-04, X-06, X-10, E-10; pains P15, P32)."""

import json
import os
import signal
import subprocess
import unittest

from harness import REPOSITORY, ShimCase


class Arguments(ShimCase):
    def test_every_line_is_passed_on_unchanged(self):
        cases = json.loads((REPOSITORY / "testdata/argv/invocations.json").read_text())
        for case in cases:
            with self.subTest(arguments=case["arguments"]):
                self.assert_passed(self.run_shim(*case["arguments"], cwd=self.root))
                expected = [os.fsencode(self.runtime)] + [os.fsencode(text) for text in case["arguments"]]
                self.assertEqual(self.record().arguments, expected)

    def test_bytes(self):
        strange = [b"state", b"\xff\xfe", b"", b"a\nb", b"e\xcc\x81", b"x" * 100_000]
        self.assert_passed(self.run_shim(*strange))
        self.assertEqual(self.record().arguments[1:], strange)

    def test_exit_status_is_the_runtimes(self):
        (self.runtime.parent / "status").write_text("42")
        self.assertEqual(self.run_shim("state", "x").returncode, 42)

    def test_version_has_nothing_of_ours(self):
        self.assert_passed(self.run_shim("--version"))


class State(ShimCase):
    """The state of the process that execve(2) keeps."""

    def test_environment(self):
        entries = [b"A=1", b"A=2", b"NOVALUE", b"=x", b"", b"B=\xff\xc3", b"LONG=" + b"x" * 100_000]
        entries += [b"V%d=%d" % (number, number) for number in range(5000)]
        entries += [b"SWIFT_BACKTRACE=enable=yes", b"SWIFT_ROOT=/nowhere", b"LD_PRELOAD=/nowhere.so"]
        entries += [b"XDG_CONFIG_HOME=" + os.fsencode(self.root / "etc")]
        # subprocess can't pass such an environment.
        launcher = self.root / "launch"
        source = "".join('"%s\\0"\n' % "".join(f"\\{byte:03o}" for byte in entry) for entry in entries if len(entry) < 99)
        launcher.with_suffix(".c").write_text(
            "#include <unistd.h>\n#include <string.h>\nstatic char all[]=" + source + ";\n"
            "int main(int c,char**v){static char*e[6000];static char big[100006];int n=0;(void)c;"
            "for(char*p=all;p<all+sizeof all-1;p+=strlen(p)+1)e[n++]=p;memset(big,'x',100005);memcpy(big,\"LONG=\",5);"
            "e[n++]=big;execve(v[1],v+1,e);return 1;}")
        subprocess.run(["cc", "-o", launcher, launcher.with_suffix(".c")], check=True)
        result = subprocess.run([launcher, self.shim, "state", "x"], capture_output=True, timeout=10)
        self.assert_passed(result)
        expected = [entry for entry in entries if len(entry) < 99] + [b"LONG=" + b"x" * 100_000]
        self.assertEqual(self.record().environment, expected)

    def test_working_directory_and_umask(self):
        self.assert_passed(self.run_shim("state", "x", cwd=self.bundle, preexec_fn=lambda: os.umask(0o137)))
        self.assertEqual(self.record().directory, os.fsencode(self.bundle))
        self.assertEqual(self.record().umask, "0137")

    def test_deleted_working_directory(self):
        gone = self.root / "gone"
        gone.mkdir()

        def enter():
            os.chdir(gone)
            os.rmdir(gone)

        self.assert_passed(self.run_shim("create", "x", preexec_fn=enter))

    def test_signals(self):
        def arrange():
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD])
            # A shell has commands that it starts in the background ignore it.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            for number in [signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE]:
                signal.signal(number, signal.SIG_IGN)

        def mask(*numbers):
            return f"{sum(1 << (number - 1) for number in numbers):016x}"

        for arguments in [["state", "x"], ["create", "--bundle", self.bundle, "x"]]:
            self.assert_passed(self.run_shim(*arguments, preexec_fn=arrange, restore_signals=False))
            self.assertEqual(self.record().sigblk, mask(signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD))
            ignored = int(self.record().sigign, 16)
            # Python ignores SIGXFSZ as well; what is above 31 comes from whoever started the tests.
            self.assertEqual(ignored & 0x7FFFFFFF & ~(1 << (signal.SIGXFSZ - 1)), 0x1 | 0x4 | 0x1000)

    def test_descriptors_are_passed_and_none_is_added(self):
        directory = os.open("/", os.O_RDONLY)
        reader, writer = os.pipe()
        try:
            result = self.run_shim("create", "--bundle", self.bundle, "x", pass_fds=[directory, reader, writer])
        finally:
            for number in [directory, reader, writer]:
                os.close(number)
        self.assert_passed(result)
        descriptors = self.record().descriptors
        self.assertEqual(set(descriptors), {0, 1, 2, directory, reader, writer})
        self.assertEqual(descriptors[directory], b"/")
        self.assertTrue(descriptors[reader].startswith(b"pipe:"))

    def test_closed_standard_descriptors_stay_closed(self):
        for closed in [[0], [1], [2], [0, 1, 2]]:
            with self.subTest(closed=closed):
                self.record_path.unlink(missing_ok=True)
                script = "".join(f" {number}>&-" for number in closed)
                subprocess.run(
                    ["/bin/sh", "-c", f'exec "$0" "$@" {script}', self.shim, "state", "x"], env=self.environment,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10)
                self.assertEqual(set(self.record().descriptors), {0, 1, 2} - set(closed))

    def test_error_never_lands_in_a_file_opened_later(self):
        self.configure("[nvidia-container-runtime]\nruntimes = ['/no/such/runtime']\n")
        log = self.root / "log.json"
        subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" "$@" 0<&- 1>&- 2>&-', self.shim, "--log", log, "--log-format", "json", "state", "x"],
            env=self.environment, timeout=10)
        self.assertEqual(len(log.read_text().splitlines()), 1)
        json.loads(log.read_text())


class Spec(ShimCase):
    """A container that asks for no GPU: the spec isn't touched, whatever is broken."""

    def test_spec_is_not_touched(self):
        spec = self.bundle / "config.json"
        before = spec.stat()
        for command in ["create", "run"]:
            self.assert_passed(self.run_shim(command, "--bundle", self.bundle, "x"))
            self.assertEqual(self.record().spec, spec.read_bytes())
            after = spec.stat()
            self.assertEqual((before.st_ino, before.st_mtime_ns), (after.st_ino, after.st_mtime_ns))

    def test_broken_configuration(self):
        for text in ["[broken", "mode = ", "nvidia-container-runtime.mode = 5", "nvidia-container-runtime.mode = 'x'"]:
            with self.subTest(text=text):
                self.configure(f'[nvidia-container-runtime]\nruntimes = ["{self.runtime}"]\n[other]\n{text}\n')
                self.assert_passed(self.run_shim("create", "--bundle", self.bundle, "x"))
                self.assert_passed(self.run_shim("state", "x"))

    def test_broken_spec_is_the_runtimes_business(self):
        for content in [b"", b"{", b"\xff" * 100, b'{"a":1}{"b":2}']:
            (self.bundle / "config.json").write_bytes(content)
            self.assert_passed(self.run_shim("create", "--bundle", self.bundle, "x"))
        (self.bundle / "config.json").unlink()
        self.assert_passed(self.run_shim("create", "--bundle", self.bundle, "x"))
        self.assert_passed(self.run_shim("create", "--bundle", self.root / "none", "x"))

    def test_nothing_is_logged(self):
        log = self.root / "log.json"
        for arguments in [["create", "--bundle", self.bundle, "x"], ["state", "x"], ["exec", "x", "true"]]:
            self.assert_passed(self.run_shim("--debug", "--log", log, "--log-format", "json", *arguments))
        self.assertFalse(log.exists())

    def test_a_request_is_not_passed_over(self):
        environment = ["NVIDIA_VISIBLE_DEVICES=0"]
        bundle = self.make_bundle("gpu", env=environment)
        for arguments in [["create", "--bundle", bundle, "x"], ["create", "x", f"-b={bundle}"], ["run", "-b", bundle, "x"]]:
            self.assertEqual(self.run_shim(*arguments).returncode, 1)
            self.assertFalse(self.record_path.exists())
        self.assertEqual(self.run_shim("create", "x", cwd=bundle).returncode, 1)
        for arguments in [["start", "x"], ["--root", "create", "list"], ["create", "--help", "--bundle", bundle, "x"]]:
            self.assert_passed(self.run_shim(*arguments, cwd=bundle))

    def test_a_spec_that_is_no_file_is_not_passed_over(self):
        spec = self.make_bundle("gpu", env=["NVIDIA_VISIBLE_DEVICES=0"]) / "config.json"
        spec.rename(self.root / "elsewhere.json")
        spec.symlink_to(self.root / "elsewhere.json")
        self.assertEqual(self.run_shim("create", "--bundle", spec.parent, "x").returncode, 1)
        spec.unlink()
        os.mkfifo(spec)
        self.assertEqual(self.run_shim("create", "--bundle", spec.parent, "x").returncode, 1)
        self.assertFalse(self.record_path.exists())


if __name__ == "__main__":
    unittest.main()

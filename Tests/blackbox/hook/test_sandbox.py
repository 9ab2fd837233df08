# SPDX-License-Identifier: Apache-2.0
"""What the hook can still do at each of its phases: E-03, L-11, L-12, X-07, X-08 of security.md."""
import errno
import os
import re
import signal
import subprocess
import time
import unittest

from support import BUILT_HOOK, HOOK, NVIDIA, HookTestCase, read_text, wait_for
from tracing import Killed, Traced

CAP_DAC_OVERRIDE, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 1, 18, 19, 21
IS_TRACEABLE = os.uname().machine == "x86_64"
# x86-64's numbers.
DEADLY = {
    "socket": 41, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "ptrace": 101, "pivot_root": 155,
    "chroot": 161, "mount": 165, "umount2": 166, "init_module": 175, "kexec_load": 246, "add_key": 248, "request_key": 249,
    "keyctl": 250, "unshare": 272, "perf_event_open": 298, "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308,
    "process_vm_readv": 310, "process_vm_writev": 311, "finit_module": 313, "kexec_file_load": 320, "bpf": 321,
    "execveat": 322, "userfaultfd": 323, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "clone3": 435, "pidfd_getfd": 438,
}
UNLISTED = {
    "dup": 32, "connect": 42, "chmod": 90, "mknod": 133, "reboot": 169, "tkill": 200, "mknodat": 259, "fchownat": 260,
    "seccomp": 317, "pidfd_open": 434, "mount_setattr": 442,
}
READ, MMAP, MPROTECT, TGKILL, SECCOMP = 0, 9, 10, 234, 317
PROT_READ, PROT_EXEC, MAP_PRIVATE_ANONYMOUS = 1, 4, 0x22
X32 = 0x40000000


def capabilities(*numbers):
    return "%016x" % sum(1 << number for number in numbers)


class Phases(HookTestCase):
    def assertStatus(self, pid, permitted, bounding):
        status = read_text("/proc/%d/status" % pid)
        for name, value in (("Inh", capabilities()), ("Prm", permitted), ("Eff", permitted), ("Bnd", bounding),
                            ("Amb", capabilities())):
            self.assertIn("Cap%s:\t%s\n" % (name, value), status)
        self.assertIn("NoNewPrivs:\t1\n", status)
        self.assertIn("Threads:\t1\n", status)

    def start(self, **options):
        """The hook, waiting for its state: the phase `reading`."""
        process = subprocess.Popen(
            [HOOK, "create-container", *NVIDIA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        wait_for(lambda: "poll" in read_text("/proc/%d/wchan" % process.pid))
        return process

    def test_l12_reading(self):
        """Before it has read a byte of the state: four capabilities, none of which a program could get by execve(2)."""
        process = self.start()
        self.assertStatus(
            process.pid, capabilities(CAP_DAC_OVERRIDE, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN),
            capabilities(CAP_DAC_OVERRIDE))

    def test_l12_reading_with_fewer_rights(self):
        """Rootless, or an outer container: what is not there is not missed, and without CAP_SETPCAP bounding stays."""
        dropped = ["setpriv", "--bounding-set", "-setpcap,-sys_ptrace", "--inh-caps", "-all"]
        process = subprocess.Popen(
            [*dropped, HOOK, "create-container", *NVIDIA], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        wait_for(lambda: "poll" in read_text("/proc/%d/wchan" % process.pid))
        status = read_text("/proc/%d/status" % process.pid)
        wanted = capabilities(CAP_DAC_OVERRIDE, CAP_SYS_CHROOT, CAP_SYS_ADMIN)
        self.assertIn("CapPrm:\t%s\nCapEff:\t%s\n" % (wanted, wanted), status)
        self.assertNotIn("CapBnd:\t%s\n" % capabilities(CAP_DAC_OVERRIDE), status)
        output, error = process.communicate(self.state())
        self.assertEqual((process.returncode, output, error), (0, b"", b""))

    def test_user_namespace(self):
        """X-13: in a user namespace, where the capabilities are those of the namespace."""
        result = self.hook(*NVIDIA, prefix=["unshare", "--user", "--map-root-user", "--mount"])
        self.assertDone(result)

    def test_limits(self):
        """Each limit while it changes files."""
        wanted = {
            "Max cpu time": 10, "Max file size": 64 << 20, "Max core file size": 0, "Max open files": 512,
            "Max address space": 512 << 20, "Max stack size": 8 << 20}
        traced = self.trace()
        limits = read_text("/proc/%d/limits" % traced.pid)
        for name, value in wanted.items():
            self.assertRegex(limits, r"%s +%d +%d " % (name, value, value))

    def test_l12_changing(self):
        """The last phase, right behind the filter."""
        traced = self.trace()
        self.assertStatus(traced.pid, capabilities(CAP_DAC_OVERRIDE), capabilities(CAP_DAC_OVERRIDE))
        status = read_text("/proc/%d/status" % traced.pid)
        self.assertIn("Seccomp:\t2\n", status)
        for name in ("root", "cwd"):
            self.assertEqual(os.readlink("/proc/%d/%s" % (traced.pid, name)), self.root)
        # Besides the standard ones, the root.
        files = {os.readlink("/proc/%d/fd/%s" % (traced.pid, name)) for name in os.listdir("/proc/%d/fd" % traced.pid)}
        self.assertEqual({file for file in files if not file.startswith(("/dev/null", "pipe:"))}, {self.root})
        with open("/proc/%d/environ" % traced.pid, "rb") as file:
            self.assertEqual(file.read(), b"")
        self.assertEqual(traced.finish(), 0)

    def trace(self, hook=HOOK):
        """The hook in the phase `changing`, right behind its filter."""
        if not IS_TRACEABLE:
            self.skipTest("the tracer knows x86-64's registers only")
        reading, writing = os.pipe()
        os.write(writing, self.state())
        os.close(writing)
        traced = Traced([hook, "create-container", *NVIDIA], reading)
        os.close(reading)
        self.addCleanup(traced.end)
        traced.run_behind(SECCOMP)
        while "Seccomp:\t2\n" not in read_text("/proc/%d/status" % traced.pid):
            traced.run_behind(SECCOMP)
        return traced

    def test_l11_dangerous_calls_kill(self):
        """The program as it is shipped, made to call what a compromised one would. CVE-2024-0137 for the network."""
        for name, number in DEADLY.items():
            with self.subTest(name):
                traced = self.trace(BUILT_HOOK)
                with self.assertRaises(Killed) as caught:
                    traced.call(number, 0, 0, 0, 0, 0)
                self.assertEqual(caught.exception.args, (signal.SIGSYS,))

    def test_l11_other_architectures_kill(self):
        for number in (X32 | READ, X32 | 512):
            with self.assertRaises(Killed) as caught:
                self.trace(BUILT_HOOK).call(number, 0, 0, 0)
            self.assertEqual(caught.exception.args, (signal.SIGSYS,))

    def test_l11_unlisted_calls(self):
        """The program as it is shipped answers with an error, the copy for tests with a signal: what the other tests of this
        suite run under is on."""
        traced = self.trace(BUILT_HOOK)
        for name, number in UNLISTED.items():
            self.assertEqual(traced.call(number, 0, 0, 0), -errno.EPERM, name)
            with self.assertRaises(Killed):
                self.trace().call(number, 0, 0, 0)
        self.assertEqual(traced.finish(), 0)

    def test_l11_code_does_not_come_in(self):
        traced = self.trace(BUILT_HOOK)
        self.assertEqual(traced.call(MMAP, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE_ANONYMOUS, -1, 0), -errno.EPERM)
        page = traced.call(MMAP, 0, 4096, PROT_READ, MAP_PRIVATE_ANONYMOUS, -1, 0)
        self.assertGreater(page, 0)
        self.assertEqual(traced.call(MPROTECT, page, 4096, PROT_READ | PROT_EXEC), -errno.EPERM)

    def test_l11_signals_to_others(self):
        traced = self.trace(BUILT_HOOK)
        self.assertEqual(traced.call(TGKILL, os.getpid(), os.getpid(), 0), -errno.EPERM)
        self.assertEqual(traced.call(TGKILL, traced.pid, traced.pid, 0), 0)

    def test_x07_x08_killed_at_any_call(self):
        """The hook is one process: killed, by the low-level runtime's time limit say, it leaves nothing that runs."""
        for number in range(1, 60, 4):
            process = subprocess.Popen(
                ["strace", "-o", "/dev/null", "-e", "inject=all:signal=KILL:when=%d" % number, HOOK, "create-container",
                 *NVIDIA], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True)
            try:
                process.communicate(self.state(), 20)
            except BrokenPipeError:
                process.wait()
            self.assertEqual(subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True).stdout, b"")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""How the hook starts and confines itself: environment, descriptors, signals, privileges, time. Ids of security.md."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import unittest

from support import (
    HERE, HOOK, NVIDIA, HookTestCase, build_shared, load, make_image, read_text, wait_for, write_text)

SOURCES = os.path.abspath(HERE + "/../../../Sources")


class Start(HookTestCase):
    def start(self, **options):
        """The hook, waiting for its state."""
        process = subprocess.Popen(
            [HOOK, "create-container", *NVIDIA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        wait_for(lambda: read_text("/proc/%d/wchan" % process.pid).startswith(("poll", "do_sys_poll", "do_poll")))
        return process

    def hostile_environment(self):
        marker = self.canary + "/executed"
        evil = self.directory + "/evil"
        write_text(evil, "#!/bin/sh\ntouch %s\n" % marker)
        os.chmod(evil, 0o755)
        preload = self.directory + "/evil.so"
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", preload], check=True,
            input=b'#include <fcntl.h>\n__attribute__((constructor)) static void f(void) '
            b'{ open("%s", O_CREAT, 0600); }\n' % marker.encode())
        os.makedirs(self.directory + "/libexec/swift/linux", exist_ok=True)
        shutil.copy(evil, self.directory + "/swift-backtrace")
        shutil.copy(evil, self.directory + "/libexec/swift/linux/swift-backtrace")
        return {
            "LD_PRELOAD": preload, "LD_AUDIT": preload, "LD_LIBRARY_PATH": self.directory,
            "LD_DEBUG": "all", "LD_DEBUG_OUTPUT": self.canary + "/debug", "GCONV_PATH": self.directory,
            "LOCPATH": self.directory, "NLSPATH": self.canary + "/%N", "MALLOC_TRACE": self.canary + "/trace",
            "RESOLV_HOST_CONF": "/etc/shadow", "GLIBC_TUNABLES": "glibc.malloc.check=3", "TMPDIR": self.canary,
            "HOSTALIASES": "/etc/shadow", "LC_ALL": "de_DE.UTF-8",
        }, {
            "explicit": {"SWIFT_BACKTRACE": "enable=yes,swift-backtrace=" + evil},
            "root": {"SWIFT_ROOT": self.directory, "SWIFT_BACKTRACE": "enable=yes"},
        }

    def test_e02_hostile_environment(self):
        """E-02"""
        loader, swift = self.hostile_environment()
        for environment in swift.values():
            self.assertDone(self.hook(*NVIDIA, env={**loader, **environment}))

    def test_e03_e04_a_trap_executes_nothing(self):
        """E-03, E-04: without our start code the environment makes a trapping program run a file of the image's; with it,
        not."""
        loader, swift = self.hostile_environment()
        objects = []
        for name in ("CStart", "CHookStart"):
            objects.append("%s/%s.o" % (self.directory, name))
            subprocess.run(
                ["clang", "-O1", "-c", "%s/%s/start.c" % (SOURCES, name), "-I%s/%s/include" % (SOURCES, name), "-o",
                 objects[-1]], check=True)
        for name, extra in (("bare", []), ("guarded", objects)):
            subprocess.run(
                ["swiftc", "-O", "-static-executable", HERE + "/trap.swift", *extra, "-o", self.directory + "/" + name],
                check=True, capture_output=True)
        executed = self.canary + "/executed"
        for environment in swift.values():
            subprocess.run(
                [self.directory + "/bare"], env={**environment, "PATH": os.environ["PATH"]}, capture_output=True)
            self.assertTrue(os.path.exists(executed), "the test shows nothing: %s" % environment)
            os.unlink(executed)
            result = subprocess.run(
                [self.directory + "/guarded"], env={**loader, **environment, "PATH": os.environ["PATH"]},
                capture_output=True)
            self.assertIn(result.returncode, (-signal.SIGILL, -signal.SIGTRAP))
            self.assertFalse(os.path.exists(executed))

    def test_e05_static_executable(self):
        """E-05"""
        headers = subprocess.run(
            ["readelf", "-lhdW", HOOK], capture_output=True, text=True, check=True).stdout
        self.assertNotIn("INTERP", headers)
        self.assertNotIn("NEEDED", headers)
        self.assertNotRegex(headers, "R(UN)?PATH")
        self.assertRegex(headers, r"Type: +DYN")
        self.assertIn("GNU_RELRO", headers)
        self.assertRegex(headers, r"GNU_STACK .* RW ")

    def test_e05_no_crash_handler(self):
        """E-05: nothing in the program can execute what SWIFT_BACKTRACE names (Sources/CStart/omitted.c)."""
        with open(HOOK, "rb") as program:
            self.assertNotIn(b"swift-backtrace", program.read())

    def test_e05_constants_are_read_only(self):
        """E-05: packaging/static.ld keeps a few writable sections of Swift's from making .rodata writable."""
        sections = subprocess.run(["readelf", "-SW", HOOK], capture_output=True, text=True, check=True).stdout
        flags = re.search(r"\.rodata +PROGBITS(?: +[0-9a-f]+){4} +(\w+)", sections)
        self.assertNotIn("W", flags.group(1))

    def test_x03_inherited_descriptors(self):
        """X-03"""
        pair = socket.socketpair()
        self.addCleanup(pair[0].close)
        self.addCleanup(pair[1].close)
        descriptors = [os.open("/", os.O_RDONLY), os.open("/", os.O_PATH), *os.pipe(), pair[0].fileno()]
        process = self.start(pass_fds=descriptors)
        for descriptor in descriptors[:-1]:
            os.close(descriptor)
        self.assertEqual(sorted(os.listdir("/proc/%d/fd" % process.pid)), ["0", "1", "2"])

    def test_x04_closed_standard_descriptors(self):
        """X-04"""
        for closed in ("<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"):
            script = 'hook="$1"; shift; exec "$hook" "$@" %s' % closed
            process = subprocess.run(
                ["sh", "-c", script, "sh", HOOK, "create-container", *NVIDIA], input=self.state(), capture_output=True)
            self.assertEqual(process.returncode, 1 if "<" in closed else 0, closed)
            for parent, _, files in os.walk(self.root):
                for name in files:
                    if not os.path.islink(os.path.join(parent, name)):
                        with open(os.path.join(parent, name), "rb") as file:
                            self.assertNotIn(b"nvidia-runtime-hook:", file.read())

    def test_signals_limits_and_dumps(self):
        def ignore_and_block():
            for number in (signal.SIGILL, signal.SIGALRM, signal.SIGTERM, signal.SIGCHLD):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))

        process = self.start(preexec_fn=ignore_and_block)
        status = read_text("/proc/%d/status" % process.pid)
        self.assertRegex(status, r"SigBlk:\t0+\n")
        # Of the standard signals only SIGPIPE (bit 12) is ignored; only SIGALRM (bit 13) is caught.
        # What is above 31 comes from whoever started the tests.
        self.assertRegex(status, r"SigIgn:\t[0-9a-f]{8}[08]0001000\n")
        self.assertRegex(status, r"SigCgt:\t0+2000\n")
        self.assertRegex(read_text("/proc/%d/limits" % process.pid), r"Max core file size +0 +0 ")
        # Not dumpable: /proc/PID belongs to root whoever runs it, and nobody may attach.
        self.assertIn("Umask:\t0022", status)

    def test_l12_confined(self):
        """L-12: while it works: one capability, no_new_privs, a filter, limits, another root."""
        trace = ["strace", "-f", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:delay_enter=800000:when=1"]
        process = subprocess.Popen(
            [*trace, HOOK, "create-container", *NVIDIA], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        process.stdin.write(self.state())
        process.stdin.close()
        confined = []

        def find_confined():
            for pid in read_text("/proc/%d/task/%d/children" % (process.pid, process.pid)).split():
                try:
                    if "Seccomp:\t2" in read_text("/proc/%s/status" % pid):
                        confined.append(pid)
                except OSError:
                    pass  # strace's own trial children come and go
            return confined

        wait_for(find_confined)
        pid = confined[0]
        status = read_text("/proc/%s/status" % pid)
        for set_name, value in (("Inh", 0), ("Prm", 2), ("Eff", 2), ("Bnd", 2), ("Amb", 0)):
            self.assertRegex(status, r"Cap%s:\t%016x" % (set_name, value))
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertRegex(status, r"Threads:\t1\n")
        self.assertEqual(os.readlink("/proc/%s/root" % pid), self.root)
        self.assertEqual(os.readlink("/proc/%s/cwd" % pid), self.root)
        limits = read_text("/proc/%s/limits" % pid)
        self.assertRegex(limits, r"Max address space +536870912 +536870912 ")
        self.assertRegex(limits, r"Max open files +512 +512 ")
        self.assertEqual(process.wait(), 0)

    def test_the_filter_denies_nothing_that_is_needed(self):
        log = self.directory + "/trace"
        self.write("etc/ld.so.conf", "include nothing\n")
        self.link("etc/ld.so.cache", "/nowhere")
        result = self.hook(*NVIDIA, prefix=["strace", "-f", "-o", log])
        self.assertEqual(result.code, 0)
        calls = read_text(log).split("SECCOMP_SET_MODE_FILTER, 0, ", 1)[1].splitlines()[1:]
        self.assertGreater(len(calls), 20)
        self.assertEqual([call for call in calls if "EPERM" in call], [])
        self.assertEqual([call for call in calls if "execve" in call or "O_RDWR" in call], [])

    def test_a_state_that_does_not_come(self):
        process = self.start()
        started = time.monotonic()
        process.stdin.write(self.state()[:-1])
        process.stdin.flush()
        self.assertEqual(process.wait(10), 1)
        self.assertLess(time.monotonic() - started, 4)
        self.assertEqual(process.stderr.read(), b"nvidia-runtime-hook: NVR1802: container state: not complete within 2 s\n")

    def test_states_that_are_none(self):
        for state in (b"", b"[]", b"{}", b'{"bundle":"relative"}', b'{"bundle":1}', b"x" * (1 << 20), b"{" * 100):
            self.assertFailed(self.hook(state=state), "container state: ")
        self.assertFailed(self.hook(state=b" " * ((1 << 20) + 5000)), "read container state: File too large")

    def test_time_limit(self):
        """Blocked in a call, the hook ends itself. strace holds it up as a dead network file system would."""
        started = time.monotonic()
        delay = ["strace", "-f", "-o", "/dev/null", "-e", "inject=mkdirat:delay_exit=6000000"]
        result = self.hook(*NVIDIA, "--link", "a::/b/c/d/e", prefix=delay, timeout=60)
        self.assertFailed(result, "gave up after 10 s")
        self.assertLess(time.monotonic() - started, 30)

    def test_command_line(self):
        def run(*arguments):
            result = subprocess.run([HOOK, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
            return result.returncode, result.stdout, result.stderr

        code, output, error = run("--version")
        self.assertEqual((code, error), (0, ""))
        self.assertRegex(output, r"^nvidia-runtime-hook [0-9.]+\n$")
        code, output, error = run("--help")
        self.assertEqual((code, error), (0, ""))
        self.assertTrue(output.startswith("usage: "))
        for arguments in (
            (), ("unknown",), ("create-container", "x"), ("create-container", "--link"),
            ("create-container", "--library", "native:x"), ("create-container", "--link", "a"),
        ):
            code, output, error = run(*arguments)
            self.assertEqual((code, output), (2, ""), arguments)
            self.assertIn("usage: ", error)
        for verb in ("poststart", "poststop"):
            self.assertEqual(run(verb), (0, "", ""))

    def test_hostile_bytes_in_messages(self):
        result = self.hook("--link", b"a::/\x1b[2J\n\xff\xcc\x81/..")
        self.assertFailed(result, "\\x1b[2J\\n\\xff")

    def test_prestart_stage(self):
        """The state's process has another mount namespace, and the container's mounts are there only."""
        ready = self.directory + "/ready"
        holder = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none "$1" && touch "$2" && exec sleep 60', "sh", self.root, ready])
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        wait_for(lambda: os.path.exists(ready))
        self.assertDone(self.hook("--enter-mount-namespace", *NVIDIA, state=self.state(pid=holder.pid)))
        self.assertEqual(os.listdir(self.root), [])
        inside = "/proc/%d/root%s" % (holder.pid, self.root)
        self.assertEqual(os.readlink(inside + "/opt/nv/libcuda.so"), "libcuda.so.1")
        for pid in (None, 0, -1, 2**40, 4194304 + 1):
            self.assertFailed(self.hook("--enter-mount-namespace", *NVIDIA, state=self.state(pid=pid)))
        self.assertEqual(os.listdir(self.root), [])

    @unittest.skipUnless(shutil.which("runc"), "no runc")
    def test_under_runc(self):
        """A container of runc whose hook has no env: it gets the image's environment with runc up to 1.2."""
        loader, swift = self.hostile_environment()
        os.rmdir(self.root)
        make_image(self.root)
        for name in ("proc", "dev", "sys"):
            os.makedirs(self.path(name), exist_ok=True)
        build_shared(self.path("opt/nv/libcuda.so.550.1"), "libcuda.so.1", 550)
        os.unlink(self.bundle + "/config.json")
        subprocess.run(["runc", "spec"], cwd=self.bundle, check=True)
        config = json.loads(read_text(self.bundle + "/config.json"))
        config["process"]["args"] = ["/bin/load", "libcuda.so.1"]
        config["process"]["terminal"] = False
        # The program in the container must start: the libraries that these name do not exist there.
        hostile = {**swift["explicit"], "LD_DEBUG_OUTPUT": self.canary + "/debug", "LD_PRELOAD": loader["LD_PRELOAD"]}
        config["process"]["env"] += ["%s=%s" % item for item in hostile.items()]
        config["hooks"] = {"createContainer": [{"path": HOOK, "args": [HOOK, "create-container", *NVIDIA]}]}
        write_text(self.bundle + "/config.json", json.dumps(config))
        name = "nvidia-runtime-hook-test-%d" % os.getpid()
        result = subprocess.run(
            ["runc", "--root", self.directory + "/runc", "run", "--bundle", self.bundle, name], capture_output=True,
            text=True, stdin=subprocess.DEVNULL)
        if "cgroup" in result.stderr or "operation not permitted" in result.stderr:
            self.skipTest("runc can't run here: " + result.stderr.strip())
        self.assertEqual(result.stdout.strip(), "550", result.stderr)
        os.makedirs(self.path("tmp"), exist_ok=True)
        self.assertEqual(load(self.root, "libcuda.so"), "550")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The hook's own file can't be reached for writing through /proc/PID/exe: E-14, E-15, CVE-2019-5736, CVE-2024-0135."""
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
import unittest

from support import (
    HOOK, NVIDIA, SYS_MEMFD_CREATE, SYS_MOUNT_SETATTR, SYS_OPEN_TREE, HookTestCase, deny, read_text, wait_for, write_text)

# Another kernel's calls, and where the program then runs from.
WAYS = {
    "mount": ({}, "/"),
    "no open_tree": ({SYS_OPEN_TREE: errno.ENOSYS}, "/memfd:nvidia-runtime (deleted)"),
    "no mount_setattr": ({SYS_MOUNT_SETATTR: errno.ENOSYS}, "/memfd:nvidia-runtime (deleted)"),
    "no right to mount": ({SYS_OPEN_TREE: errno.EPERM}, "/memfd:nvidia-runtime (deleted)"),
    "no memory files": (
        {SYS_OPEN_TREE: errno.ENOSYS, SYS_MEMFD_CREATE: errno.ENOSYS}, "/dev/shm/.nvidia-runtime-%d (deleted)"),
}

# What somebody in a container that shares the process namespace would do: open the file of each hook, keep it, and write to
# it when the hook has ended. Prints how often it was refused at once, and how often it got hold of a file.
ATTACK = r"""
import errno, os, sys, time
name, seconds = sys.argv[1].encode(), float(sys.argv[2])
seen, kept = set(), {}
print("ready", flush=True)
end = time.monotonic() + seconds
while time.monotonic() < end:
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in kept:
            continue
        try:
            with open("/proc/%s/cmdline" % pid, "rb") as file:
                if name not in file.read() or pid == str(os.getpid()):
                    continue
            seen.add(pid)
            kept[pid] = os.open("/proc/%s/exe" % pid, os.O_PATH)
        except OSError:
            pass
time.sleep(0.2)
written = 0
for file in kept.values():
    try:
        os.write(os.open("/proc/self/fd/%d" % file, os.O_WRONLY), b"#!/evil")
        written += 1
    except OSError:
        pass
print(len(seen), len(kept), written)
"""


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


class Seal(HookTestCase):
    def setUp(self):
        super().setUp()
        self.program = self.directory + "/hook-of-this-test"
        shutil.copy(HOOK, self.program)
        self.before = digest(self.program)

    def tearDown(self):
        self.assertEqual(digest(self.program), self.before, "the program was changed")
        super().tearDown()

    def start(self, calls, *arguments, **options):
        """The hook, waiting for its state."""
        process = subprocess.Popen(
            [self.program, "create-container", *NVIDIA, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=lambda: deny(calls), **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        wait_for(lambda: "poll" in read_text("/proc/%d/wchan" % process.pid))
        return process

    def test_e14_cve_2019_5736_the_file_can_not_be_written(self):
        """By root with every capability, while the hook runs and afterwards, whatever the kernel has."""
        for name, (calls, place) in WAYS.items():
            with self.subTest(name):
                process = self.start(calls)
                exe = "/proc/%d/exe" % process.pid
                self.assertEqual(os.readlink(exe), place % process.pid if "%d" in place else place)
                with self.assertRaises(OSError) as caught:
                    os.open(exe, os.O_WRONLY)
                self.assertIn(caught.exception.errno, (errno.EROFS, errno.ETXTBSY))
                held = [os.open(exe, flags) for flags in (os.O_PATH, os.O_RDONLY)]
                process.communicate(self.state())
                self.assertEqual(process.returncode, 0)
                for file in held:
                    try:
                        again = os.open("/proc/self/fd/%d" % file, os.O_WRONLY)
                        os.write(again, b"#!/evil")
                        os.close(again)
                        # A file without a name, which no other process runs.
                        self.assertTrue(place.startswith("/dev/shm/"), name)
                    except OSError as error:
                        self.assertIn(error.errno, (errno.EROFS, errno.EPERM))
                    os.close(file)
                self.assertEqual(digest(self.program), self.before)
        self.assertEqual([file for file in os.listdir("/dev/shm") if "nvidia-runtime" in file], [])

    def test_e14_the_attack_works_on_a_program_that_is_not_sealed(self):
        """So that the test above shows something."""
        program = self.directory + "/sleep"
        shutil.copy("/bin/sleep", program)
        process = subprocess.Popen([program, "60"])
        wait_for(lambda: os.readlink("/proc/%d/exe" % process.pid) == program)
        file = os.open("/proc/%d/exe" % process.pid, os.O_PATH)
        process.kill()
        process.wait()
        again = os.open("/proc/self/fd/%d" % file, os.O_WRONLY)
        self.assertEqual(os.write(again, b"#!/evil"), 7)
        os.close(again)
        os.close(file)

    @unittest.skipUnless(shutil.which("setpriv"), "no setpriv")
    def test_e14_cve_2024_0135_polled_from_a_container(self):
        """Root with a container's capabilities that sees the hook polls for it from its first instruction on."""
        capabilities = "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+mknod,+net_raw,+sys_chroot"
        attack = subprocess.Popen(
            ["setpriv", "--bounding-set", capabilities, "--inh-caps", "-all", sys.executable, "-c", ATTACK, "create-container",
             "3"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(attack.wait)
        self.addCleanup(attack.kill)
        self.addCleanup(attack.stdout.close)
        self.assertEqual(attack.stdout.readline(), "ready\n")
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            result = subprocess.run(
                [self.program, "create-container", *NVIDIA], input=self.state(), capture_output=True)
            self.assertEqual((result.returncode, result.stderr), (0, b""))
        seen, kept, written = map(int, attack.stdout.readline().split())
        self.assertGreater(seen, 10)
        self.assertEqual((kept, written), (0, 0))

    def test_e15_no_way_is_no_start(self):
        """Where memory files are forbidden, that is not got round, and the file is never executed as it is."""
        forbidden = {
            "memory files forbidden": {SYS_OPEN_TREE: errno.EPERM, SYS_MEMFD_CREATE: errno.EPERM},
            "not executable": {SYS_OPEN_TREE: errno.ENOSYS, SYS_MEMFD_CREATE: errno.EACCES},
            "no memory": {SYS_MOUNT_SETATTR: errno.ENOMEM, SYS_MEMFD_CREATE: errno.ENOMEM},
        }
        for name, calls in forbidden.items():
            log = self.directory + "/trace"
            result = subprocess.run(
                ["strace", "-f", "-e", "trace=execve,execveat", "-o", log, self.program, "create-container", *NVIDIA],
                input=self.state(), capture_output=True, preexec_fn=lambda calls=calls: deny(calls))
            numbers = list(calls.values())
            self.assertEqual(
                result.stderr.decode(), "hook-of-this-test: NVR1806: can't make its own program unwritable: mount: errno %d, "
                "memory file: errno %d; it needs Linux 5.12 with CAP_SYS_ADMIN, or memfd_create(2)\n" % tuple(numbers), name)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(read_text(log).count("exec"), 1)
            self.assertEqual(os.listdir(self.root), [])

    def test_e15_no_place_for_a_copy(self):
        """The last way fails too: a file of that name is somebody else's and is left alone."""
        calls = WAYS["no memory files"][0]
        program = "import os, sys; name = '/dev/shm/.nvidia-runtime-%d' % os.getpid(); open(name, 'x').write('mine'); " \
            "os.execv(sys.argv[1], sys.argv[1:])"
        process = subprocess.Popen(
            [sys.executable, "-c", program, self.program, "--version"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            preexec_fn=lambda: deny(calls))
        output, error = process.communicate()
        name = "/dev/shm/.nvidia-runtime-%d" % process.pid
        self.addCleanup(os.unlink, name)
        self.assertEqual((process.returncode, output), (1, b""))
        self.assertIn(b", file in /dev/shm: errno %d; " % errno.EEXIST, error)
        self.assertEqual(read_text(name), "mine")

    def test_read_only_mount(self):
        """Without a mount of its own, a program on a read-only file system runs from there, and nothing is copied."""
        folder = self.directory + "/read-only"
        os.mkdir(folder)
        subprocess.run(["mount", "--bind", os.path.dirname(HOOK), folder], check=True)
        self.addCleanup(subprocess.run, ["umount", folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        self.program = folder + "/" + os.path.basename(HOOK)
        process = self.start({SYS_OPEN_TREE: errno.ENOSYS, SYS_MEMFD_CREATE: errno.ENOSYS})
        self.assertEqual(os.readlink("/proc/%d/exe" % process.pid), self.program)
        file = os.open("/proc/%d/exe" % process.pid, os.O_PATH)
        process.kill()
        process.wait()
        with self.assertRaises(OSError) as caught:
            os.open("/proc/self/fd/%d" % file, os.O_WRONLY)
        self.assertEqual(caught.exception.errno, errno.EROFS)
        os.close(file)

    def test_e04_environment(self):
        """Nothing of it is left in the program that works, not even what libc alone would read."""
        hostile = {"GLIBC_TUNABLES": "glibc.malloc.check=3", "LD_LIBRARY_PATH": "/evil", "SWIFT_ROOT": "/evil", "A": "b" * 9999}
        for calls, _ in WAYS.values():
            process = self.start(calls, env=hostile)
            with open("/proc/%d/environ" % process.pid, "rb") as file:
                self.assertEqual(file.read(), b"")
            process.kill()
            process.wait()

    def test_arguments(self):
        """They arrive as they are, whatever they look like."""
        words = ["--link", "a b::/x", "--link", "\xff\n$(id)::/y", "--link", "--sealed::/--sealed"]
        process = self.start({}, *words)
        with open("/proc/%d/cmdline" % process.pid, "rb") as file:
            found = file.read().split(b"\0")[:-1]
        wanted = [self.program, "--sealed", self.program, "create-container", *NVIDIA, *words]
        self.assertEqual(found, [os.fsencode(word) for word in wanted])
        self.assertEqual(read_text("/proc/%d/comm" % process.pid), "nvidia-runtime\n")
        process.communicate(self.state())
        self.assertEqual(process.returncode, 0)
        self.assertEqual(sorted(set(os.listdir(self.root)) & {"x", "y", "--sealed"}), ["--sealed", "x", "y"])

    def test_many_arguments(self):
        words = ["--link", "a::/b"] * 20000
        result = subprocess.run([self.program, "create-container", *words, "last"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn('unknown argument "last"', result.stderr)

    def test_no_arguments(self):
        """Linux before 5.18 lets a program start without even its name."""
        for arguments in (["x"], ["x", "--sealed"], ["--sealed", "--sealed"]):
            result = subprocess.run(arguments, executable=self.program, capture_output=True, text=True)
            self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
            self.assertIn("NVR1801", result.stderr)

    def test_without_proc(self):
        program = self.directory + "/image/hook"
        os.makedirs(os.path.dirname(program))
        shutil.copy(HOOK, program)
        result = subprocess.run(["chroot", os.path.dirname(program), "/hook", "--version"], capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertEqual(result.stderr, "hook: /proc is not mounted; mount proc on /proc and try again\n")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The hook on hostile and odd roots. Ids of security.md."""
import os
import shutil
import stat
import subprocess
import time
import unittest

from support import NVIDIA, HookTestCase, deny_openat2, listing, read_text, snapshot

CACHE = "etc/ld.so.cache"
DROP_IN = "etc/ld.so.conf.d/00-nvidia-runtime.conf"


class Roots(HookTestCase):
    def assertLinks(self, directory="opt/nv"):
        self.assertEqual(os.readlink(self.path(directory + "/libcuda.so.1")), "libcuda.so.550.1")
        self.assertEqual(os.readlink(self.path(directory + "/libcuda.so")), "libcuda.so.1")

    def test_s01_s02_parent_is_a_link_to_the_host(self):
        """S-01, S-02"""
        for target in (self.canary, "../../../../../.." + self.canary):
            self.link("opt/nv", target)
            self.assertFailed(self.hook(*NVIDIA), "opt/nv")
            os.unlink(self.path("opt/nv"))
            # Where the same path exists in the image, that is where it goes.
            os.makedirs(self.root + self.canary)
            self.link("opt/nv", target)
            self.assertDone(self.hook(*NVIDIA))
            self.assertLinks(self.canary)
            shutil.rmtree(self.path(self.canary.split("/")[1]))
            os.unlink(self.path("opt/nv"))

    def test_s03_magic_links(self):
        """S-03: procfs is mounted in the root, as low-level runtimes do before this hook."""
        os.makedirs(self.path("proc"))
        for target in (
            "/proc/self/root" + self.canary, "/proc/1/cwd/tmp", "/proc/self/fd/3", "/proc/thread-self/cwd",
            "/proc/self/cwd",
        ):
            self.link("opt/nv", target)
            script = 'mount -t proc none "$1" && shift && exec "$@"'
            prefix = ["unshare", "-m", "sh", "-c", script, "sh", self.path("proc")]
            before = snapshot(self.root)
            result = self.hook("--link", "a::/opt/nv/b", prefix=prefix)
            # Permission is denied where the process behind the link is not ours: CAP_SYS_PTRACE is gone.
            self.assertFailed(result, "open /opt/nv: ")
            self.assertRegex(result.error, "Too many levels of symbolic links|Permission denied")
            self.assertEqual(before, snapshot(self.root))
            os.unlink(self.path("opt/nv"))

    def test_s04_s05_something_has_the_name(self):
        """S-04, S-05"""
        self.write("victim", "kept")
        self.link("opt/nv/libcuda.so.1", "/victim")
        self.write("opt/nv/libcuda.so", "old")
        self.assertDone(self.hook(*NVIDIA))
        self.assertLinks()
        self.assertEqual(read_text(self.path("victim")), "kept")
        os.unlink(self.path("opt/nv/libcuda.so"))

        def make_full():
            self.write("opt/nv/libcuda.so/x")

        name = self.path("opt/nv/libcuda.so")
        makers = {
            "directory": lambda: os.mkdir(name), "full directory": make_full, "FIFO": lambda: os.mkfifo(name),
            "device": lambda: os.mknod(name, 0o600 | stat.S_IFCHR, os.makedev(1, 3)),
            "socket": lambda: os.mknod(name, 0o600 | stat.S_IFSOCK),
        }
        for kind, make in makers.items():
            make()
            before = snapshot(self.root)
            self.assertFailed(self.hook(*NVIDIA), "replace with a link /opt/nv/libcuda.so")
            self.assertEqual(before, snapshot(self.root), kind)
            shutil.rmtree(name) if os.path.isdir(name) else os.unlink(name)

    def test_s07_links_in_place_of_directories(self):
        """S-07"""
        self.link("proc", "tmp")
        self.link("sys", "/")
        self.link("run", self.canary)
        self.link("etc", "../../" + self.canary)
        self.assertFailed(self.hook(*NVIDIA), "open created directory /etc: Not a directory")
        self.assertLinks()
        os.unlink(self.path("etc"))
        os.makedirs(self.path("usr/etc"))
        self.link("etc", "../../usr/etc")
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(len(listing(self.path("usr"))), 2)

    def swap(self, victim, link_target, seconds, arguments=NVIDIA):
        """Runs the hook while `victim`, a directory, is exchanged with a link again and again. Returns the runs."""
        other = victim + ".other"
        os.symlink(link_target, other)
        script = (
            "import ctypes,sys\nc=ctypes.CDLL(None)\na,b=[x.encode() for x in sys.argv[1:]]\n"
            "while True: c.renameat2(-100,a,-100,b,2)\n")
        swapper = subprocess.Popen(["python3", "-c", script, victim, other])
        self.addCleanup(swapper.wait)
        self.addCleanup(swapper.kill)
        deadline = time.monotonic() + seconds
        codes = []
        while time.monotonic() < deadline:
            codes.append(self.hook(*arguments).code)
            for name in ("opt/nv/libcuda.so", "opt/nv/libcuda.so.1", CACHE):
                if os.path.lexists(self.path(name)):
                    try:
                        os.unlink(self.path(name))
                    except OSError:
                        pass
        swapper.kill()
        self.assertEqual(os.listdir(self.canary), [])
        self.assertLessEqual(set(codes), {0, 1})
        self.assertGreater(len(codes), 20)
        return codes

    def test_s10_library_directory_is_swapped(self):
        """S-10"""
        os.makedirs(self.path("opt/nv"))
        self.swap(self.path("opt/nv"), self.canary, 6)

    def test_s11_configuration_directory_is_swapped(self):
        """S-11"""
        os.makedirs(self.path("etc/ld.so.conf.d"))
        self.swap(self.path("etc/ld.so.conf.d"), self.canary, 4)

    def test_s12_missing_parent_is_swapped(self):
        """S-12"""
        os.makedirs(self.path("opt"))
        self.swap(self.path("opt"), self.canary, 4, ("--link", "a::/opt/b/c/d/e/f"))

    def test_s14_rename_storm(self):
        """S-14"""
        os.makedirs(self.path("a"))
        storm = [
            subprocess.Popen(
                ["python3", "-c", "import os,sys\nwhile True:\n os.rename(sys.argv[1],sys.argv[2]); "
                 "os.rename(sys.argv[2],sys.argv[1])", self.path("a/%d" % index), self.path("a/x%d" % index)])
            for index in range(4) if not os.makedirs(self.path("a/%d" % index))
        ]
        try:
            for _ in range(30):
                started = time.monotonic()
                result = self.hook("--link", "x::/a/../a/../a/../opt/nv/y")
                self.assertLess(time.monotonic() - started, 3)
                self.assertIn(result.code, (0, 1))
        finally:
            for process in storm:
                process.kill()
                process.wait()

    def test_s18_read_only(self):
        """S-18"""
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        prefix = ["unshare", "-m", "sh", "-c", script, "sh", self.root]
        before = snapshot(self.root)
        result = self.hook(*NVIDIA, prefix=prefix)
        self.assertEqual(result.code, 0)
        self.assertEqual(
            result.error.splitlines()[-1],
            "nvidia-runtime-hook: warning: read-only file system: 3 not written, /opt/nv first; the loader does "
            "not find libcuda.so.1 unless LD_LIBRARY_PATH has /opt/nv")
        self.assertEqual(before, snapshot(self.root))

        # In a directory that the loader searches anyway, and with its links, nothing is missing.
        self.write("etc/hostname")
        self.link("usr/lib64/libcuda.so.1", "libcuda.so.550.1")
        self.write("usr/lib64/libcuda.so.550.1")
        result = self.hook("--library", "native:libcuda.so.1:/usr/lib64/libcuda.so.550.1", prefix=prefix)
        self.assertEqual(result.code, 0)
        self.assertEqual(
            result.error, "nvidia-runtime-hook: warning: read-only file system: 1 not written, /etc/ld.so.cache first\n")

        # Where everything is there already, nothing is said.
        self.assertDone(self.hook(*NVIDIA))
        self.assertDone(self.hook(*NVIDIA, prefix=prefix))

    def test_s19_names(self):
        """S-19"""
        root = os.fsencode(self.root)
        exact = [
            b"/\xcc\x81", b"/\xff", b"/a\nb", b"/c d", b"/e:f::g", b"/" + b"n" * 255, b"/d" * 300 + b"/l", b"//x/./y",
        ]
        for path in exact:
            self.assertDone(self.hook("--link", b"t::" + path))
            self.assertEqual(os.readlink(root + path), b"t", path)
        before = snapshot(self.root)
        denied = [b"", b"/", b"//", b"/..", b"/.", b"/../..", b"/a/", b"rel", b"/" + b"n" * 256, b"/d" * 2100]
        for path in denied:
            result = self.hook("--link", b"t::" + path)
            self.assertIn(result.code, (1, 2), path)
        self.assertEqual(before, snapshot(self.root))

    def test_s21_user_namespace(self):
        """S-21"""
        for parent, directories, files in os.walk(self.directory):
            os.chown(parent, 65534, 65534)
            for name in files:
                os.chown(os.path.join(parent, name), 65534, 65534)
        os.chmod(self.root, 0o555)
        prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-U", "-r"]
        probe = subprocess.run([*prefix, "true"], capture_output=True)
        if probe.returncode != 0:
            self.skipTest("no user namespaces here")
        self.assertDone(self.hook(*NVIDIA, prefix=prefix))
        self.assertLinks()
        self.assertEqual(os.lstat(self.path(CACHE)).st_uid, 65534)

        # Without any right, an error and not half of it.
        os.chown(self.root, 0, 0)
        before = snapshot(self.root)
        result = self.hook("--link", "a::/b", prefix=prefix[:-3])
        self.assertFailed(result, "Permission denied")
        self.assertEqual(before, snapshot(self.root))

    def test_s22_root_path(self):
        """S-22"""
        os.symlink(self.root, self.directory + "/link")
        os.symlink("/", self.directory + "/host")
        for path in ("rootfs", "./rootfs/", self.root, "../bundle/rootfs", self.directory + "/link"):
            self.configure(path)
            self.assertDone(self.hook(*NVIDIA))
            self.assertLinks()
            shutil.rmtree(self.path("opt"))
        for path in ("", "/", "//", "/.", "/..", "/proc/..", self.directory + "/host", "../../../../../.."):
            self.configure(path)
            self.assertFailed(self.hook("--link", "a::/nvidia-runtime-test/b"))
            self.assertFalse(os.path.lexists("/nvidia-runtime-test"))
        for path in ("nowhere", "config.json"):
            self.configure(path)
            self.assertFailed(self.hook(*NVIDIA))
        self.configure(7)
        self.assertFailed(self.hook(*NVIDIA), "config.json")
        # crun says it in the state, which then counts.
        self.assertDone(self.hook(*NVIDIA, state=self.state(root=self.root)))
        self.assertFailed(self.hook(*NVIDIA, state=self.state(root="/")))

    def test_l03_configuration_is_no_file(self):
        """L-03"""
        os.makedirs(self.path("etc"))
        name = self.path("etc/ld.so.conf")
        makers = {
            "FIFO": lambda: os.mkfifo(name), "directory": lambda: os.mkdir(name),
            "device": lambda: os.mknod(name, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
            "socket": lambda: os.mknod(name, 0o600 | stat.S_IFSOCK),
            "8 GiB": lambda: os.truncate(os.open(name, os.O_CREAT | os.O_WRONLY), 8 << 30),
            "mode 000": lambda: os.close(os.open(name, os.O_CREAT, 0)),
            "dangling": lambda: os.symlink("/nowhere", name), "kmsg": lambda: os.symlink("/proc/kmsg", name),
        }
        for kind, make in makers.items():
            make()
            started = time.monotonic()
            result = self.hook(*NVIDIA)
            self.assertLess(time.monotonic() - started, 3, kind)
            self.assertEqual(result.code, 0, kind)
            self.assertEqual(result.error.count("\n"), 1, kind)
            self.assertIn("an ldconfig run in the container loses /opt/nv", result.error)
            self.assertEqual(len(listing(self.root)), 2)
            shutil.rmtree(name) if stat.S_ISDIR(os.lstat(name).st_mode) else os.unlink(name)

    def test_l04_fifos_elsewhere(self):
        """L-04"""
        os.makedirs(self.path("etc/ld.so.conf.d"))
        os.makedirs(self.path("var/cache/ldconfig"))
        for name in ("etc/ld.so.conf.d/zz.conf", "etc/ld.so.cache~", "var/cache/ldconfig/aux-cache"):
            os.mkfifo(self.path(name))
        self.assertDone(self.hook(*NVIDIA))
        os.unlink(self.path(DROP_IN))
        os.mkfifo(self.path(DROP_IN))
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(read_text(self.path(DROP_IN)), "/opt/nv\n")

    def test_l07_cache_is_no_file(self):
        """L-07"""
        self.write("victim", "kept")
        os.makedirs(self.path("etc"))
        for target in ("/victim", "/nowhere", self.canary + "/x", "/etc/ld.so.cache"):
            if os.path.lexists(self.path(CACHE)):
                os.unlink(self.path(CACHE))
            os.symlink(target, self.path(CACHE))
            result = self.hook(*NVIDIA)
            if target == "/etc/ld.so.cache":
                self.assertFailed(result, "Too many levels of symbolic links")
                continue
            self.assertDone(result)
            self.assertTrue(stat.S_ISREG(os.lstat(self.path(CACHE)).st_mode))
            self.assertEqual(read_text(self.path("victim")), "kept")
        os.unlink(self.path(CACHE))
        for make, remove in ((os.mkdir, os.rmdir), (os.mkfifo, os.unlink)):
            make(self.path(CACHE))
            self.assertFailed(self.hook(*NVIDIA), "/etc/ld.so.cache")
            remove(self.path(CACHE))
        with open(self.path(CACHE), "wb") as file:
            file.truncate((16 << 20) + 1)
        self.assertFailed(self.hook(*NVIDIA), "/etc/ld.so.cache: File too large")

    def test_l07_immutable_cache(self):
        """L-07"""
        self.write(CACHE, "x")
        if subprocess.run(["chattr", "+i", self.path(CACHE)], capture_output=True).returncode != 0:
            self.skipTest("no immutable files here")
        try:
            self.assertFailed(self.hook(*NVIDIA), "/etc/ld.so.cache: Operation not permitted")
            self.assertEqual(sorted(os.listdir(self.path("etc"))), ["ld.so.cache", "ld.so.conf", "ld.so.conf.d"])
        finally:
            subprocess.run(["chattr", "-i", self.path(CACHE)])

    def test_l13_directories_without_write_permission(self):
        """L-13"""
        for name in ("opt/nv", "etc"):
            os.makedirs(self.path(name))
            os.chmod(self.path(name), 0o555)
            os.chown(self.path(name), 1000, 1000)
        self.assertDone(self.hook(*NVIDIA))
        self.assertLinks()

    def test_l14_l15_l16_images(self):
        """L-14, L-15, L-16"""
        # Scratch: nothing at all. Twice: the second time nothing changes.
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(
            sorted(os.listdir(self.path("etc"))), ["ld.so.cache", "ld.so.conf", "ld.so.conf.d"])
        for name in (CACHE, DROP_IN, "etc/ld.so.conf"):
            self.assertEqual(stat.S_IMODE(os.lstat(self.path(name)).st_mode), 0o644)
        before = snapshot(self.root)
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(before, snapshot(self.root))
        # A restart with another driver leaves no trace of the one before.
        self.assertDone(self.hook("--library", "native:libcuda.so.1:/opt/other/libcuda.so.560.1"))
        self.assertEqual(read_text(self.path(DROP_IN)), "/opt/other\n")
        self.assertEqual(os.listdir(self.path("etc/ld.so.conf.d")), ["00-nvidia-runtime.conf"])
        # A user's configuration stays as it is.
        self.write("etc/ld.so.conf", "/opt/mine\ninclude ld.so.conf.d/*.conf\n")
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(read_text(self.path("etc/ld.so.conf")), "/opt/mine\ninclude ld.so.conf.d/*.conf\n")

    def test_l14_musl(self):
        """L-14"""
        machine = os.uname().machine
        self.write("lib/ld-musl-%s.so.1" % machine)
        for _ in range(2):
            self.assertDone(self.hook(*NVIDIA))
            self.assertLinks()
            self.assertEqual(os.listdir(self.path("etc")), ["ld-musl-%s.path" % machine])
            text = read_text(self.path("etc/ld-musl-%s.path" % machine))
            self.assertEqual(text, "/lib\n/usr/local/lib\n/usr/lib\n/opt/nv\n")

    def test_l16_interrupted(self):
        """L-16: killed at any of its changes and run again, it ends with the same result and leaves nothing behind."""
        self.assertDone(self.hook(*NVIDIA))
        wanted = {name[len(self.root):] for name in snapshot(self.root)}
        for call in ("symlinkat", "renameat", "write", "mkdirat"):
            for count in (1, 2):
                shutil.rmtree(self.root)
                os.makedirs(self.root)
                inject = "inject=%s:signal=KILL:when=%d" % (call, count)
                self.assertNotEqual(self.hook(*NVIDIA, prefix=["strace", "-f", "-o", "/dev/null", "-e", inject]).code, 0)
                self.assertDone(self.hook(*NVIDIA))
                left = {name[len(self.root):] for name in snapshot(self.root)}
                self.assertLessEqual(wanted, left)
                self.assertLessEqual(len(left - wanted), 1, "more than the one temporary file of the killed run")

    def test_nothing_is_executed(self):
        """E-12: nothing of the image runs, whatever it is called."""
        for name in ("sbin/ldconfig", "usr/sbin/ldconfig", "usr/bin/nvidia-ctk", "lib64/ld-linux-x86-64.so.2"):
            self.write(name, "#!/bin/sh\ntouch %s/executed\n" % self.canary)
            os.chmod(self.path(name), 0o755)
        log = self.directory + "/trace"
        result = self.hook(*NVIDIA, prefix=["strace", "-f", "-e", "trace=execve,execveat,clone,fork,vfork", "-o", log])
        self.assertEqual(result.code, 0)
        calls = read_text(log)
        # The second time its own program, sealed.
        self.assertEqual((calls.count("execve("), calls.count("execveat(")), (1, 1))
        self.assertIn('"--sealed"', calls)


class RootsWithoutOpenat2(Roots):
    """S-15: all of it again on a kernel without openat2(2)."""

    def hook(self, *arguments, **options):
        return super().hook(*arguments, preexec_fn=deny_openat2, **options)



if __name__ == "__main__":
    unittest.main()

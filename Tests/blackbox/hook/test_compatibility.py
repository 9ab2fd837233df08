# SPDX-License-Identifier: Apache-2.0
"""CUDA forward compatibility: which libcuda the real loader of a root finds after the hook."""
import os
import stat
import subprocess
import time
import unittest

from support import (
    MULTIARCH, ROOTFS, HookTestCase, build_shared, deny_openat2, ldconfig, listing, load, make_image, read_text, snapshot,
    write_text)

DRIVER = "570.211.01"  # as the mounted libraries are
OLD_HOST = ("--cuda-compat-root", "/usr/local/cuda/compat", "--cuda-compat-driver", DRIVER)
NEW_HOST = ("--cuda-compat-root", "/usr/local/cuda/compat", "--cuda-compat-driver", "590.44.01")
NOTE = '{"Format": 1, "CUDA Version": "12.9", "Driver": [535, 550, 560, 565, 570, 575], "Device": [1, 2, 7, 8]}'
MADE_FOR = "libcuda 575.57.08 works with branch 570 and is newer than the host's 570.211.01"
NOT_MADE_FOR = "libcuda 575.57.08 works with the driver branches 535, 550, 560, 565, 570, 575, the host has 590.44.01"
CONF = "etc/ld.so.conf.d/cuda-compat.conf"


def build_libcuda(path, version, note=NOTE):
    """A libcuda.so.1 that says which version it is, and has the note that NVIDIA's has."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = "int driver_version(void) { return %d; }\n" % version
    if note:
        source += """
            __attribute__((section(".note.cuda.fwd_compatibility"), used, aligned(4))) static const struct {
                unsigned name_size, size, type; char name[20]; char text[%d];
            } note = {19, %d, 1, "NVIDIA Corporation", "%s"};
            """ % (len(note), len(note), note.replace('"', '\\"'))
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-Wl,-soname,libcuda.so.1"], input=source.encode(),
        check=True)


class Compatibility(HookTestCase):
    def make(self, driver_directory="/opt/nv", **layout):
        """An image, and the driver's libraries mounted in it."""
        os.rmdir(self.root)
        make_image(self.root, **layout)
        self.driver = []
        for name, version in (("libcuda", 570), ("libnvidia-ml", 571), ("libnvidia-ptxjitcompiler", 572)):
            build_shared(self.path("%s/%s.so.%s" % (driver_directory, name, DRIVER)), name + ".so.1", version)
            self.driver += ["--library", "native:%s.so.1:%s/%s.so.%s" % (name, driver_directory, name, DRIVER)]
        self.driver += ["--link", "libcuda.so.1::%s/libcuda.so" % driver_directory]

    def package(self, directory="usr/local/cuda-12.9/compat", note=NOTE):
        """What the package cuda-compat-12-9 and the alternatives system make of it."""
        directory = self.path(directory)
        build_libcuda(directory + "/libcuda.so.575.57.08", 575, note)
        build_shared(directory + "/libnvidia-ptxjitcompiler.so.575.57.08", "libnvidia-ptxjitcompiler.so.1", 576)
        build_shared(directory + "/libnvidia-nvvm.so.575.57.08", "libnvidia-nvvm.so.4", 577)
        build_shared(directory + "/libnvidia-gpucomp.so.575.57.08", "libnvidia-gpucomp.so.575.57.08", 578)
        for name, target in (
            ("libcuda.so.1", "libcuda.so.575.57.08"), ("libcuda.so", "libcuda.so.1"),
            ("libnvidia-ptxjitcompiler.so.1", "libnvidia-ptxjitcompiler.so.575.57.08"),
            ("libnvidia-nvvm.so.4", "libnvidia-nvvm.so.575.57.08"),
        ):
            os.symlink(target, directory + "/" + name)
        if "cuda-12.9" in directory:
            self.link("usr/local/cuda", "/etc/alternatives/cuda")
            self.link("etc/alternatives/cuda", "/usr/local/cuda-12.9")

    def assertLoads(self, **versions):
        found = {name: load(self.root, name.replace("_", "-") + ".so.1") for name in versions}
        self.assertEqual(found, {name: str(version) for name, version in versions.items()})

    def assertUsed(self):
        self.assertLoads(libcuda=575, libnvidia_ptxjitcompiler=576, libnvidia_ml=571)
        self.assertEqual(load(self.root, "libcuda.so"), "575")
        self.assertEqual(load(self.root, "libnvidia-nvvm.so.4"), "577")
        self.assertEqual(load(self.root, "libnvidia-gpucomp.so.575.57.08"), "578")

    def assertNotUsed(self):
        self.assertLoads(libcuda=570, libnvidia_ptxjitcompiler=572, libnvidia_ml=571)
        self.assertEqual(load(self.root, "libcuda.so"), "570")
        self.assertIn("cannot open shared object file", load(self.root, "libnvidia-nvvm.so.4"))
        self.assertFalse([line for line in listing(self.root) if "/compat/" in line])

    def decided(self, *arguments, **options):
        """The hook's one line of explanation."""
        result = self.hook("--debug", *self.driver, *arguments, **options)
        self.assertEqual((result.code, result.output), (0, ""))
        prefix = "nvidia-runtime-hook: debug: CUDA forward compatibility: "
        self.assertTrue(result.error.startswith(prefix), result.error)
        self.assertEqual(result.error.count("\n"), 1, result.error)
        return result.error[len(prefix):-1]

    def compare(self, driver_directory, **layout):
        self.make(driver_directory, **layout)
        self.package()
        self.assertDone(self.hook(*self.driver, *OLD_HOST))
        self.assertUsed()
        # ldconfig, run in the container later, keeps that.
        ldconfig(self.root)
        self.assertUsed()
        # A second start changes nothing but the layout of ldconfig's cache.
        ours = listing(self.root)
        self.assertDone(self.hook(*self.driver, *OLD_HOST))
        self.assertEqual(ours, listing(self.root))
        before = snapshot(self.root)
        self.assertDone(self.hook(*self.driver, *OLD_HOST))
        self.assertEqual(before, snapshot(self.root))
        # After an update of the host's driver the same container is back with the driver's.
        self.assertDone(self.hook(*self.driver, *NEW_HOST))
        self.assertNotUsed()
        ldconfig(self.root)
        self.assertNotUsed()

    def test_debian_own_directory(self):
        self.compare("/opt/nv")

    def test_debian_system_directory(self):
        self.compare(MULTIARCH)

    def test_rhel_system_directory(self):
        self.compare("/usr/lib64", library_directory="/usr/lib64", debian=False)

    @unittest.skipUnless(ROOTFS, "HOOK_ROOTFS is not set")
    def test_real_image(self):
        self.compare("/opt/nv", real=True)

    def test_image_that_lists_its_directory(self):
        """Many images do, with their own /etc/ld.so.conf.d/cuda-compat.conf: before us their libcuda wins everywhere."""
        for path in ("/usr/local/cuda/compat", "/usr/local/cuda-12.9/compat"):
            with self.subTest(path):
                if os.path.lexists(self.path(CONF)):
                    subprocess.run(["rm", "-rf", self.root])
                    os.makedirs(self.root)
                self.make()
                self.package()
                self.write(CONF, path + "\n")
                ldconfig(self.root)
                self.assertLoads(libcuda=575)
                self.assertDone(self.hook(*self.driver, *NEW_HOST))
                self.assertNotUsed()
                # ldconfig has both again, the driver's first.
                ldconfig(self.root)
                self.assertLoads(libcuda=570, libnvidia_ptxjitcompiler=572)
                self.assertDone(self.hook(*self.driver, *OLD_HOST))
                self.assertUsed()

    def test_without_being_asked(self):
        """For a GPU that can't use it the plan does not even ask; the driver's libraries still win."""
        self.make()
        self.package()
        self.write(CONF, "/usr/local/cuda/compat\n")
        ldconfig(self.root)
        self.assertDone(self.hook("--debug", *self.driver))
        self.assertLoads(libcuda=570, libnvidia_ptxjitcompiler=572)
        self.assertEqual(load(self.root, "libcuda.so"), "570")

    def test_decisions(self):
        self.make()
        self.assertEqual(self.decided(*OLD_HOST), "not used: the image has no /usr/local/cuda/compat")
        self.package()
        self.assertEqual(self.decided(*OLD_HOST), "used: " + MADE_FOR)
        self.assertEqual(self.decided(*NEW_HOST), "not used: " + NOT_MADE_FOR)
        self.assertEqual(
            self.decided("--cuda-compat-driver", "575.99.99"),
            "not used: libcuda 575.57.08 is not newer than the host's driver 575.99.99")
        self.assertEqual(
            self.decided("--cuda-compat-cuda", "12.10"), "not used: its CUDA 12.9 is not newer than the host's 12.10")
        self.assertEqual(
            self.decided("--cuda-compat-root", "/opt/elsewhere"), "not used: the image has no /opt/elsewhere")

    def test_library_without_a_note(self):
        self.make()
        self.package(note=None)
        self.assertEqual(
            self.decided(*OLD_HOST), "used: libcuda 575.57.08 is of a newer branch than the host's driver " + DRIVER)
        self.assertUsed()
        self.assertDone(self.hook(*self.driver, *NEW_HOST))
        self.assertNotUsed()

    def test_refused_arguments(self):
        for arguments in (
            ("--cuda-compat-driver",), ("--cuda-compat-driver", "*"), ("--cuda-compat-cuda", ""),
            ("--cuda-compat-root", "../x"), ("--cuda-compat-root", "/a/../b"),
        ):
            self.assertEqual(self.hook(*arguments).code, 2, arguments)

    @unittest.skipUnless(os.geteuid() == 0, "mounts")
    def test_read_only_root(self):
        self.make(MULTIARCH)
        self.package()
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        prefix = ["unshare", "-m", "sh", "-c", script, "sh", self.root]
        result = self.hook("--debug", *self.driver, *OLD_HOST, prefix=prefix)
        self.assertEqual(result.code, 0)
        self.assertIn("not used: /etc/ld.so.cache can't be written\n", result.error)
        # And where a start before wrote it, it counts.
        self.assertDone(self.hook(*self.driver, *OLD_HOST))
        result = self.hook("--debug", *self.driver, *OLD_HOST, prefix=prefix)
        self.assertEqual((result.code, result.error), (0, "nvidia-runtime-hook: debug: CUDA forward compatibility: used: "
                                                       + MADE_FOR + "\n"))


class Hostile(HookTestCase):
    """Roots that would have the hook look elsewhere, or for long. The driver's libraries win in all of them."""

    driver = ("--library", "native:libcuda.so.1:/opt/nv/libcuda.so." + DRIVER)
    compatibility = "usr/local/cuda/compat"

    def setUp(self):
        super().setUp()
        self.host = self.directory + "/host"
        build_libcuda(self.host + "/libcuda.so.575.57.08", 575)
        self.host_before = snapshot(self.host)

    def tearDown(self):
        self.assertEqual(snapshot(self.host), self.host_before)
        super().tearDown()

    def assertNotUsed(self, reason, **options):
        started = time.monotonic()
        result = self.hook("--debug", *self.driver, *OLD_HOST, **options)
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(
            (result.code, result.error),
            (0, "nvidia-runtime-hook: debug: CUDA forward compatibility: not used: %s\n" % reason))
        self.assertEqual([line.split()[-1] for line in listing(self.root)], ["/opt/nv/libcuda.so.1"])

    def assertUsed(self, reason=MADE_FOR):
        result = self.hook("--debug", *self.driver, *OLD_HOST)
        self.assertEqual(
            (result.code, result.error), (0, "nvidia-runtime-hook: debug: CUDA forward compatibility: used: %s\n" % reason))

    def test_links_out_of_the_root(self):
        for target in (self.host, "../../../../../../../.." + self.host, "/proc/self/root" + self.host):
            self.link(self.compatibility, target)
            self.assertNotUsed("the image has no /usr/local/cuda/compat")
            os.unlink(self.path(self.compatibility))
        # Where the same path is in the image, that is what counts.
        os.makedirs(os.path.dirname(self.root + self.host))
        subprocess.run(["cp", "-a", self.host, self.root + self.host], check=True)
        self.link(self.compatibility, self.host)
        self.assertUsed()
        self.assertEqual(os.readlink(self.root + self.host + "/libcuda.so.1"), "libcuda.so.575.57.08")

    def test_parent_links_above_the_root(self):
        self.link("usr/local/cuda", "../../../../..")
        self.assertNotUsed("the image has no /usr/local/cuda/compat")
        subprocess.run(["cp", "-a", self.host, self.path("compat")], check=True)
        self.assertUsed()

    def test_link_loop(self):
        self.link(self.compatibility, "compat")
        self.assertNotUsed("open /usr/local/cuda/compat: Too many levels of symbolic links")

    def test_magic_links(self):
        """procfs is mounted in the root, as low-level runtimes do before this hook."""
        os.makedirs(self.path("proc"))
        self.link(self.compatibility, "/proc/self/cwd" + self.host)
        script = 'mount -t proc none "$1" && shift && exec "$@"'
        self.assertNotUsed(
            "open /usr/local/cuda/compat: Too many levels of symbolic links",
            prefix=["unshare", "-m", "sh", "-c", script, "sh", self.path("proc")])

    def test_directory_is_none(self):
        os.makedirs(self.path("usr/local/cuda"))
        path = self.path(self.compatibility)
        for make in (
            os.mkfifo, lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)), lambda path: write_text(path, ""),
        ):
            make(path)
            self.assertNotUsed("the image has no /usr/local/cuda/compat")
            os.unlink(path)

    def test_libcuda_is_no_file(self):
        os.makedirs(self.path(self.compatibility))
        for name in ("libcuda.so.999", "libcuda.so.999.1"):
            path = self.path(self.compatibility + "/" + name)
            for make in (
                os.mkfifo, os.mkdir, lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
                lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK),
                lambda path: os.symlink(self.host + "/libcuda.so.575.57.08", path),
                lambda path: os.symlink("/proc/kmsg", path),
            ):
                make(path)
                self.assertNotUsed("/usr/local/cuda/compat has no libcuda.so.*.*")
                os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    def test_libcuda_of_8_gib_of_nothing(self):
        os.makedirs(self.path(self.compatibility))
        with open(self.path(self.compatibility + "/libcuda.so.999.1"), "wb") as file:
            file.truncate(8 << 30)
        self.assertNotUsed("/usr/local/cuda/compat has no libcuda.so.1 for this machine")

    def test_other_libraries_are_no_files(self):
        """A FIFO beside a good libcuda is left out, and nobody waits for its writer."""
        subprocess.run(["cp", "-a", self.host, self.path("compat")], check=True)
        self.link("usr/local/cuda", "/")
        os.mkfifo(self.path("compat/libnvidia-ptxjitcompiler.so.1"))
        os.symlink(self.host, self.path("compat/libnvidia-nvvm.so.4"))
        self.assertUsed()
        self.assertEqual(
            [line.split()[-1] for line in listing(self.root)],
            ["/usr/local/cuda/compat/libcuda.so.1", "/opt/nv/libcuda.so.1"])

    def test_s09_links_to_other_libraries(self):
        """S-09"""
        os.makedirs(self.path("usr/lib"))
        os.symlink("/", self.path("usr/lib/libnvidia-ml.so.1"))
        os.makedirs(self.path("usr/local/cuda"))
        subprocess.run(["cp", "-a", self.host, self.path(self.compatibility)], check=True)
        self.link(self.compatibility + "/libnvidia-nvvm.so.999", "/proc/1/cwd/usr/lib/libnvidia-ml.so.1")
        self.link(self.compatibility + "/libcuda.so.1", "/proc/1/cwd/usr/lib/libnvidia-ml.so.1")
        self.assertUsed()
        self.assertEqual(os.readlink(self.path(self.compatibility + "/libcuda.so.1")), "libcuda.so.575.57.08")

    def test_many_files(self):
        os.makedirs(self.path("usr/local/cuda"))
        subprocess.run(["cp", "-a", self.host, self.path(self.compatibility)], check=True)
        for index in range(10000):
            write_text(self.path(self.compatibility + "/file-%d" % index), "")
        self.assertUsed()
        # No package has that many libraries.
        for index in range(200):
            write_text(self.path(self.compatibility + "/libnvidia-%d.so" % index), "")
        os.unlink(self.path("etc/ld.so.cache"))
        self.assertNotUsed("/usr/local/cuda/compat has more than 128 libraries")

    def test_cache_of_many_directories(self):
        """What leads to the directory is looked for in a bounded number of places."""
        os.makedirs(self.path("usr/local/cuda"))
        subprocess.run(["cp", "-a", self.host, self.path(self.compatibility)], check=True)
        for index in range(300):
            build = self.path("opt/d%d" % index)
            os.makedirs(build)
            os.link(self.path(self.compatibility + "/libcuda.so.575.57.08"), build + "/libcuda.so.575.57.08")
        self.write("etc/ld.so.conf", "".join("/opt/d%d\n" % index for index in range(300)))
        subprocess.run(["/sbin/ldconfig", "-r", self.root], check=True, stderr=subprocess.DEVNULL)
        calls = self.directory + "/trace"
        result = self.hook(
            *self.driver, *NEW_HOST, prefix=["strace", "-f", "-e", "trace=openat2,openat", "-o", calls])
        self.assertEqual(result.code, 0)
        self.assertLess(read_text(calls).count("/opt/d"), 100)

    def test_swapped_while_it_runs(self):
        """S-10: another container of the same volume swaps the directory for a link to the host."""
        os.makedirs(self.path("usr/local/cuda"))
        subprocess.run(["cp", "-a", self.host, self.path(self.compatibility)], check=True)
        path, away = self.path(self.compatibility), self.path("usr/local/cuda/away")
        script = """while :; do mv "$1" "$2"; ln -s "$3" "$1"; rm "$1"; mv "$2" "$1"; done"""
        swapper = subprocess.Popen(["sh", "-c", script, "sh", path, away, self.host], stderr=subprocess.DEVNULL)
        try:
            for _ in range(50):
                self.assertEqual(self.hook(*self.driver, *OLD_HOST).code, 0)
        finally:
            swapper.kill()
            swapper.wait()


class HostileWithoutOpenat2(Hostile):
    """S-15: all of it again on a kernel without openat2(2)."""

    def hook(self, *arguments, **options):
        return super().hook(*arguments, preexec_fn=deny_openat2, **options)


if __name__ == "__main__":
    unittest.main()

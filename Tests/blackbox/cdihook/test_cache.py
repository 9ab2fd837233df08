# SPDX-License-Identifier: Apache-2.0
"""update-ldcache and enable-cuda-compat against the real ldconfig and the real loader."""

import os
import shutil
import subprocess
import time
import unittest

from cdihook import CDIHookTestCase
from support import (
    MULTIARCH, ROOTFS, build_shared, deny_openat2, ldconfig, listing, load, make_image, read_text, snapshot, write_text)
from test_compatibility import DRIVER, NOTE, build_libcuda

COMPAT_CONF = "etc/ld.so.conf.d/00-compat-nvidia-runtime.conf"
OWN_CONF = "etc/ld.so.conf.d/00-nvidia-runtime.conf"
COMPAT = "usr/local/cuda/compat"
OLD_HOST = ("enable-cuda-compat", "--host-driver-version=" + DRIVER)
NEW_HOST = ("enable-cuda-compat", "--host-driver-version=590.44.01")


class CacheTestCase(CDIHookTestCase):
    def make(self, **layout):
        os.rmdir(self.root)
        make_image(self.root, **layout)

    def library(self, path, soname, version=1):
        build_shared(self.path(path), soname, version)

    def compat_package(self):
        build_libcuda(self.path(COMPAT + "/libcuda.so.575.57.08"), 575, NOTE)
        self.link(COMPAT + "/libcuda.so", "libcuda.so.1")
        self.library(COMPAT + "/libnvidia-ptxjitcompiler.so.575.57.08", "libnvidia-ptxjitcompiler.so.1", 576)

    def driver(self, folder):
        for name, version in (("libcuda", 570), ("libnvidia-ml", 571), ("libnvidia-ptxjitcompiler", 572)):
            self.library("%s/%s.so.%s" % (folder, name, DRIVER), name + ".so.1", version)
        self.assertDone(self.hook("create-symlinks", "--link", "libcuda.so.1::%s/libcuda.so" % folder))

    def update(self, *folders, **options):
        return self.hook("update-ldcache", *(word for folder in folders for word in ("--folder", folder)), **options)


class UpdateLDCache(CacheTestCase):
    def compare(self, *folders, **layout):
        """What we write is what ldconfig writes for the same tree, and a second run changes nothing."""
        self.make(**layout)
        for folder in folders:
            self.driver(folder)
        # What ldconfig does with links, versions and files that are none.
        folder = folders[0]
        self.library(folder + "/libtwo.so.1.9", "libtwo.so.1", 19)
        self.library(folder + "/libtwo.so.1.10", "libtwo.so.1", 110)
        self.library(folder + "/libplain.so", "libplain.so", 3)
        self.library(folder + "/libnamed.so.7", "libother.so.7", 7)
        self.library(folder + "/sub/libhidden.so.1", "libhidden.so.1", 8)
        self.library("usr/share/libfar.so.2.0", "libfar.so.2", 9)
        for name, target in (
            ("libtwo.so", "libtwo.so.1"), ("libtwo.so.1", "libtwo.so.1.9"), ("libalias.so.5", "libplain.so"),
            ("libfar.so.2", "/usr/share/libfar.so.2.0"), ("libfar.so", "libfar.so.2"), ("libdangling.so.1", "nowhere"),
            ("libloop.so.1", "libloop.so.1"), ("libetc.so.1", "/etc/passwd"),
        ):
            self.link(folder[1:] + "/" + name, target)
        self.write(folder[1:] + "/libscript.so", "GROUP ( /lib/libc.so.6 )\n")
        self.write(folder[1:] + "/libempty.so.1", "")
        os.mkfifo(self.path(folder[1:] + "/libfifo.so.1"))
        os.mkdir(self.path(folder[1:] + "/libdirectory.so.1"))
        self.library(folder + "/notlib.so.1", "notlib.so.1")
        self.library(folder + "/libunpacked.so.1.dpkg-new", "libunpacked.so.1")
        theirs = self.directory + "/theirs"
        subprocess.run(["cp", "-a", self.root, theirs], check=True)

        self.assertDone(self.update(*folders, "/nowhere"))
        ours = listing(self.root)
        for name, version in (("libcuda.so.1", 570), ("libcuda.so", 570), ("libnvidia-ml.so.1", 571), ("libtwo.so.1", 110),
                              ("libplain.so", 3), ("libother.so.7", 7), ("libfar.so.2", 9)):
            self.assertEqual(load(self.root, name), str(version), name)
        before = snapshot(self.root)
        self.assertDone(self.update(*folders, "/nowhere"))
        self.assertEqual(snapshot(self.root), before)

        # The original's way: the folders that nobody lists in a file of ld.so.conf.d, and ldconfig.
        conf = theirs + "/" + OWN_CONF
        if os.path.exists(self.path(OWN_CONF)):
            os.makedirs(os.path.dirname(conf), exist_ok=True)
            shutil.copy(self.path(OWN_CONF), conf)
        ldconfig(theirs)
        # At first libcuda.so leads nowhere.
        ldconfig(theirs)
        self.assertEqual(self.without(listing(theirs), "libunpacked"), ours)
        links = [name for name in os.listdir(theirs + folder) if os.path.islink(theirs + folder + "/" + name)]
        self.assertEqual(
            {name: os.readlink(theirs + folder + "/" + name) for name in links if "libunpacked" not in name},
            {name: os.readlink(self.path(folder + "/" + name)) for name in links if "libunpacked" not in name})
        # And ldconfig, run in the container later, keeps everything.
        ldconfig(self.root)
        self.assertEqual(self.without(listing(self.root), "libunpacked"), ours)
        # What the root has been given since is not in what we have written, and a restart finds nothing to do.
        self.assertDone(self.update(*folders))
        self.assertEqual(self.without(listing(self.root), "libunpacked"), ours)

    @staticmethod
    def without(lines, part):
        """Older ldconfigs take what dpkg leaves for a moment."""
        return [line for line in lines if part not in line]

    @unittest.skipUnless(ROOTFS, "HOOK_ROOTFS is not set")
    def test_real_image(self):
        self.compare("/opt/nv", MULTIARCH, real=True)

    @unittest.skipUnless(ROOTFS, "HOOK_ROOTFS is not set")
    def test_real_image_system_directory(self):
        """A merged /usr: the cache has /lib where the folder is in /usr/lib."""
        self.compare(MULTIARCH, MULTIARCH + "/vdpau", real=True)

    def test_debian_own_directory(self):
        self.compare("/opt/nv", "/opt/nv/vdpau")

    def test_debian_system_directory(self):
        self.compare(MULTIARCH)

    def test_rhel_system_directory(self):
        self.compare("/usr/lib64", library_directory="/usr/lib64", debian=False)

    def test_rhel_own_directory(self):
        self.compare("/usr/local/nvidia/lib64", library_directory="/usr/lib64", debian=False)

    def test_glibc_hwcaps(self):
        self.compare("/opt/nv", hwcaps=True)
        self.assertTrue(any("hwcap" in line for line in listing(self.root)))

    def test_configured_directory_wins(self):
        """What the image lists in ld.so.conf.d stays before a system directory that is updated."""
        self.make()
        self.library("usr/local/lib/libfoo.so.1", "libfoo.so.1", 1)
        self.library(MULTIARCH + "/libfoo.so.1", "libfoo.so.1", 2)
        self.write("etc/ld.so.conf.d/local.conf", "/usr/local/lib # first\n")
        self.assertDone(self.update("/usr/local/lib", MULTIARCH))
        self.assertEqual(load(self.root, "libfoo.so.1"), "1")
        ours = listing(self.root)
        ldconfig(self.root)
        self.assertEqual(listing(self.root), ours)
        self.assertFalse(os.path.exists(self.path(OWN_CONF)))

    def test_folder_comes_before_the_image(self):
        self.make()
        self.library(MULTIARCH + "/libcuda.so.1", "libcuda.so.1", 470)
        ldconfig(self.root)
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        self.assertTwice("update-ldcache", "--folder=/opt/nv")
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        ldconfig(self.root)
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")

    def test_mounted_libraries_win(self):
        """An image with the libraries of a newer driver in it, in the same folder and in one that comes before."""
        self.make()
        self.library(MULTIARCH + "/libcuda.so.999.1", "libcuda.so.1", 999)
        self.library("usr/local/lib/libcuda.so.1", "libcuda.so.1", 998)
        self.write("etc/ld.so.conf.d/local.conf", "/usr/local/lib\n")
        ldconfig(self.root)
        self.assertEqual(load(self.root, "libcuda.so.1"), "998")
        build_shared(self.directory + "/libcuda", "libcuda.so.1", 550)
        self.write(MULTIARCH + "/libcuda.so.550.1")
        script = 'mount --bind "$1" "$2"; shift 2; exec "$@"'
        prefix = ["unshare", "-m", "sh", "-c", script, "sh", self.directory + "/libcuda",
                  self.path(MULTIARCH + "/libcuda.so.550.1")]
        for _ in range(2):
            self.assertDone(self.update(MULTIARCH, prefix=prefix))
            self.assertEqual(os.readlink(self.path(MULTIARCH + "/libcuda.so.1")), "libcuda.so.550.1")
            first = [line for line in listing(self.root) if line.startswith("libcuda.so.1 ")][0]
            self.assertIn(MULTIARCH.replace("/usr", "") + "/libcuda.so.1", first)

    def test_several_hooks(self):
        """Each of several specifications has a hook of its own."""
        self.make()
        self.library("opt/one/libone.so.1", "libone.so.1", 1)
        self.library("opt/two/libtwo.so.1", "libtwo.so.1", 2)
        for _ in range(2):
            self.assertDone(self.update("/opt/one"))
            self.assertDone(self.update("/opt/two/"))
            self.assertEqual(read_text(self.path(OWN_CONF)), "/opt/one\n/opt/two\n")
        ldconfig(self.root)
        self.assertEqual((load(self.root, "libone.so.1"), load(self.root, "libtwo.so.1")), ("1", "2"))
        # One that is gone is listed no more when another one comes.
        shutil.rmtree(self.path("opt/one"))
        self.library("opt/three/libthree.so.1", "libthree.so.1", 3)
        self.assertTwice("update-ldcache", "--folder", "/opt/three, /opt/two")
        self.assertEqual(read_text(self.path(OWN_CONF)), "/opt/two\n/opt/three\n")

    def test_library_that_is_gone(self):
        self.make()
        self.library("opt/nv/libold.so.1", "libold.so.1")
        self.library("opt/nv/libnew.so.1", "libnew.so.1")
        self.assertDone(self.update("/opt/nv"))
        os.unlink(self.path("opt/nv/libold.so.1"))
        self.assertDone(self.update("/opt/nv"))
        self.assertEqual([line for line in listing(self.root) if "libold" in line], [])
        self.assertEqual(load(self.root, "libnew.so.1"), "1")

    def test_after_an_update_of_the_driver(self):
        """A container that is started again: of the libraries that were mounted, empty files are left, and the links."""
        self.make()
        for version in (550, 570, 535):
            self.library("opt/nv/libcuda.so.%d.1" % version, "libcuda.so.1", version)
            self.library("opt/nv/libcore.so.%d.1" % version, "libcore.so.%d.1" % version, version)
            self.assertTwice("update-ldcache", "--folder=/opt/nv")
            self.assertEqual(load(self.root, "libcuda.so.1"), str(version))
            self.assertEqual(
                [line.split()[0] for line in listing(self.root) if "/opt/nv/" in line],
                ["libcuda.so.1", "libcore.so.%d.1" % version])
            for name in ("libcuda", "libcore"):
                write_text(self.path("opt/nv/%s.so.%d.1" % (name, version)), "")

    def test_damaged_cache(self):
        self.make()
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        for damage in (b"", b"garbage", b"glibc-ld.so.cache1.1" + b"\xff" * 100):
            with open(self.path("etc/ld.so.cache"), "wb") as file:
                file.write(damage)
            self.assertDone(self.update("/opt/nv"))
            self.assertEqual(load(self.root, "libcuda.so.1"), "550")

    def test_distroless(self):
        """L-14: no cache, no configuration; the loader still finds its own directories."""
        self.make()
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        shutil.rmtree(self.path("etc"))
        self.assertTwice("update-ldcache", "--folder=/opt/nv")
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        self.assertEqual(len(listing(self.root)), 1)

    def test_musl(self):
        """No cache is made for an image that has musl's loader alone; its search path is extended once."""
        machine = os.uname().machine
        self.write("lib/ld-musl-%s.so.1" % machine)
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        self.assertTwice("update-ldcache", "--folder=/opt/nv", "--folder=/usr/lib")
        self.assertEqual(read_text(self.path("etc/ld-musl-%s.path" % machine)), "/lib\n/usr/local/lib\n/usr/lib\n/opt/nv\n")
        self.assertEqual(sorted(os.listdir(self.path("etc"))), ["ld-musl-%s.path" % machine])
        self.assertEqual(os.readlink(self.path("opt/nv/libcuda.so.1")), "libcuda.so.550.1")

    def test_read_only(self):
        self.make()
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        result = self.update("/opt/nv", prefix=["unshare", "-m", "sh", "-c", script, "sh", self.root])
        self.assertEqual(result.code, 0, result.error)
        self.assertIn("read-only file system: 2 not written, /opt/nv/libcuda.so.1 first", result.error)

    def test_other_arguments(self):
        """As specifications for the original have them."""
        self.make()
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        self.assertTwice("update-ldcache", "--ldconfig-path", "/sbin/ldconfig", "--folder", "/opt/nv/,/nowhere,")
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        self.assertTwice("update-ldcache")


class HostileFolders(CacheTestCase):
    """Images that would have the hook write or read elsewhere, or for long."""

    def test_links_out_of_the_root(self):
        self.library("libcuda.so.550.1", "libcuda.so.1", 550)
        shutil.move(self.path("libcuda.so.550.1"), self.directory + "/host.so")
        before = os.stat(self.directory)
        for target in (self.directory, "../" * 20 + self.directory[1:], "/proc/self/root" + self.directory):
            self.link("opt/nv", target)
            self.assertIn(self.update("/opt/nv").code, (0, 1))
            self.assertFalse(os.path.lexists(self.directory + "/libcuda.so.1"))
            os.unlink(self.path("opt/nv"))
            os.makedirs(self.path("opt/nv"))
            self.link("opt/nv/libcuda.so.1", target + "/host.so")
            self.assertDone(self.update("/opt/nv"))
            self.assertFalse(os.path.exists(self.path("etc/ld.so.cache")) and listing(self.root))
            shutil.rmtree(self.path("opt"))
        self.assertEqual(os.stat(self.directory).st_mtime_ns, before.st_mtime_ns)

    def test_l01_hostile_sonames(self):
        """A SONAME with a way in it makes neither a link nor an entry."""
        for number, soname in enumerate(("../../x.so.1", "/x.so.1", "a\nb.so", "..", "libx.so/", "")):
            self.library("opt/nv/libhostile%d.so" % number, soname)
        self.library("opt/nv/libgood.so.1.2", "libgood.so.1")
        self.assertTwice("update-ldcache", "--folder=/opt/nv")
        names = {line.split()[0] for line in listing(self.root)}
        self.assertEqual(names - {"libhostile5.so"}, {"libgood.so.1"})
        self.assertEqual([name for name in os.listdir(self.path("opt/nv")) if os.path.islink(self.path("opt/nv/" + name))],
                         ["libgood.so.1"])

    def test_places_of_links(self):
        """What is at the place of a SONAME's link and is none stays, as with ldconfig."""
        for number, make in enumerate((os.mkdir, os.mkfifo, lambda path: write_text(path, ""))):
            self.library("opt/nv/lib%d.so.1.2" % number, "lib%d.so.1" % number)
            make(self.path("opt/nv/lib%d.so.1" % number))
        before = snapshot(self.path("opt/nv"))
        self.assertDone(self.update("/opt/nv"))
        self.assertEqual(snapshot(self.path("opt/nv")), before)

    def test_folders_that_are_none(self):
        os.mkfifo(self.path("fifo"))
        self.write("file")
        self.link("loop", "loop")
        self.assertDone(self.update("/fifo", "/file", "/nowhere/x", "/file/x"))
        self.assertFailed(self.update("/loop"), "NVR1805: open /loop: Too many levels")

    def test_configuration(self):
        """ld.so.conf that includes itself, devices and links to the host, and lists more than anybody has."""
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        self.write("etc/ld.so.conf", "include /etc/ld.so.conf /etc/*.conf\n" * 30 + "include /etc/ld.so.conf.d/*.conf\n"
                   + "".join("/d%d\n" % number for number in range(3000)))
        os.mkfifo(self.path("etc/fifo.conf"))
        self.link("etc/host.conf", "/../../../../../../etc/ld.so.conf")
        self.link("etc/zero.conf", "/dev/zero")
        os.makedirs(self.path("dev"))
        os.mknod(self.path("dev/zero"), 0o20666, os.makedev(1, 5))
        started = time.monotonic()
        self.assertTwice("update-ldcache", "--folder=/opt/nv")
        self.assertLess(time.monotonic() - started, 5)
        self.assertEqual([line.split()[-1] for line in listing(self.root)], ["/opt/nv/libcuda.so.1"])

    def test_many_libraries(self):
        self.library("opt/nv/libone.so.1", "libone.so.1")
        for number in range(20000):
            os.link(self.path("opt/nv/libone.so.1"), self.path("opt/nv/lib%d.so" % number))
        started = time.monotonic()
        self.assertFailed(self.update("/opt/nv"), "NVR1805: read directory /opt/nv: File too large")
        self.assertLess(time.monotonic() - started, 5)

    def test_swapped_while_it_runs(self):
        """S-10: another container of the same volume swaps the folder for a link to the host."""
        self.library("opt/nv/libcuda.so.550.1", "libcuda.so.1", 550)
        script = 'while :; do mv "$1" "$1.away"; ln -s "$2" "$1"; rm "$1"; mv "$1.away" "$1"; done'
        swapper = subprocess.Popen(["sh", "-c", script, "sh", self.path("opt/nv"), self.canary], stderr=subprocess.DEVNULL)
        try:
            for _ in range(50):
                self.assertIn(self.update("/opt/nv").code, (0, 1))
        finally:
            swapper.kill()
            swapper.wait()


class HostileFoldersWithoutOpenat2(HostileFolders):
    """S-15: again on a kernel without openat2(2)."""

    def hook(self, *arguments, **options):
        return super().hook(*arguments, preexec_fn=deny_openat2, **options)


class EnableCUDACompat(CacheTestCase):
    """Beside update-ldcache, in either order: the compat libraries come first where they are made for the host."""

    def start(self, compat, folder, is_first):
        hooks = [lambda: self.hook(*compat), lambda: self.update(folder)]
        for hook in hooks if is_first else reversed(hooks):
            self.assertDone(hook())

    def assertLoads(self, libcuda, compiler):
        self.assertEqual(load(self.root, "libcuda.so.1"), str(libcuda))
        self.assertEqual(load(self.root, "libcuda.so"), str(libcuda))
        self.assertEqual(load(self.root, "libnvidia-ptxjitcompiler.so.1"), str(compiler))
        self.assertEqual(load(self.root, "libnvidia-ml.so.1"), "571")

    def orders(self, folder, **layout):
        for is_first in (True, False):
            with self.subTest(is_first=is_first):
                subprocess.run(["rm", "-rf", self.root], check=True)
                os.mkdir(self.root)
                self.make(**layout)
                self.compat_package()
                self.driver(folder)
                for _ in range(2):
                    self.start(OLD_HOST, folder, is_first)
                    self.assertLoads(575, 576)
                before = snapshot(self.root)
                self.start(OLD_HOST, folder, is_first)
                self.assertEqual(snapshot(self.root), before)
                self.assertEqual(read_text(self.path(COMPAT_CONF)), "/usr/local/cuda/compat\n")
                # ldconfig, run in the container later, keeps that.
                ldconfig(self.root)
                self.assertLoads(575, 576)
                self.start(OLD_HOST, folder, is_first)
                self.assertLoads(575, 576)
                # After an update of the host's driver the same container is back with the driver's, and then again.
                self.start(NEW_HOST, folder, is_first)
                self.assertLoads(570, 572)
                self.assertEqual(read_text(self.path(COMPAT_CONF)), "")
                ldconfig(self.root)
                self.assertLoads(570, 572)
                self.start(OLD_HOST, folder, is_first)
                self.assertLoads(575, 576)

    def test_system_directory(self):
        self.orders(MULTIARCH)

    def test_own_directory(self):
        self.orders("/opt/nv")

    def test_rhel(self):
        self.orders("/usr/lib64", library_directory="/usr/lib64", debian=False)

    @unittest.skipUnless(ROOTFS, "HOOK_ROOTFS is not set")
    def test_real_image(self):
        self.orders(MULTIARCH, real=True)

    def test_image_that_lists_the_folder(self):
        """It is not used on a host that it is not made for, whatever the image lists."""
        for is_first in (True, False):
            subprocess.run(["rm", "-rf", self.root], check=True)
            os.mkdir(self.root)
            self.make()
            self.compat_package()
            self.driver("/opt/nv")
            self.write("etc/ld.so.conf.d/cuda-compat.conf", "/usr/local/cuda/compat\n")
            ldconfig(self.root)
            self.start(NEW_HOST, "/opt/nv", is_first)
            self.assertLoads(570, 572)
            self.start(OLD_HOST, "/opt/nv", is_first)
            self.assertLoads(575, 576)

    def test_with_the_original_s_file(self):
        """A container that has been started with the original's hook before."""
        self.make()
        self.compat_package()
        self.driver(MULTIARCH)
        self.write("etc/ld.so.conf.d/00-compat-1a2b3c.conf", "/usr/local/cuda/compat\n")
        ldconfig(self.root)
        ldconfig(self.root)
        self.assertDone(self.update(MULTIARCH))
        self.assertLoads(575, 576)

    def test_decisions(self):
        self.make()

        def decided(*arguments):
            result = self.hook("--debug", "enable-cuda-compat", *arguments)
            self.assertEqual(result.code, 0)
            return result.error

        prefix = "nvidia-cdi-hook: debug: CUDA forward compatibility: "
        old, missing = "--host-driver-version=" + DRIVER, "the image has no /usr/local/cuda/compat\n"
        self.assertEqual(decided(old), prefix + "not used: " + missing)
        self.compat_package()
        self.assertIn(prefix + "used: ", decided(old))
        self.assertIn(prefix + "used: ", decided("--host-driver-version", DRIVER, "--cuda-compat-container-root="))
        self.assertIn("not used: its CUDA 12.9 is not newer", decided("--host-cuda-version=13.0"))
        self.assertIn("not used: the image has no /x", decided(old, "--cuda-compat-container-root=/x"))
        self.assertIn('warning: "570.*" is no version of the host', decided("--host-driver-version=570.*"))
        self.assertEqual(self.hook("--quiet", "--debug", "enable-cuda-compat", old).error, "")

    def test_nothing_there(self):
        """An image without compat libraries is not touched."""
        self.make()
        before = snapshot(self.root)
        self.assertDone(self.hook(*OLD_HOST))
        self.assertEqual(snapshot(self.root), before)

    def test_links_out_of_the_root(self):
        build_libcuda(self.directory + "/host/libcuda.so.575.57.08", 575)
        for target in (self.directory + "/host", "../" * 20 + self.directory[1:] + "/host"):
            self.link(COMPAT, target)
            before = snapshot(self.root)
            self.assertDone(self.hook(*OLD_HOST))
            self.assertEqual(snapshot(self.root), before)
            self.assertEqual(os.listdir(self.directory + "/host"), ["libcuda.so.575.57.08"])
            os.unlink(self.path(COMPAT))

    def test_read_only(self):
        self.make()
        self.compat_package()
        self.assertDone(self.hook("create-symlinks", "--link", "libcuda.so.575.57.08::/usr/local/cuda/compat/libcuda.so.1"))
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        result = self.hook("--debug", *OLD_HOST, prefix=["unshare", "-m", "sh", "-c", script, "sh", self.root])
        self.assertEqual(result.code, 0, result.error)
        self.assertIn("not used: ", result.error)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The hook against the real ldconfig and the real loader, on whole roots."""
import os
import shutil
import unittest

from support import MULTIARCH, NVIDIA, ROOTFS, HookTestCase, build_shared, ldconfig, listing, load, make_image


class Loader(HookTestCase):
    def make(self, **layout):
        os.rmdir(self.root)
        make_image(self.root, **layout)

    def compare(self, driver_directory, **layout):
        """What we write is what ldconfig writes for the same tree, and the loader loads through both."""
        self.make(**layout)
        build_shared(self.path(driver_directory + "/libcuda.so.550.1"), "libcuda.so.1", 550)
        build_shared(self.path(driver_directory + "/libnvidia-ml.so.550.1"), "libnvidia-ml.so.1", 551)
        arguments = []
        for name in ("libcuda", "libnvidia-ml"):
            arguments += ["--library", "native:%s.so.1:%s/%s.so.550.1" % (name, driver_directory, name)]
            arguments += ["--link", "%s.so.1::%s/%s.so" % (name, driver_directory, name)]
        self.assertDone(self.hook(*arguments))
        ours = listing(self.root)
        for name, version in (("libcuda.so.1", "550"), ("libcuda.so", "550"), ("libnvidia-ml.so.1", "551")):
            self.assertEqual(load(self.root, name), version)

        # ldconfig, run in the container later, keeps everything.
        ldconfig(self.root)
        self.assertEqual(ours, listing(self.root))
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        # And a restart of the container finds nothing to do but the cache's layout.
        self.assertDone(self.hook(*arguments))
        self.assertEqual(ours, listing(self.root))

    @unittest.skipUnless(ROOTFS, "HOOK_ROOTFS is not set")
    def test_real_image(self):
        self.compare("/opt/nv", real=True)

    def test_debian_own_directory(self):
        self.compare("/opt/nv")

    def test_debian_system_directory(self):
        self.compare(MULTIARCH)

    def test_rhel_system_directory(self):
        self.compare("/usr/lib64", library_directory="/usr/lib64", debian=False)

    def test_rhel_own_directory(self):
        self.compare("/usr/local/nvidia/lib64", library_directory="/usr/lib64", debian=False)

    def test_glibc_hwcaps(self):
        self.compare("/opt/nv", hwcaps=True)
        self.assertTrue(any("hwcap" in line for line in listing(self.root)))

    def test_stale_library_in_the_image(self):
        """An image that was built with another driver's libraries in it: ours are loaded, before and after ldconfig."""
        self.make()
        build_shared(self.path(MULTIARCH + "/libcuda.so.1"), "libcuda.so.1", 470)
        build_shared(self.path("opt/nv/libcuda.so.550.1"), "libcuda.so.1", 550)
        ldconfig(self.root)
        self.assertEqual(load(self.root, "libcuda.so.1"), "470")
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        ldconfig(self.root)
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")

    def test_stale_library_in_the_same_directory(self):
        self.make()
        build_shared(self.path(MULTIARCH + "/libcuda.so.470.1"), "libcuda.so.1", 470)
        ldconfig(self.root)
        build_shared(self.path(MULTIARCH + "/libcuda.so.460.1"), "libcuda.so.1", 460)
        self.assertDone(self.hook("--library", "native:libcuda.so.1:%s/libcuda.so.460.1" % MULTIARCH))
        self.assertEqual(load(self.root, "libcuda.so.1"), "460")

    def test_forward_compatibility(self):
        """An image with newer CUDA libraries: they are loaded on an older driver, before and after ldconfig, and not on a
        newer one, although the image lists their folder itself."""
        self.make()
        folder = "usr/local/cuda-12.9/compat"
        compat = ("--cuda-compat-root", "/usr/local/cuda/compat", "--cuda-compat-driver")
        build_shared(self.path(folder + "/libcuda.so.575.57.08"), "libcuda.so.1", 575)
        self.link(folder + "/libcuda.so.1", "libcuda.so.575.57.08")
        self.link("usr/local/cuda", "/usr/local/cuda-12.9")
        build_shared(self.path("opt/nv/libcuda.so.550.1"), "libcuda.so.1", 550)
        for driver, loaded in (("550.54.15", "575"), ("590.44.01", "550"), ("550.54.15", "575")):
            self.assertDone(self.hook(*NVIDIA, *compat, driver))
            self.assertEqual(load(self.root, "libcuda.so.1"), loaded)
            ldconfig(self.root)
            self.assertEqual(load(self.root, "libcuda.so.1"), loaded)
        self.write("etc/ld.so.conf.d/000_cuda.conf", "/usr/local/cuda/compat\n")
        ldconfig(self.root)
        self.assertDone(self.hook(*NVIDIA, *compat, "590.44.01"))
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")

    def test_damaged_cache(self):
        self.make()
        build_shared(self.path("opt/nv/libcuda.so.550.1"), "libcuda.so.1", 550)
        for damage in (b"", b"garbage", b"glibc-ld.so.cache1.1" + b"\xff" * 100):
            with open(self.path("etc/ld.so.cache"), "wb") as file:
                file.write(damage)
            self.assertDone(self.hook(*NVIDIA))
            self.assertEqual(load(self.root, "libcuda.so.1"), "550")

    def test_distroless(self):
        """L-14: no cache, no configuration; the loader still finds its own directories."""
        self.make()
        build_shared(self.path("opt/nv/libcuda.so.550.1"), "libcuda.so.1", 550)
        shutil.rmtree(self.path("etc"))
        self.assertDone(self.hook(*NVIDIA))
        self.assertEqual(load(self.root, "libcuda.so.1"), "550")
        self.assertEqual(len(listing(self.root)), 2)


if __name__ == "__main__":
    unittest.main()

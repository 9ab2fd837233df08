# SPDX-License-Identifier: Apache-2.0
"""create-symlinks, chmod, update-application-profile and disable-device-node-modification: what they do in a root, and
roots that would have them do it elsewhere."""

import os
import stat
import subprocess
import unittest

from cdihook import CDIHookTestCase
from support import deny_openat2, read_text, snapshot, write_text

PROFILE = "etc/nvidia/nvidia-application-profiles-rc.d/10-container.conf"
PROFILE_TEXT = ('{"profiles":[{"name":"_container_","settings":["EGLVisibleDGPUDevices",0x%x]}],'
                '"rules":[{"pattern":[],"profile":"_container_"}]}')
NULL = os.makedev(1, 3)


def make_file(path):
    write_text(path, "the image's\n")


# What can be where something else should be.
OBSTACLES = {
    "file": make_file, "directory": os.mkdir, "FIFO": os.mkfifo,
    "device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, NULL),
    "socket": lambda path: os.mknod(path, 0o600 | stat.S_IFSOCK),
}


class Roots(CDIHookTestCase):
    def setUp(self):
        super().setUp()
        # Links that lead out of the root, were they followed.
        self.outside = [self.canary, "../" * 20 + self.canary[1:], "/proc/self/root" + self.canary,
                        "/proc/1/root" + self.canary]
        os.chmod(self.canary, 0o711)

    def tearDown(self):
        self.assertEqual(os.stat(self.canary).st_mode & 0o7777, 0o711)
        super().tearDown()

    def remove(self, name):
        subprocess.run(["rm", "-rf", self.path(name)], check=True)


class CreateSymlinks(Roots):
    def test_links(self):
        """T: targets are not looked at; parents are made."""
        self.assertTwice(
            "create-symlinks", "--link", "libcuda.so.1::/usr/lib/libcuda.so", "--link=../card1::/dev/dri/by-path/pci-card",
            "-link", "/abs/target::relative/link", "--link", "a::/x/a, b::/x/b", "--link", "a::/x/a")
        for name, target in (("usr/lib/libcuda.so", "libcuda.so.1"), ("dev/dri/by-path/pci-card", "../card1"),
                             ("relative/link", "/abs/target"), ("x/a", "a"), ("x/b", "b")):
            self.assertEqual(os.readlink(self.path(name)), target)
        self.assertEqual(self.mode("dev/dri/by-path"), 0o755)

    def test_what_is_there(self):
        for kind, make in OBSTACLES.items():
            make(self.path("link"))
            result = self.hook("create-symlinks", "--link", "a::/link", "--link", "b::/other")
            if kind == "file":
                self.assertDone(result)
                self.assertEqual(os.readlink(self.path("link")), "a")
            else:
                self.assertFailed(result, "NVR1805: replace with a link /link: ")
            # One failure does not keep the others from being made.
            self.assertEqual(os.readlink(self.path("other")), "b")
            self.remove("link")
            self.remove("other")
        for target in ["a", "elsewhere", *self.outside]:
            self.link("link", target)
            self.assertTwice("create-symlinks", "--link", "a::/link")
            self.assertEqual(os.readlink(self.path("link")), "a")
            self.remove("link")

    def test_links_out_of_the_root_on_the_way(self):
        """Security reference 1.2, residual 2: the image's links decide nothing outside of it."""
        os.symlink("a", self.canary + "-link")
        self.addCleanup(os.unlink, self.canary + "-link")
        for target in self.outside:
            self.link("way", target)
            result = self.hook("create-symlinks", "--link", "a::/way/link")
            self.assertEqual(result.code, 1, result.error)
            # Where the same path is in the root, it is made there.
            os.makedirs(self.root + self.canary)
            if target.startswith("/proc"):
                self.assertEqual(self.hook("create-symlinks", "--link", "a::/way/link").code, 1)
            else:
                self.assertDone(self.hook("create-symlinks", "--link", "a::/way/link"))
                self.assertEqual(os.readlink(self.root + self.canary + "/link"), "a")
            self.remove("way")
            self.remove(self.canary.split("/")[1])
        self.assertFailed(self.hook("create-symlinks", "--link", "a::/new/../../x"), "NVR1805")

    def test_way_that_is_no_directory(self):
        for kind in ("file", "FIFO", "device"):
            OBSTACLES[kind](self.path("way"))
            self.assertFailed(self.hook("create-symlinks", "--link", "a::/way/link"), "NVR1805")
            self.remove("way")

    def test_read_only(self):
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        result = self.hook("create-symlinks", "--link", "a::/link",
                           prefix=["unshare", "-m", "sh", "-c", script, "sh", self.root])
        self.assertWarned(result, "read-only file system: 1 not written, /link first")


class Chmod(Roots):
    def chmod(self, mode, *paths, **options):
        return self.hook("chmod", "--mode", mode, *(word for path in paths for word in ("--path", path)), **options)

    def test_modes(self):
        os.mkdir(self.path("directory"), 0o700)
        make_file(self.path("file"))
        OBSTACLES["device"](self.path("device"))
        self.link("link", "/file")
        self.assertTwice("chmod", "--mode=755", "--path=/directory,device", "--path", "/link", "--path", "/missing/x")
        self.assertEqual([self.mode(name) for name in ("directory", "device", "file")], [0o755] * 3)
        self.assertDone(self.chmod("0", "/file", "/file/x"))
        self.assertEqual(self.mode("file"), 0)

    def test_others(self):
        for kind in ("FIFO", "socket"):
            OBSTACLES[kind](self.path("other"))
            os.chmod(self.path("other"), 0o600)
            make_file(self.path("file"))
            self.assertFailed(self.chmod("755", "/other", "/file"), "NVR1833: change the mode of /other: ")
            self.assertEqual((self.mode("other"), self.mode("file")), (0o600, 0o755))
            self.remove("other")
            self.remove("file")

    def test_links_out_of_the_root(self):
        """Security reference 1.2, residual 1: the original changes the host's file."""
        for target in self.outside:
            self.link("link", target)
            self.assertIn(self.chmod("777", "/link", "/link/../canary").code, (0, 1))
            self.remove("link")
        self.link("link", "link")
        self.assertFailed(self.chmod("777", "/link"), "NVR1833", "Too many levels")
        self.assertDone(self.chmod("711", "../../canary"))

    def test_hostile_proc(self):
        """What the container has at /proc/self/fd is not what is used, and an own /proc that is none is found out."""
        os.makedirs(self.path("proc/self/fd"))
        for number in range(20):
            os.symlink(self.canary, self.path("proc/self/fd/%d" % number))
        make_file(self.path("file"))
        self.assertDone(self.chmod("755", "/file"))
        self.assertEqual(self.mode("file"), 0o755)
        script = ('p=$1; shift; mkdir -p "$p" && mount --bind "$p" /proc/self/fd 2>/dev/null || '
                  'mount -t tmpfs none /proc/$$/fd; exec "$@"')
        fake = self.directory + "/fake"
        result = self.chmod("700", "/file", prefix=["unshare", "-m", "sh", "-c", script, "sh", fake])
        if result.code:  # a mount there is refused by kernels since 6.12
            self.assertFailed(result, "NVR1833: find procfs at /proc/self/fd")
            self.assertEqual(self.mode("file"), 0o755)

    def test_state_is_needed(self):
        self.assertFailed(self.chmod("755", "/x", state=b""), "NVR1802")


class ApplicationProfile(Roots):
    def nodes(self, **minors):
        os.makedirs(self.path("dev"), exist_ok=True)
        for name, minor in minors.items():
            os.mknod(self.path("dev/" + name), 0o666 | stat.S_IFCHR, os.makedev(195, minor))

    def test_profile(self):
        self.nodes(nvidia0=5, nvidia1=0, nvidia17=63, nvidiactl=255, nvidia=1, nvidia2x=2)
        OBSTACLES["file"](self.path("dev/nvidia3"))
        self.link("dev/nvidia4", "nvidia1")
        self.assertTwice("update-application-profile")
        self.assertEqual(read_text(self.path(PROFILE)), PROFILE_TEXT % (1 | 1 << 5 | 1 << 63))
        self.assertEqual((self.mode(PROFILE), self.mode(os.path.dirname(PROFILE))), (0o444, 0o555))
        # Another GPU, after a restart.
        os.unlink(self.path("dev/nvidia17"))
        self.assertTwice("update-application-profile")
        self.assertEqual(read_text(self.path(PROFILE)), PROFILE_TEXT % (1 | 1 << 5))

    def test_nothing_to_do(self):
        before = snapshot(self.root)
        self.assertDone(self.hook("update-application-profile"))
        self.assertEqual(snapshot(self.root), before)
        self.nodes(nvidiactl=255)
        before = snapshot(self.root)
        self.assertDone(self.hook("update-application-profile"))
        self.assertEqual(snapshot(self.root), before)

    def test_minor_without_a_place(self):
        self.nodes(nvidia0=64)
        self.assertWarned(self.hook("update-application-profile"), "minor number 64: ")
        self.assertFalse(os.path.exists(self.path("etc")))
        self.nodes(nvidia1=1)
        self.assertWarned(self.hook("update-application-profile"), "minor number 64: ")
        self.assertEqual(read_text(self.path(PROFILE)), PROFILE_TEXT % 2)
        self.assertDone(self.hook("--quiet", "update-application-profile"))

    def test_what_is_there(self):
        self.nodes(nvidia0=0)
        os.makedirs(self.path(os.path.dirname(PROFILE)))
        for kind, make in OBSTACLES.items():
            make(self.path(PROFILE))
            result = self.hook("update-application-profile")
            if kind == "directory":
                self.assertFailed(result, "NVR1834: replace /" + PROFILE)
            else:
                self.assertDone(result)
                self.assertEqual(read_text(self.path(PROFILE)), PROFILE_TEXT % 1)
            self.remove(PROFILE)

    def test_links_out_of_the_root(self):
        self.nodes(nvidia0=0)
        for target in self.outside:
            for place in ("etc", "etc/nvidia", os.path.dirname(PROFILE)):
                self.link(place, target)
                self.assertIn(self.hook("update-application-profile").code, (0, 1))
                self.remove("etc")
                self.remove(self.canary.split("/")[1])
            self.link(PROFILE, target + "/file")
            self.assertTwice("update-application-profile")
            self.assertEqual(read_text(self.path(PROFILE)), PROFILE_TEXT % 1)
            self.remove("etc")
            self.remove("dev")
            self.link("dev", target)
            self.assertIn(self.hook("update-application-profile").code, (0, 1))
            self.assertFalse(os.path.exists(self.path("etc")))
            self.remove("dev")
            self.nodes(nvidia0=0)

    def test_read_only(self):
        self.nodes(nvidia0=0)
        script = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && shift && exec "$@"'
        result = self.hook("update-application-profile", prefix=["unshare", "-m", "sh", "-c", script, "sh", self.root])
        self.assertWarned(result, "Read-only file system")


class Parameters(Roots):
    """disable-device-node-modification. A file of procfs stands for the one that a driver would have there; `host` is
    the host's /proc/driver/nvidia/params."""

    PARAMETERS = "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: %s\nDeviceFileUID: 0"
    HIDDEN = "ResmanDebugLevel: 4294967295\nModifyDeviceFiles: 0\nDeviceFileUID: 0\n"
    ROOT_PARAMETERS = "proc/driver/nvidia/params"

    def hide(self, host=PARAMETERS % 1, before="", command='"$@"', **options):
        """Runs the hook where the host has these parameters, `before` before and looks at the file after."""
        host_file = self.directory + "/host-params"
        if host is not None:
            write_text(host_file, host)
        self.remove("proc")
        self.write(self.ROOT_PARAMETERS, "")
        script = """
            set -e
            mount -t tmpfs none /proc/driver
            [ ! -e "$2" ] || { mkdir /proc/driver/nvidia && cp "$2" /proc/driver/nvidia/params; }
            cd "$1"; params=$PWD/%s
            mount --bind /proc/sys/kernel/ostype "$params"
            %s
            shift 2
            %s
            [ ! -f "$params" ] || cat "$params" >>"$OLDPWD"/seen
            ! grep "$params\\|/proc/driver/nvidia " /proc/self/mountinfo | cut -d' ' -f4- >>"$OLDPWD"/seen
            [ ! -f "$params" ] || ! (echo >"$params") 2>/dev/null || echo writable >>"$OLDPWD"/seen
            """ % (self.ROOT_PARAMETERS, before, command)
        seen = self.directory + "/seen"
        write_text(seen, "")
        result = self.hook(
            "--debug", "disable-device-node-modification", cwd=self.directory,
            prefix=["unshare", "-m", "sh", "-c", script, "sh", self.root, host_file], **options)
        return result, read_text(seen)

    def assertHidden(self, result, seen):
        self.assertEqual((result.code, result.output), (0, ""), result.error)
        text, separator, mounts = seen.rpartition("DeviceFileUID: 0\n")
        self.assertEqual(text + separator, self.HIDDEN)
        self.assertNotIn("writable", seen)
        mounts = [line.split(" ") for line in mounts.splitlines()]
        # The procfs's file, and ours above it; nothing is left of what was mounted on the way.
        self.assertEqual(len(mounts), 2, seen)
        root, point, flags, *others = mounts[1]
        self.assertEqual((root, point), ("/params", self.path(self.ROOT_PARAMETERS)))
        self.assertLessEqual({"ro", "nosuid", "nodev", "noexec"}, set(flags.split(",")))
        self.assertEqual(others[:2], ["-", "tmpfs"])  # no propagation
        self.assertFalse(os.listdir(self.path("run")) if os.path.exists(self.path("run")) else [])

    def test_hidden(self):
        self.assertHidden(*self.hide())

    def test_twice(self):
        result, seen = self.hide(command='"$@" && "$@"', state=None)
        # The second one reads no state: it is at its end.
        self.assertEqual(result.code, 1)
        path = self.directory + "/state.json"
        with open(path, "wb") as file:
            file.write(self.state())
        result, seen = self.hide(command='"$@" --container-spec=%s && "$@" --container-spec=%s' % (path, path))
        self.assertHidden(result, seen)
        self.assertIn("nothing to cover", result.error)

    def test_kernels_before_6_15(self):
        """Without open_tree(2) of what is mounted nowhere, and without any of the newer calls."""
        for call, error in (("open_tree", "EINVAL"), ("fsopen", "ENOSYS"), ("fsopen", "EPERM"), ("mount_setattr", "ENOSYS")):
            trace = "strace -f -o %s/trace -e trace=%s -e inject=%s:error=%s " % (self.directory, call, call, error)
            self.assertHidden(*self.hide(command=trace + '"$@"'))
            self.assertIn("INJECTED", read_text(self.directory + "/trace"))

    def test_nothing_to_do(self):
        for host in (None, "", self.PARAMETERS % 0, self.PARAMETERS % 11, self.PARAMETERS % "1 ", "ModifyDeviceFiles:1\n"):
            result, seen = self.hide(host)
            self.assertEqual((result.code, result.error), (0, "nvidia-cdi-hook: debug: nothing to cover\n"))
            self.assertTrue(seen.startswith("Linux\n"), seen)

    def test_container_without_the_file(self):
        for before in ("umount $params; rm $params", "umount $params; rm -r proc/driver", "umount $params; rm -r proc"):
            result, _ = self.hide(before=before)
            self.assertWarned(result, "the container's procfs has no parameters of a driver")

    def test_files_of_the_image(self):
        """Nothing is mounted over what is no file of procfs, wherever the way leads."""
        for code, before in (
            (1, "true"), (1, "rm $params; mkfifo $params"), (1, "rm $params; mkdir $params"),
            (1, "rm $params; ln -s %s $params" % self.canary), (1, "rm $params; ln -s /proc/sys/kernel/ostype $params"),
            (1, "rm $params; mknod $params c 1 3"), (0, "rm -r proc/driver; ln -s /proc/driver proc/driver"),
            (0, "rm -r proc/driver/nvidia; ln -s %s proc/driver/nvidia" % self.canary),
        ):
            result, seen = self.hide(before="umount $params; " + before)
            self.assertEqual(result.code, code, (before, result.error))
            self.assertIn("NVR1832: " if code else "warning: ", result.error)
            self.assertNotIn(self.path("proc"), seen, before)

    def test_without_openat2(self):
        self.assertHidden(*self.hide(preexec_fn=deny_openat2))


class RootsWithoutOpenat2(CreateSymlinks):
    """S-15: again on a kernel without openat2(2)."""

    def hook(self, *arguments, **options):
        return super().hook(*arguments, preexec_fn=deny_openat2, **options)


class ChmodWithoutOpenat2(Chmod):
    def hook(self, *arguments, **options):
        return super().hook(*arguments, preexec_fn=deny_openat2, **options)


if __name__ == "__main__":
    unittest.main()

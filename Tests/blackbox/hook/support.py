# SPDX-License-Identifier: Apache-2.0
"""Scratch roots for the tests of the hook, and running it on them. The standard library only; needs root.

HOOK names the hook's binary (the static release build). The tests run a copy of it in which a system call that the filter
does not list kills, where the program itself gets an error: so each test shows too that there is none. HOOK_ROOTFS may name a real root file system, such as one that
debootstrap made; without it a small one is made of the running system's own libraries.
"""
import atexit
import ctypes
import errno
import json
import os
import shutil
import stat
import struct
import subprocess
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT_HOOK = os.environ.get("HOOK", "")
if not os.access(BUILT_HOOK, os.X_OK):
    raise SystemExit("HOOK must name the hook's binary")
ROOTFS = os.environ.get("HOOK_ROOTFS", "")
MULTIARCH = "/usr/lib/%s-linux-gnu" % os.uname().machine
CHROOT = shutil.which("chroot")
# Those from 424 on are the same on every architecture.
SYS_OPEN_TREE, SYS_OPENAT2, SYS_MOUNT_SETATTR = 428, 437, 442
SYS_MEMFD_CREATE = {"x86_64": 319, "aarch64": 279}[os.uname().machine]


def killing_unlisted_calls(program, copy):
    """Makes a copy of `program` whose filter kills where the program's answers EPERM (Sources/CSandbox)."""
    mark, error, kill = b"nvidia-runtime:unlisted-call=".ljust(32, b"\0"), 0x00050000 | errno.EPERM, 0x80000000
    with open(program, "rb") as file:
        code = file.read()
    if code.count(mark + struct.pack("=I", error)) != 1:
        raise SystemExit("%s: not one place that says what an unlisted system call gets" % program)
    with open(copy, "wb") as file:
        file.write(code.replace(mark + struct.pack("=I", error), mark + struct.pack("=I", kill)))
    os.chmod(copy, 0o755)


_directory = tempfile.mkdtemp(prefix="nvidia-runtime-hook-tests-")
os.chmod(_directory, 0o755)
atexit.register(shutil.rmtree, _directory, True)
HOOK = _directory + "/nvidia-runtime-hook"
killing_unlisted_calls(BUILT_HOOK, HOOK)


def build_shared(path, soname, version):
    """A library that says which version it is."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    source = "int driver_version(void) { return %d; }\n" % version
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path, "-Wl,-soname," + soname],
        input=source.encode(), check=True)


def write_text(path, text):
    with open(path, "w") as file:
        file.write(text)


def read_text(path):
    with open(path) as file:
        return file.read()


def wait_for(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("nothing happened")
        time.sleep(0.005)


def host_libraries():
    """The files of the running system's cache: what a small image could have."""
    listing = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    paths = {line.split("=> ")[1] for line in listing.splitlines() if "=> " in line}
    return sorted(path for path in paths if os.path.getsize(path) < 4 << 20)


def make_image(directory, library_directory=MULTIARCH, debian=True, hwcaps=False, real=False):
    """A root with a loader, a cache, ldconfig and `load`. `real`: of HOOK_ROOTFS."""
    if real:
        subprocess.run(["cp", "-a", ROOTFS, directory], check=True)
    else:
        for path in ("etc", "sbin", "bin", "tmp", "lib64", library_directory[1:]):
            os.makedirs(os.path.join(directory, path), exist_ok=True)
        for library in host_libraries():
            shutil.copy(library, directory + library_directory)
        loader = [name for name in os.listdir("/lib64") if name.startswith("ld-linux")][0]
        shutil.copy("/lib64/" + loader, directory + "/lib64/" + loader)
        shutil.copy(os.path.realpath("/sbin/ldconfig"), directory + "/sbin/ldconfig")
        if debian:
            write_text(directory + "/etc/debian_version", "12.0\n")
        own = "" if debian else library_directory + "\n"
        write_text(directory + "/etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n" + own)
        if hwcaps:
            for level in ("x86-64-v2", "x86-64-v3"):
                target = "%s%s/glibc-hwcaps/%s" % (directory, library_directory, level)
                os.makedirs(target)
                for name in os.listdir(directory + library_directory)[:20]:
                    source = directory + library_directory + "/" + name
                    if os.path.isfile(source):
                        shutil.copy(source, target)
    subprocess.run(["cc", "-o", directory + "/bin/load", HERE + "/load.c", "-ldl"], check=True)
    ldconfig(directory)


def ldconfig(root):
    subprocess.run([CHROOT, root, "/sbin/ldconfig"], check=True, stderr=subprocess.DEVNULL)


def listing(root):
    """What ldconfig, the other reader of the format, finds in the root's cache."""
    text = subprocess.run(
        ["/sbin/ldconfig", "-p", "-C", root + "/etc/ld.so.cache"], capture_output=True, text=True, check=True).stdout
    return [line.strip() for line in text.splitlines() if "=>" in line]


def load(root, name, environment=None):
    """What the program that loads `name` in the root prints, or its error."""
    result = subprocess.run(
        [CHROOT, root, "/bin/load", name], capture_output=True, text=True, env=environment or {})
    return result.stdout.strip() or result.stderr.strip()


def snapshot(directory):
    """Everything that tells whether a tree was changed."""
    found = {}
    for parent, directories, files in os.walk(directory):
        for name in directories + files:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
            found[path] = (status.st_ino, status.st_mode, status.st_size, status.st_mtime_ns, target)
    return found


def deny(calls):
    """For a child: each system call of `calls`, by number, fails with its error."""
    library = ctypes.CDLL(None, use_errno=True)
    instructions = [(0x20, 0, 0, 0)]  # load the number of the call
    for number, error in calls.items():
        # If it is the one, SECCOMP_RET_ERRNO; else the next but one.
        instructions += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error)]
    instructions.append((0x06, 0, 0, 0x7FFF0000))  # SECCOMP_RET_ALLOW
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *item) for item in instructions))
    program = struct.pack("HxxxxxxP", len(instructions), ctypes.addressof(code))
    if library.prctl(22, 2, program, 0, 0) != 0:  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "seccomp")


def deny_openat2():
    """For a child: openat2(2) is not there, as before Linux 5.6."""
    deny({SYS_OPENAT2: errno.ENOSYS})


class Result:
    def __init__(self, process, output, error):
        self.code = process.returncode
        self.output = output.decode(errors="replace")
        self.error = error.decode(errors="replace")


class HookTestCase(unittest.TestCase):
    """A bundle with an empty root, and a canary outside of it that must stay empty."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="nvidia-runtime-hook-")
        self.addCleanup(shutil.rmtree, self.directory, True)
        self.bundle = self.directory + "/bundle"
        self.root = self.bundle + "/rootfs"
        self.canary = self.directory + "/canary"
        os.makedirs(self.root)
        os.makedirs(self.canary)
        self.configure("rootfs")

    def tearDown(self):
        self.assertEqual(os.listdir(self.canary), [], "something was made outside of the root")

    def configure(self, path):
        """Writes config.json with that root.path."""
        with open(self.bundle + "/config.json", "w") as file:
            json.dump({"ociVersion": "1.0.2", "root": {"path": path}}, file)

    def state(self, **members):
        state = {"ociVersion": "1.0.2", "id": "test", "status": "created", "pid": os.getpid(), "bundle": self.bundle}
        state.update(members)
        return json.dumps(state).encode()

    def hook(self, *arguments, state=None, prefix=(), timeout=20, **options):
        process = subprocess.Popen(
            [*prefix, HOOK, "create-container", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, **options)
        try:
            output, error = process.communicate(self.state() if state is None else state, timeout)
        finally:
            process.kill()
        return Result(process, output, error)

    def assertDone(self, result):
        self.assertEqual((result.code, result.output, result.error), (0, "", ""))

    def assertFailed(self, result, *parts):
        """One line on standard error besides warnings, which has all of `parts`."""
        self.assertEqual((result.code, result.output), (1, ""))
        lines = [line for line in result.error.splitlines() if not line.startswith("nvidia-runtime-hook: warning: ")]
        self.assertEqual(len(lines), 1, result.error)
        self.assertTrue(lines[0].startswith("nvidia-runtime-hook: "), result.error)
        for part in parts:
            self.assertIn(part, lines[0])

    def path(self, name):
        return self.root + "/" + name

    def write(self, name, text=""):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        write_text(self.path(name), text)

    def link(self, name, target):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        os.symlink(target, self.path(name))


NVIDIA = ("--library", "native:libcuda.so.1:/opt/nv/libcuda.so.550.1", "--link", "libcuda.so.1::/opt/nv/libcuda.so")

# SPDX-License-Identifier: Apache-2.0
"""What building a folder of test files takes: one builder at a time, and the running Debian's C library in it."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

TRIPLET, TRIPLET32 = "x86_64-linux-gnu", "i386-linux-gnu"
LOADER = "ld-linux-x86-64.so.2"


@contextmanager
def exclusively(folder):
    """One builder at a time: several suites may start on a fresh build folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def built(folder, build):
    """`folder`, made by `build(temporary folder)` if it isn't there: complete or absent, never half."""
    if not folder.is_dir():
        with exclusively(folder.parent):
            if not folder.is_dir():
                temporary = Path(tempfile.mkdtemp(prefix=folder.name + ".", dir=folder.parent))
                try:
                    temporary.chmod(0o755)
                    build(temporary)
                    temporary.rename(folder)
                except BaseException:
                    shutil.rmtree(temporary, ignore_errors=True)
                    raise
    return folder


def run(*command):
    result = subprocess.run(
        [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if result.returncode:
        sys.exit(f"{' '.join(str(word) for word in command)}: {result.stdout.strip()}")
    return result.stdout


def needed_libraries(programs):
    """The loader and the shared libraries that programs of this machine need, as paths."""
    found = set()
    for program in programs:
        for line in run("ldd", program).splitlines():
            found.update(word for word in line.split() if word.startswith("/") and not word.endswith(":"))
    return sorted(found)


def copy_base(root, programs, folder=f"usr/lib/{TRIPLET}"):
    """What this machine's `programs` need to start in a chroot of `root`: merged /usr, the C library in `folder`."""
    for name in (
        "dev",
        "proc",
        "sys",
        "run",
        "tmp",
        "etc",
        "var",
        folder,
        "usr/lib",
        "usr/lib64",
        "usr/bin",
        "usr/sbin",
    ):
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    libraries = {Path(library) for library in needed_libraries(programs)}
    # The rest of the C library: NVIDIA's own programs were linked when these were separate.
    for name in ("libdl.so.2", "libm.so.6", "libpthread.so.0", "librt.so.1"):
        libraries |= {library.with_name(name) for library in libraries if library.name == "libc.so.6"}
    for library in sorted(libraries):
        shutil.copy2(os.path.realpath(library), root / folder / library.name)
    if folder != "usr/lib64":
        (root / "usr/lib64" / LOADER).symlink_to(os.path.relpath(f"/{folder}/{LOADER}", "/usr/lib64"))

# SPDX-License-Identifier: Apache-2.0
"""The programs under attack: each way in which something of ours works in a root that an image made. The one place to
add another; the tables of attacks ask it what it changes there."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BUILD = Path(__file__).resolve().parents[3] / "build/attack"
HOOK = os.environ["NVIDIA_RUNTIME_HOOK"]
CDI_HOOK = str(BUILD / "nvidia-cdi-hook")  # the same program, which goes by its name
FOLDER = "/opt/nv"  # where the driver's libraries are, unless an attack says otherwise
VERSION = "550.1"
COMPAT, PROFILES = "/usr/local/cuda/compat", "/etc/nvidia/nvidia-application-profiles-rc.d"


@dataclass(frozen=True)
class Way:
    name: str
    # What it makes or changes in the root: "links" in a library folder, links at "paths" that it is told, "cache"
    # (/etc/ld.so.cache), "configuration" (/etc/ld.so.conf and its folder), "modes", "compat" (it reads the image's CUDA compat libraries and writes a list of
    # its own), "profile" (a file in /etc/nvidia). And what has attacks of its own:
    # that it is told "libraries", or "scans" folders for them.
    changes: frozenset
    # The command for a library folder, or for links ("TARGET::PATH") in place of those in the folder.
    command: Callable
    # The files and links that it makes for FOLDER in an empty root, once `prepare` has been there.
    leaves: tuple
    # What has to be in a root for it to do anything.
    prepare: Callable = lambda root: None
    # Whether it passes over what it can't reach, where others refuse.
    is_lenient: bool = False

    def __str__(self):
        return self.name


def create_container(folder=FOLDER, links=None, more=()):
    words = [HOOK, "create-container"]
    if links is None:
        words += ["--library", f"native:libcuda.so.1:{folder}/libcuda.so.{VERSION}",
                  "--link", f"libcuda.so.1::{folder}/libcuda.so"]
    for link in links or ():
        words += ["--link", link]
    return words + list(more)


def create_symlinks(folder=FOLDER, links=None):
    words = [CDI_HOOK, "create-symlinks"]
    for link in links or (f"libcuda.so.{VERSION}::{folder}/libcuda.so.1", f"libcuda.so.1::{folder}/libcuda.so"):
        words += ["--link", link]
    return words


@cache
def library():
    """A library named libcuda.so.1."""
    made = BUILD / "libcuda.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-x", "c", "/dev/null", "-o", made, "-Wl,-soname,libcuda.so.1"], check=True)
    return made


def put_library(root):
    """Into the library folder, where there is one."""
    folder = root / FOLDER[1:]
    if not folder.is_symlink():
        folder.mkdir(parents=True, exist_ok=True)
        if not os.path.lexists(folder / f"libcuda.so.{VERSION}"):
            shutil.copy(library(), folder / f"libcuda.so.{VERSION}")


def put_compat(root):
    """CUDA compat libraries of a newer driver, where there is a folder for them or none."""
    from test_compatibility import build_libcuda

    folder = root / COMPAT[1:]
    above = (folder.parents[1], folder.parent, folder)  # a link would lead to the host
    if not any(path.is_symlink() for path in above) and not os.path.lexists(folder):
        build_libcuda(str(folder / "libcuda.so.575.57.08"), 575)


def put_node(root):
    """A GPU's node, which a profile lists."""
    if not os.path.lexists(root / "dev"):
        (root / "dev").mkdir()
        os.mknod(root / "dev/nvidia0", 0o666 | stat.S_IFCHR, os.makedev(195, 0))


BUILD.mkdir(parents=True, exist_ok=True)
if not os.path.lexists(CDI_HOOK) or os.readlink(CDI_HOOK) != HOOK:
    Path(CDI_HOOK).unlink(missing_ok=True)
    os.symlink(HOOK, CDI_HOOK)

LOADER_FILES = ("etc/ld.so.cache", "etc/ld.so.conf", "etc/ld.so.conf.d/00-nvidia-runtime.conf")
WAYS = [
    Way(
        "create-container", frozenset({"links", "paths", "cache", "configuration", "libraries"}), create_container,
        ("opt/nv/libcuda.so.1", "opt/nv/libcuda.so", *LOADER_FILES),
    ),
    Way(
        "create-symlinks", frozenset({"links", "paths"}), create_symlinks, ("opt/nv/libcuda.so.1", "opt/nv/libcuda.so"),
    ),
    Way(
        "update-ldcache", frozenset({"links", "cache", "configuration", "scans"}),
        lambda folder=FOLDER, links=None: [CDI_HOOK, "update-ldcache", "--folder", folder],
        ("opt/nv/libcuda.so.1", *LOADER_FILES), put_library, True,
    ),
    Way(
        "chmod", frozenset({"modes"}),
        lambda folder=FOLDER, links=None: [CDI_HOOK, "chmod", "--mode", "777", "--path", folder + ",/dev/dri,/dev"],
        (), is_lenient=True,
    ),
    Way(
        "enable-cuda-compat", frozenset({"compat"}),
        lambda folder=FOLDER, links=None: [CDI_HOOK, "enable-cuda-compat", "--host-driver-version=570.211.01"],
        ("etc/ld.so.conf.d/00-compat-nvidia-runtime.conf",), put_compat, True,
    ),
    Way(
        "update-application-profile", frozenset({"profile"}),
        lambda folder=FOLDER, links=None: [CDI_HOOK, "update-application-profile"],
        (PROFILES[1:] + "/10-container.conf",), put_node, True,
    ),
]


def ways(*changes):
    """Those that change one of these things."""
    return [way for way in WAYS if way.changes & set(changes)]

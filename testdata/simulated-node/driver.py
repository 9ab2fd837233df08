# SPDX-License-Identifier: Apache-2.0
"""The driver's user space as small real ELF files under the driver's names.

A `Driver` is built once per version into the build folder, and once more as a folder tree per layout (hard links)."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from building import built, run
from files import CUDA_OF_DRIVER, LIBRARIES, OTHER_VERSIONS
from layout import Tree

SOURCES = Path(__file__).resolve().parent


def cuda_version(driver_version):
    """1000 * major + 10 * minor of the CUDA version that a driver supports."""
    branch = int(driver_version.split(".")[0])
    return max((cuda for known, cuda in CUDA_OF_DRIVER.items() if known <= branch), default=11000)


def fingerprint():
    """Changes with the sources, so that an old build folder isn't taken for the present one."""
    digest = hashlib.sha256()
    for source in sorted([*SOURCES.glob("*.[ch]"), *SOURCES.glob("*.py")]):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


class Driver:
    """The compiled files of one driver version."""

    def __init__(self, version, build_folder):
        self.version = version
        self.build_folder = build_folder
        self.key = f"{version}-{fingerprint()}"
        self.files = built(build_folder / f"files-{self.key}", self._compile)

    def file_name(self, name):
        return f"{name}.so.{OTHER_VERSIONS.get(name, self.version)}"

    def soname(self, soname):
        return soname.replace(".so.V", f".so.{self.version}")

    def _compile(self, to):
        macros = [f'-DDRIVER_VERSION="{self.version}"', f"-DCUDA_VERSION={cuda_version(self.version)}"]
        library_flags = [
            "-O2",
            "-ffreestanding",
            "-fno-stack-protector",
            "-fno-asynchronous-unwind-tables",
            "-fPIC",
            "-fvisibility=hidden",
        ]
        jobs = []
        for bits in (64, 32):
            (to / str(bits)).mkdir()
            for source in ("library", "cuda", "nvml"):
                run(
                    "gcc",
                    f"-m{bits}",
                    "-c",
                    *library_flags,
                    *macros,
                    "-o",
                    to / f"{source}{bits}.o",
                    SOURCES / f"{source}.c",
                )
            # ldconfig tells a 32-bit library of this C library from an older one's by what it needs.
            needed = []
            if bits == 32:
                run("ld", "-m", "elf_i386", "-shared", "-soname", "libc.so.6", "-o", to / "libc.o", to / "library32.o")
                needed = ["--no-as-needed", to / "libc.o"]
            for name, soname, also32, _ in LIBRARIES:
                if bits == 32 and not also32:
                    continue
                source = {"libcuda": "cuda", "libnvidia-ml": "nvml"}.get(name, "library")
                jobs.append(
                    (
                        "ld",
                        "-m",
                        "elf_x86_64" if bits == 64 else "elf_i386",
                        "-shared",
                        "--build-id=none",
                        "-z",
                        "noexecstack",
                        "-soname",
                        self.soname(soname),
                        "-o",
                        to / str(bits) / self.file_name(name),
                        to / f"{source}{bits}.o",
                        *needed,
                    )
                )
        jobs.append(("gcc", "-O2", *macros, "-o", to / "program", SOURCES / "program.c"))
        jobs.append(("gcc", "-O2", *macros, "-o", to / "nvidia-smi", SOURCES / "nvidia-smi.c"))
        # A library without a SONAME: each hard link to it is an entry of its own in ld.so.cache.
        jobs.append(
            ("ld", "-shared", "--build-id=none", "-z", "noexecstack", "-s", "-o", to / "padding.so", to / "library64.o")
        )
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda job: run(*job), jobs))
        for leftover in to.glob("*.o"):
            leftover.unlink()

    def tree(self, layout, compat32):
        """The folder tree of a layout, to be laid over "/" (or, for a driver container, to be its root)."""
        name = f"tree-{layout}{'-compat32' if compat32 else ''}-{self.key}"
        return built(self.build_folder / name, lambda to: Tree(self, to, layout, compat32).lay_out())

    def padding(self, count):
        """A folder with `count` libraries, each an entry in ld.so.cache."""

        def build(to):
            for number in range(count):
                os.link(self.files / "padding.so", to / f"libpadding-{number:05}.so.1")

        return built(self.build_folder / f"padding-{count}-{self.key}", build)

# SPDX-License-Identifier: Apache-2.0
"""Where distributions put a driver's files."""

import os
import shutil
from pathlib import Path

from building import TRIPLET, TRIPLET32, copy_base
from files import DEVELOPMENT_LINKS, LIBRARIES, PROGRAMS

LAYOUTS = ("debian-multiarch", "debian-alternatives", "rhel", "gke", "nixos", "driver-container")
# The folder below which each layout's driver files are found; "/" unless listed.
ROOTS = {"gke": "/home/kubernetes/bin/nvidia", "driver-container": "/run/nvidia/driver"}
NIX_HASH = "v2xgqz1p8c4kd5w6rhmfn7ajyb3l0is9"
# Debian puts these straight into the multiarch folder, outside of its alternatives.
DEBIAN_DIRECT = (
    "libnvidia-glcore",
    "libnvidia-eglcore",
    "libnvidia-glsi",
    "libnvidia-tls",
    "libnvidia-rtcore",
    "libnvidia-glvkspirv",
    "libnvidia-gpucomp",
    "libnvidia-egl-gbm",
    "libnvidia-egl-wayland",
    "libnvidia-egl-xcb",
    "libnvidia-egl-xlib",
)


class Tree:
    """Places a driver's files in one layout."""

    def __init__(self, driver, root, layout, compat32):
        self.driver, self.root, self.layout = driver, root, layout
        self.bits = (64, 32) if compat32 else (64,)
        version = driver.version
        # Multiarch, as NVIDIA's installer and Ubuntu lay it out; the others differ from it.
        self.libraries = {64: f"usr/lib/{TRIPLET}", 32: f"usr/lib/{TRIPLET32}"}
        self.programs, self.share, self.etc = "usr/bin", "usr/share", "etc"
        self.firmware = f"usr/lib/firmware/nvidia/{version}"
        self.xorg = "usr/lib/xorg/modules"
        self.vulkan = "usr/share/vulkan"
        if layout == "rhel":
            self.libraries = {64: "usr/lib64", 32: "usr/lib"}
            self.xorg = "usr/lib64/xorg/modules"
        elif layout == "gke":
            base = ROOTS["gke"][1:]
            self.libraries = {64: f"{base}/lib64", 32: f"{base}/lib"}
            self.programs, self.share, self.etc = f"{base}/bin", f"{base}/share", f"{base}/etc"
            self.firmware, self.vulkan = f"{base}/firmware/nvidia/{version}", f"{base}/vulkan"
            self.xorg = f"{base}/lib64/xorg/modules"
        elif layout == "nixos":
            store = f"nix/store/{NIX_HASH}-nvidia-x11-{version}"
            self.libraries = {64: f"{store}/lib", 32: f"{store}-lib32/lib"}
            self.programs, self.share, self.etc = f"{store}-bin/bin", f"{store}/share", f"{store}/etc"
            self.firmware, self.vulkan = f"{store}-firmware/lib/firmware/nvidia/{version}", f"{store}/share/vulkan"
            self.xorg = f"{store}/lib/xorg/modules"
        elif layout == "debian-alternatives":
            self.xorg = "usr/lib/nvidia/current"

    def lay_out(self):
        for bits in self.bits:
            self._libraries(bits)
        self._programs()
        self._data()
        if self.layout == "nixos":
            self._nix_links()
        if self.layout == "driver-container":
            self._debian_base()

    def _file(self, source, path):
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, to)

    def _link(self, target, path):
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def _write(self, path, text):
        to = self.root / path
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)

    def _alternative(self, path, target):
        """PATH -> /etc/alternatives/nvidia--NAME -> TARGET, the absolute links of Debian's update-alternatives."""
        name = Path(path).name
        suffix = next((f"-{t}" for t in (TRIPLET, TRIPLET32) if t in path), "")
        self._link(f"/{target}", f"etc/alternatives/nvidia--{name}{suffix}")
        self._link(f"/etc/alternatives/nvidia--{name}{suffix}", path)

    def _libraries(self, bits):
        base, alternatives = self.libraries[bits], self.layout == "debian-alternatives"
        for name, soname, also32, folder in LIBRARIES:
            if bits == 32 and not also32:
                continue
            file_name, soname = self.driver.file_name(name), self.driver.soname(soname)
            aside = alternatives and name not in DEBIAN_DIRECT
            place = f"{base}/nvidia/current" if aside else "/".join(filter(None, (base, folder)))
            self._file(self.driver.files / str(bits) / file_name, f"{place}/{file_name}")
            links = [soname] if soname != file_name else []
            links += [f"{name}.so"] if name in DEVELOPMENT_LINKS else []
            for link, target in zip(links, [file_name, soname]):
                self._link(target, f"{place}/{link}")
                if aside:
                    self._alternative("/".join(filter(None, (base, folder, link))), f"{place}/{link}")
        self._link("../libnvidia-allocator.so.1", f"{base}/gbm/nvidia-drm_gbm.so")

    def _programs(self):
        for name in PROGRAMS:
            source = self.driver.files / (name if name == "nvidia-smi" else "program")
            if self.layout == "debian-alternatives" and name in ("nvidia-smi", "nvidia-debugdump"):
                self._file(source, f"usr/lib/nvidia/current/{name}")
                self._alternative(f"usr/bin/{name}", f"usr/lib/nvidia/current/{name}")
            elif self.layout == "debian-alternatives" and name == "nvidia-cuda-mps-server":
                self._file(source, f"usr/sbin/{name}")
            else:
                self._file(source, f"{self.programs}/{name}")

    def _data(self):
        version = self.driver.version
        for chip in ("ga10x", "tu10x"):
            self._write(f"{self.firmware}/gsp_{chip}.bin", f"simulated GSP firmware {chip} {version}\n")
        if self.layout == "debian-alternatives":
            optix = f"{self.libraries[64]}/nvidia/current/nvoptix.bin"
            self._write(optix, f"simulated OptiX data {version}\n")
            self._alternative("usr/share/nvidia/nvoptix.bin", optix)
        else:
            self._write(f"{self.share}/nvidia/nvoptix.bin", f"simulated OptiX data {version}\n")
        drivers, extensions = ("", "") if self.layout == "debian-alternatives" else ("drivers/", "extensions/")
        self._file(self.driver.files / "padding.so", f"{self.xorg}/{drivers}nvidia_drv.so")
        glx = f"libglxserver_nvidia.so.{version}"
        self._file(self.driver.files / "padding.so", f"{self.xorg}/{extensions}{glx}")
        self._link(glx, f"{self.xorg}/{extensions}libglxserver_nvidia.so")
        icd = '{"file_format_version": "1.0.1", "ICD": {"library_path": "libGLX_nvidia.so.0", "api_version": "1.4"}}\n'
        suffix = ".x86_64" if self.layout == "rhel" else ""
        self._write(f"{self.vulkan}/icd.d/nvidia_icd{suffix}.json", icd)
        self._write(
            f"{self.vulkan}/implicit_layer.d/nvidia_layers.json", '{"file_format_version": "1.0.0", "layers": []}\n'
        )
        self._write(
            f"{self.share}/glvnd/egl_vendor.d/10_nvidia.json",
            '{"file_format_version": "1.0.0", "ICD": {"library_path": "libEGL_nvidia.so.0"}}\n',
        )
        for platform, library in (
            ("15_nvidia_gbm", "gbm"),
            ("10_nvidia_wayland", "wayland"),
            ("20_nvidia_xcb", "xcb"),
            ("20_nvidia_xlib", "xlib"),
        ):
            self._write(
                f"{self.share}/egl/egl_external_platform.d/{platform}.json",
                f'{{"file_format_version": "1.0.0", "ICD": {{"library_path": "libnvidia-egl-{library}.so.1"}}}}\n',
            )
        self._write(f"{self.share}/nvidia/nvidia-application-profiles-{version}-rc", "{}\n")
        self._write(
            f"{self.share}/X11/xorg.conf.d/nvidia-drm-outputclass.conf",
            'Section "OutputClass"\n    Identifier "nvidia"\n    MatchDriver "nvidia-drm"\nEndSection\n',
        )
        self._write(f"{self.etc}/OpenCL/vendors/nvidia.icd", "libnvidia-opencl.so.1\n")

    def _debian_base(self):
        """What makes the tree a root of its own, in which nvidia-smi starts and ldconfig works."""
        copy_base(self.root, [self.root / "usr/bin/nvidia-smi"])
        shutil.copy2("/sbin/ldconfig", self.root / "usr/sbin/ldconfig")
        self._write(
            "etc/ld.so.conf", f"/usr/local/lib\n/lib/{TRIPLET}\n/usr/lib/{TRIPLET}\ninclude /etc/ld.so.conf.d/*.conf\n"
        )
        self._write("etc/debian_version", "12.0\n")
        self._write("etc/os-release", 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Simulated Debian"\n')

    def _nix_links(self):
        """/run/opengl-driver and the system profile, as NixOS' activation script links them into the store."""
        graphics = f"nix/store/{NIX_HASH}-graphics-drivers"
        for bits in self.bits:
            profile = graphics + ("" if bits == 64 else "-32bit")
            self._link(f"/{profile}", "run/opengl-driver" + ("" if bits == 64 else "-32"))
            for path in sorted((self.root / self.libraries[bits]).rglob("*")):
                if not path.is_dir() or path.is_symlink():
                    relative = path.relative_to(self.root / self.libraries[bits])
                    self._link(f"/{self.libraries[bits]}/{relative}", f"{profile}/lib/{relative}")
        for path in sorted((self.root / self.share).rglob("*.json")):
            self._link(
                f"/{path.relative_to(self.root)}", f"{graphics}/share/{path.relative_to(self.root / self.share)}"
            )
        self._link(f"/{self.etc}/OpenCL/vendors/nvidia.icd", f"{graphics}/etc/OpenCL/vendors/nvidia.icd")
        for name in PROGRAMS:
            self._link(f"/{self.programs}/{name}", f"run/current-system/sw/bin/{name}")
        self._link(f"/{Path(self.firmware).parents[1]}", "run/current-system/firmware")

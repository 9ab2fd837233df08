# SPDX-License-Identifier: Apache-2.0
"""Machines that are no ordinary NVIDIA host: a Tegra, which says in CSV files what a container needs, and the Windows
Subsystem for Linux, where Windows' driver is behind one device."""

import hashlib
import os
import shutil
from pathlib import Path

import kernel
from building import TRIPLET, built

CSV_FILES = Path(__file__).resolve().parents[1] / "tegra"  # shared with the unit tests
CSV_FOLDER = "etc/nvidia-container-runtime/host-files-for-container.d"
RELEASE = (
    "# R{} (release), REVISION: {}, GCID: 41844464, BOARD: generic, EABI: aarch64, DATE: Fri Aug 22 00:55:42 UTC 2025\n"
)
VIDEO_GROUP = 44  # who may use the nodes of the SoC


class Ordinary:
    """An NVIDIA host: the parts that platforms differ in."""

    kernel = kernel.Kernel

    def __init__(self, options):
        self.options = options

    def gpus(self):
        """None for the GPUs that the options describe."""
        return None

    def tree(self, driver):
        return driver.tree(self.options.layout, self.options.compat32)

    def prepare_root(self, root):
        """What goes over the overlays, before the command sees them."""

    def proc_files(self):
        """Path below /proc and text of further files."""
        return {}

    def description(self):
        return {}


class Files:
    """A folder tree of links to a driver's files."""

    def __init__(self, root, driver):
        self.root, self.driver = root, driver

    def place(self, source, path):
        to = self.root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists():
            os.link(source, to)

    def library(self, path, name=None):
        """The driver's library NAME, or one that only has to be loadable, without a SONAME, at `path`."""
        file_name = self.driver.file_name(name or Path(path).name.partition(".so")[0])
        source = self.driver.files / "64" / file_name
        self.place(source if source.exists() else self.driver.files / "padding.so", path)

    def text(self, path, text):
        to = self.root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)

    def link(self, target, path):
        to = self.root / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.is_symlink():
            to.symlink_to(target)


class TegraKernel(kernel.Kernel):
    """nvgpu's nodes beside those of the ordinary module, which drives an Orin's display engine and all of a Thor."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        taken = set(self.majors.values())
        free = (major for major in range(480, 300, -1) if major not in taken | self._machine_majors())
        self.soc_majors = {name: next(free) for name in ("nvhost", "nvgpu", "nvmap", "host1x", "nvsciipc")}

    @staticmethod
    def _machine_majors():
        lines = Path("/proc/devices").read_text().partition("\nBlock")[0].splitlines()
        return {int(words[0]) for words in map(str.split, lines) if words and words[0].isdigit()}

    @property
    def has_thor(self):
        return bool(self.gpus)

    def nodes(self):
        if self.has_thor:
            yield from super().nodes()
            yield "nvidia2", kernel.NVIDIA_MAJOR, 2, self.mode
        else:
            yield "nvidiactl", kernel.NVIDIA_MAJOR, kernel.CONTROL_MINOR, self.mode
            yield "nvidia-modeset", kernel.NVIDIA_MAJOR, kernel.MODESET_MINOR, self.mode
            yield "nvidia0", kernel.NVIDIA_MAJOR, 0, self.mode
            yield "dri/card0", kernel.DRM_MAJOR, 0, 0o660
            yield "dri/renderD128", kernel.DRM_MAJOR, kernel.FIRST_RENDER_MINOR, 0o660
        # udev makes these copies of /dev/null.
        yield "v4l2-nvdec", 1, 3, 0o666
        yield "v4l2-nvenc", 1, 3, 0o666
        yield "nvmap", self.soc_majors["nvmap"], 0, 0o660
        yield "host1x-fence", self.soc_majors["host1x"], 0, 0o660
        yield "nvsciipc", self.soc_majors["nvsciipc"], 0, 0o660
        names = "as-gpu ctrl-gpu ctrl-nvdla0 ctrl-nvdla1 ctxsw-gpu dbg-gpu gpu nvsched-gpu power-gpu prof-gpu tsg-gpu"
        for minor, name in enumerate(["ctrl-pva0"] if self.has_thor else names.split()):
            yield f"nvhost-{name}", self.soc_majors["nvhost"], minor, 0o660
        names = "as channel ctrl ctxsw dbg nvsched power prof prof-ctx prof-dev sched tsg"
        for minor, name in enumerate(names.split()):
            gpu = "igpu-0000:01:00.0" if self.has_thor else "igpu0"
            yield f"nvgpu/{gpu}/{name}", self.soc_majors["nvgpu"], minor, 0o660

    def make_nodes(self, dev):
        super().make_nodes(dev)
        for name, major, _, mode in self.nodes():
            if major in self.soc_majors.values() and name not in self.missing:
                os.chown(dev / name, 0, VIDEO_GROUP)
                os.chmod(dev / name, mode)
        (dev / "dri/by-path").mkdir(exist_ok=True)
        (dev / "dri/by-path/platform-13800000.display-card").symlink_to("../card0")

    def _make_information(self, folder, gpu):
        self.model = gpu.model
        super()._make_information(folder, gpu)

    def proc_devices(self):
        lines = super().proc_devices().splitlines(keepends=True)
        if not self.has_thor:
            other = ("nvidia-uvm", "nvidia-caps", "nvidia-nvlink")
            lines = [line for line in lines if not line.rstrip().endswith(other)]
        return "".join(lines)


class Tegra(Ordinary):
    """A Jetson with an Orin; with `--discrete-gpu` a Thor and a discrete GPU beside its own."""

    kernel = TegraKernel
    LIBRARIES = f"/usr/lib/{TRIPLET}"
    # Listed and not there, as no board has all that its CSV files list.
    MISSING = ("libnvdla_compiler.so", "libv4l2.so.0.0.999999")
    # What the listed links lead to; others lead to a file of the same name with a version.
    LINKS = {
        "libcuda.so": "nvidia/libcuda.so",
        "nvidia/libcuda.so": "libcuda.so.1.1",
        "nvidia/libcuda.so.1": "libcuda.so.1.1",
        "nvidia/libnvidia-ml.so": "libnvidia-ml.so.1",
        "nvidia/libnvidia-ptxjitcompiler.so.1": "libnvidia-ptxjitcompiler.so.@VERSION@",
        "libv4l/plugins/nv/libv4l2_nvvideocodec.so": "../../../nvidia/libv4l2_nvvideocodec.so",
        "libnvcucompat.so": "nvidia/libnvcucompat.so",
    }
    THOR_LINKS = {"libcuda.so.1": "nvidia/openrm/libcuda.so.1.1", "libcuda.so": "libcuda.so.1"}

    def __init__(self, options):
        super().__init__(options)
        self.board = "thor" if options.discrete_gpu else "orin"
        self.csv = {path.name: self._fill(path.read_text()) for path in sorted((CSV_FILES / self.board).glob("*.csv"))}

    def _fill(self, text):
        return text.replace("@LIB@", self.LIBRARIES).replace("@VERSION@", self.options.driver_version)

    def gpus(self):
        if self.board == "orin":
            return []
        gpus = [kernel.GPU(index, index, []) for index in range(2)]
        gpus[0].address, gpus[0].model = "0000:01:00.0", "NVIDIA Thor"
        gpus[1].address, gpus[1].model = "0005:01:00.0", "NVIDIA RTX PRO 6000 Blackwell"
        return gpus

    def tree(self, driver):
        digest = hashlib.sha256(repr(self.csv).encode()).hexdigest()[:12]
        folder = driver.build_folder / f"tree-{self.board}-{digest}-{driver.key}"
        return built(folder, lambda to: self._build(to, driver))

    def _build(self, to, driver):
        files = Files(to, driver)
        for text in self.csv.values():
            for kind, path in (line.split(", ") for line in text.splitlines()):
                path = path.replace("/lib/firmware", "/usr/lib/firmware")
                if path.startswith("/dev/") or Path(path).name in self.MISSING:
                    continue
                {"lib": self._file, "sym": self._link, "dir": self._folder}[kind](files, path)
        release = RELEASE.format(*(("36", "4.3") if self.board == "orin" else ("38", "2.0")))
        files.text("/etc/nv_tegra_release", release)
        folders = [f"{self.LIBRARIES}/nvidia"] + ([f"{self.LIBRARIES}/nvidia/openrm"] if self.board == "thor" else [])
        files.text("/etc/ld.so.conf.d/nvidia-tegra.conf", "".join(f"{folder}\n" for folder in folders))

    @staticmethod
    def _file(files, path):
        if Path(path).name == "nvidia-smi":
            files.place(files.driver.files / "nvidia-smi", path)
        elif ".so" in path:
            files.library(path)
        else:
            files.text(path, "simulated\n")

    def _link(self, files, path):
        links = self.LINKS | (self.THOR_LINKS if self.board == "thor" else {})
        target = links.get(path.removeprefix(f"{self.LIBRARIES}/"))
        if target:
            files.link(self._fill(target), path)
        elif path.startswith("/usr/local/"):  # /usr/local/cuda -> cuda-12.6
            files.link("cuda-12.6", path)
        else:
            files.text(f"/usr/share/nvidia/{Path(path).name}", "{}\n")
            files.link(f"/usr/share/nvidia/{Path(path).name}", path)

    @staticmethod
    def _folder(files, path):
        files.text(f"{path}/simulated", "simulated\n")

    def prepare_root(self, root):
        folder = root / CSV_FOLDER
        folder.mkdir(parents=True)
        for name, text in self.csv.items():
            (folder / name).write_text(text)

    def description(self):
        return {"csv_files": [f"/{CSV_FOLDER}/{name}" for name in self.csv]}


class WSLKernel(kernel.Kernel):
    """Microsoft's kernel: nothing of NVIDIA's, and the device through which Windows' driver is asked."""

    MISC_MAJOR = 10

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **(options | {"loaded": False}))
        taken = {int(line.split()[0]) for line in Path("/proc/misc").read_text().splitlines()}
        self.minor = next(minor for minor in range(127, 0, -1) if minor not in taken)

    def nodes(self):
        yield "dxg", self.MISC_MAJOR, self.minor, 0o666


class WSL(Ordinary):
    """WSL 2 on a PC with an Intel and an NVIDIA GPU. Windows' whole driver store is visible."""

    kernel = WSLKernel
    STORES = "/usr/lib/wsl/drivers"
    STORE = f"{STORES}/nv_dispi.inf_amd64_0a1b2c3d4e5f6071"
    OTHERS = (
        "1394.inf_amd64_57d1ba4a4bb9c9ac/1394ohci.sys",
        "iigd_dch.inf_amd64_51f685305808e3a5/libigd12dxva64.so",
        "nvhda.inf_amd64_9f8e7d6c5b4a3928/nvhda64v.sys",
    )
    # What Windows copies out of NVIDIA's package into /usr/lib/wsl/lib.
    COPIES = {
        "libcuda.so": "libcuda",
        "libcuda.so.1": "libcuda",
        "libcuda.so.1.1": "libcuda",
        "libnvidia-ml.so.1": "libnvidia-ml",
    }
    PACKAGE = {
        "libcuda.so.1.1": "libcuda",
        "libcuda_loader.so": "libcuda",
        "libnvidia-ml.so.1": "libnvidia-ml",
        "libnvidia-ml_loader.so": "libnvidia-ml",
        "libnvidia-ptxjitcompiler.so.1": "libnvidia-ptxjitcompiler",
        "libnvdxgdmal.so.1": None,
        "libnvoptix_loader.so.1": "libnvoptix",
    }

    def gpus(self):
        return []

    def tree(self, driver):
        return built(driver.build_folder / f"tree-wsl-{driver.key}", lambda to: self._build(to, driver))

    def _build(self, to, driver):
        files = Files(to, driver)
        for name in ("libdxcore.so", "libd3d12.so", "libd3d12core.so"):
            files.library(f"/usr/lib/wsl/lib/{name}")
        for name, source in self.COPIES.items():
            files.library(f"/usr/lib/wsl/lib/{name}", source)
        for name, source in self.PACKAGE.items():
            files.library(f"{self.STORE}/{name}", source)
        for folder in (self.STORE, "/usr/lib/wsl/lib"):
            files.place(driver.files / "nvidia-smi", f"{folder}/nvidia-smi")
        for name in ("nvcubins.bin", "nvwgf2umx.dll", "nvcpl.exe", "nv_dispi.inf"):
            files.text(f"{self.STORE}/{name}", "simulated\n")
        for path in self.OTHERS:
            files.text(f"{self.STORES}/{path}", "simulated\n")
        files.text("/etc/ld.so.conf.d/ld.wsl.conf", "/usr/lib/wsl/lib\n")

    def proc_files(self):
        misc = Path("/proc/misc").read_text()
        minor = WSLKernel("", "", []).minor
        return {"misc": f"{minor:3} dxg\n{misc}", "sys/kernel/osrelease": "5.15.153.1-microsoft-standard-WSL2\n"}

    def description(self):
        return {"driver_store": self.STORE}


PLATFORMS = {"nvidia": Ordinary, "tegra": Tegra, "wsl": WSL}

# SPDX-License-Identifier: Apache-2.0
"""The kernel's side of an NVIDIA host: device nodes, /proc/driver/nvidia, /proc/devices and the PCI devices' sysfs.

The nodes are real character devices with NVIDIA's major numbers, but no module owns those: an open that the device
cgroup allows fails with ENXIO, one that it denies with EPERM. That makes a node a test of `linux.resources.devices`.
The formats follow what NVIDIA's own tools parse."""

import os
import socket
import stat
from pathlib import Path

NVIDIA_MAJOR = 195
CONTROL_MINOR, MODESET_MINOR = 255, 254
DRM_MAJOR, FIRST_RENDER_MINOR = 226, 128
VERBS_MAJOR, FIRST_VERBS_MINOR, MISC_MAJOR, RDMA_CM_MINOR = 231, 192, 10, 58
BUSES = (0x07, 0x0F, 0x47, 0x4E, 0x87, 0x90, 0xB7, 0xBD, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8)
MAXIMUM_GPUS = len(BUSES)
# An A100's MIG profiles: slices, and the numbers that GPU instances of the profile can have.
PROFILES = {
    "1g.5gb": (1, range(7, 14)),
    "2g.10gb": (2, range(3, 6)),
    "3g.20gb": (3, range(1, 3)),
    "7g.40gb": (7, range(0, 1)),
}
SLICES = 7
# Optional parts, by the name of the option that adds them: nodes (name, owner of the major, minor).
EXTRAS = {
    "imex": [(f"nvidia-caps-imex-channels/channel{n}", "nvidia-caps-imex-channels", n) for n in range(4)],
    "nvswitch": [("nvidia-nvswitchctl", "nvidia-nvswitch", 255), ("nvidia-nvlink", "nvidia-nvlink", 0)]
    + [(f"nvidia-nvswitch{n}", "nvidia-nvswitch", n) for n in range(6)],
    "gdrcopy": [("gdrdrv", "gdrdrv", 0)],
    "gds": [(f"nvidia-fs{n}", "nvidia-fs", n) for n in range(4)],
    "mofed": [(f"infiniband/uverbs{n}", VERBS_MAJOR, FIRST_VERBS_MINOR + n) for n in range(2)]
    + [("infiniband/rdma_cm", MISC_MAJOR, RDMA_CM_MINOR)],
    "fabricmanager": [],
}
PARAMETERS = {
    "ResmanDebugLevel": "4294967295",
    "RmLogonRC": "1",
    "ModifyDeviceFiles": "1",
    "DeviceFileUID": "0",
    "DeviceFileGID": "0",
    "DeviceFileMode": "438",
    "InitializeSystemMemoryAllocations": "1",
    "UsePageAttributeTable": "4294967295",
    "EnableMSI": "1",
    "EnablePCIeGen3": "0",
    "MemoryPoolSize": "0",
    "KMallocHeapMaxSize": "0",
    "VMallocHeapMaxSize": "0",
    "IgnoreMMIOCheck": "0",
    "EnableStreamMemOPs": "0",
    "EnableUserNUMAManagement": "1",
    "NvLinkDisable": "0",
    "RmProfilingAdminOnly": "1",
    "PreserveVideoMemoryAllocations": "0",
    "DynamicPowerManagement": "3",
    "RegisterPCIDriver": "1",
    "EnableResizableBar": "0",
    "EnableGpuFirmware": "18",
    "OpenRmEnableUnsupportedGpus": "1",
    "RegistryDwords": '""',
    "RegistryDwordsPerDevice": '""',
    "RmMsg": '""',
    "GpuBlacklist": '""',
    "TemporaryFilePath": '""',
    "ExcludedGpus": '""',
}


def uuid(prefix, minor, gpu_instance=0, compute_instance=0):
    """By the same rule as in nvml.c, which has to make one up where it sees no /proc/driver/nvidia."""
    return f"{prefix}-5171a7ed-0000-4000-8000-0000000{gpu_instance:02}{compute_instance}{minor:02}"


def partition(text):
    """The GPU instances that "3g.20gb:2,1g.5gb" stands for, or "2", which is "1g.5gb,1g.5gb"."""
    words = ["1g.5gb"] * int(text) if text.isdigit() else text.split(",")
    free = {profile: list(numbers) for profile, (_, numbers) in PROFILES.items()}
    instances, slices = [], 0
    if not words:
        raise ValueError("--mig: no instance")
    for word in words:
        profile, _, count = word.partition(":")
        if not free.get(profile):
            raise ValueError(f"--mig: no such profile, or too many instances of it: {profile}")
        count = int(count or 1)
        slices += PROFILES[profile][0]
        if not 0 <= count <= PROFILES[profile][0] or slices > SLICES:
            raise ValueError(f"--mig: more than there are slices: {text}")
        instances.append(
            {"gpu_instance": free[profile].pop(0), "compute_instances": list(range(count)), "profile": profile}
        )
    return sorted(instances, key=lambda instance: instance["gpu_instance"])


class GPU:
    def __init__(self, index, minor, instances, lost=False):
        self.index, self.minor, self.instances, self.lost = index, minor, instances, lost
        self.address = f"0000:{BUSES[index]:02x}:00.0"
        self.uuid = uuid("GPU", minor)
        # A board's own display adapter is card0 on most servers.
        self.card, self.render = f"card{minor + 1}", f"renderD{FIRST_RENDER_MINOR + minor}"


class Kernel:
    """A kernel with the driver's modules loaded, or (`loaded=False`) without them."""

    def __init__(
        self,
        version,
        model,
        gpus,
        loaded=True,
        open_module=False,
        majors=None,
        mode=0o666,
        group=0,
        missing=(),
        extras=(),
        parameters=None,
    ):
        self.version, self.model, self.gpus, self.loaded, self.open_module = version, model, gpus, loaded, open_module
        self.mode, self.group, self.missing, self.extras = mode, group, set(missing), tuple(extras)
        self.parameters = PARAMETERS | {"DeviceFileMode": str(mode), "DeviceFileGID": str(group)} | (parameters or {})
        self.majors = self._choose_majors(majors or {})

    @staticmethod
    def _choose_majors(wanted):
        """Free major numbers from 511 down, as the kernel hands them out: a node must not reach another driver."""
        characters = Path("/proc/devices").read_text().partition("\nBlock")[0]
        taken = {int(word[0]) for word in map(str.split, characters.splitlines()) if word and word[0].isdigit()}
        free = (major for major in range(511, 383, -1) if major not in taken | set(wanted.values()))
        names = (
            "nvidia-caps",
            "nvidia-uvm",
            "nvidia-nvlink",
            "nvidia-nvswitch",
            "nvidia-caps-imex-channels",
            "gdrdrv",
            "nvidia-fs",
        )
        return {name: wanted[name] if name in wanted else next(free) for name in names}

    # Device nodes

    def nodes(self):
        """(path below /dev, major, minor, mode) of every node."""
        if not self.loaded:
            return
        mode = self.mode
        yield "nvidiactl", NVIDIA_MAJOR, CONTROL_MINOR, mode
        yield "nvidia-modeset", NVIDIA_MAJOR, MODESET_MINOR, mode
        yield "nvidia-uvm", self.majors["nvidia-uvm"], 0, mode
        yield "nvidia-uvm-tools", self.majors["nvidia-uvm"], 1, mode
        yield "nvidia-caps/nvidia-cap1", self.majors["nvidia-caps"], 1, 0o400
        yield "nvidia-caps/nvidia-cap2", self.majors["nvidia-caps"], 2, 0o444
        for gpu in self.gpus:
            yield f"nvidia{gpu.minor}", NVIDIA_MAJOR, gpu.minor, mode
            yield f"dri/{gpu.card}", DRM_MAJOR, gpu.minor + 1, 0o660
            yield f"dri/{gpu.render}", DRM_MAJOR, FIRST_RENDER_MINOR + gpu.minor, 0o666
            for _, minor in self._instance_capabilities(gpu):
                yield f"nvidia-caps/nvidia-cap{minor}", self.majors["nvidia-caps"], minor, 0o444
        for extra in self.extras:
            for name, owner, minor in EXTRAS[extra]:
                yield name, self.majors.get(owner, owner), minor, 0o666

    def make_nodes(self, dev):
        for name, major, minor, mode in self.nodes():
            if name in self.missing or name.partition("/")[0] in self.missing:
                continue
            path = dev / name
            path.parent.mkdir(parents=True, exist_ok=True)
            os.mknod(path, stat.S_IFCHR | mode, os.makedev(major, minor))
            os.chmod(path, mode)
            if major == NVIDIA_MAJOR or name.startswith("nvidia-uvm"):
                os.chown(path, 0, self.group)
        for gpu in self.gpus if self.loaded else ():
            by_path = dev / "dri/by-path"
            by_path.mkdir(exist_ok=True)
            (by_path / f"pci-{gpu.address}-card").symlink_to(f"../{gpu.card}")
            (by_path / f"pci-{gpu.address}-render").symlink_to(f"../{gpu.render}")

    # /proc

    def make_proc_driver(self, driver):
        """The contents of /proc/driver."""
        if not self.loaded:
            return
        nvidia = driver / "nvidia"
        for folder in ("capabilities/mig", "gpus", "patches", "warnings"):
            (nvidia / folder).mkdir(parents=True)
        line = (
            "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {}  Release Build  (builder@simulated)"
            if self.open_module
            else "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {}  Wed May  7 07:20:08 UTC 2025"
        )
        (nvidia / "version").write_text(
            line.format(self.version) + "\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14) \n"
        )
        (nvidia / "params").write_text("".join(f"{key}: {value}\n" for key, value in self.parameters.items()))
        (nvidia / "registry").write_text('Binary: ""\n')
        self._capability(nvidia, "mig/config", 1, 0o400)
        self._capability(nvidia, "mig/monitor", 2, 0o444)
        for gpu in self.gpus:
            self._make_information(nvidia / "gpus" / gpu.address, gpu)
            for name, minor in self._instance_capabilities(gpu):
                self._capability(nvidia, f"gpu{gpu.minor}/mig/{name}", minor, 0o444)
        (driver / "nvidia-caps").mkdir()
        (driver / "nvidia-caps/mig-minors").write_text(self._mig_minors())
        (driver / "nvidia-caps/sys-minors").write_text("monitor 1\n")
        (driver / "nvidia-caps/nvlink-minors").write_text("fabric-mgmt 1024\n")

    def _make_information(self, folder, gpu):
        folder.mkdir()
        fields = [
            ("Model: \t\t", self.model),
            ("IRQ:   \t\t", 100 + gpu.index),
            ("GPU UUID: \t", gpu.uuid),
            ("Video BIOS: \t", "92.00.45.00.03"),
            ("Bus Type: \t", "PCIe"),
            ("DMA Size: \t", "47 bits"),
            ("DMA Mask: \t", "0x7fffffffffff"),
            ("Bus Location: \t", gpu.address),
            ("Device Minor: \t", gpu.minor),
            ("GPU Firmware: \t", self.version),
            ("GPU Excluded:\t", "No"),
        ]
        if gpu.lost:  # the kernel module can't ask it any more
            fields[2:4] = [("Video BIOS: \t", "??.??.??.??.??")]
        (folder / "information").write_text("".join(f"{key} {value}\n" for key, value in fields))
        (folder / "registry").write_text('Binary: ""\n')

    def _capability(self, nvidia, name, minor, mode):
        path = nvidia / "capabilities" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        modify = self.parameters["ModifyDeviceFiles"]
        path.write_text(f"DeviceFileMinor: {minor}\nDeviceFileMode: {mode}\nDeviceFileModify: {modify}\n")

    @staticmethod
    def _capability_minor(gpu_minor, gpu_instance, compute_instance=None):
        """The kernel's numbering: two system capabilities, then 15 GPU instances of 1 + 8 for each of 32 GPUs."""
        base = 3 + (gpu_minor * 15 + gpu_instance) * 9
        return base if compute_instance is None else base + 1 + compute_instance

    def _instance_capabilities(self, gpu):
        """(name below gpuN/mig, minor) of a GPU's MIG devices."""
        for instance in gpu.instances:
            number = instance["gpu_instance"]
            yield f"gi{number}/access", self._capability_minor(gpu.minor, number)
            for inner in instance["compute_instances"]:
                yield f"gi{number}/ci{inner}/access", self._capability_minor(gpu.minor, number, inner)

    def mig_devices(self):
        """Every MIG device as NVML has it, UUID and all, with the minors of its capability nodes."""
        devices = []
        for gpu in self.gpus:
            pairs = [(instance, inner) for instance in gpu.instances for inner in instance["compute_instances"]]
            for index, (instance, inner) in enumerate(pairs):
                number = instance["gpu_instance"]
                devices.append(
                    {
                        "gpu": gpu.index,
                        "index": index,
                        "gpu_instance": number,
                        "compute_instance": inner,
                        "profile": instance["profile"],
                        "uuid": uuid("MIG", gpu.minor, number, inner),
                        "gpu_instance_minor": self._capability_minor(gpu.minor, number),
                        "compute_instance_minor": self._capability_minor(gpu.minor, number, inner),
                    }
                )
        return devices

    def _mig_minors(self):
        lines = ["config 1", "monitor 2"]
        for gpu in range(32):
            for instance in range(15):
                lines.append(f"gpu{gpu}/gi{instance}/access {self._capability_minor(gpu, instance)}")
                lines += [
                    f"gpu{gpu}/gi{instance}/ci{n}/access {self._capability_minor(gpu, instance, n)}" for n in range(8)
                ]
        return "\n".join(lines) + "\n"

    def proc_devices(self):
        """The contents of /proc/devices: the machine's own with the driver's majors among them."""
        characters, _, blocks = Path("/proc/devices").read_text().partition("\n\n")
        lines = [line for line in characters.splitlines() if "nvidia" not in line]
        if self.loaded:
            lines += [f"{NVIDIA_MAJOR} {name}" for name in ("nvidia", "nvidia-modeset", "nvidiactl")]
            shown = {"nvidia-uvm", "nvidia-caps", "nvidia-nvlink"}
            shown |= {owner for extra in self.extras for _, owner, _ in EXTRAS[extra] if owner in self.majors}
            lines += [f"{major:3} {name}" for name, major in self.majors.items() if name in shown]
            if "mofed" in self.extras and f"{VERBS_MAJOR} infiniband_verbs" not in lines:
                lines.append(f"{VERBS_MAJOR} infiniband_verbs")
        heading, entries = lines[0], sorted(lines[1:], key=lambda line: int(line.split()[0]))
        return "\n".join([heading, *entries]) + "\n\n" + blocks

    def proc_misc(self):
        """The contents of /proc/misc: the machine's own with RDMA's connection manager."""
        lines = [line for line in Path("/proc/misc").read_text().splitlines() if line.split()[0] != str(RDMA_CM_MINOR)]
        if self.loaded and "mofed" in self.extras:
            lines.insert(0, f"{RDMA_CM_MINOR:3} rdma_cm")
        return "".join(f"{line}\n" for line in lines)

    # /sys and /run

    def make_pci_devices(self, devices):
        """The contents of /sys/bus/pci/devices. Cards are there without their driver too, then without DRM nodes."""
        for existing in Path("/sys/bus/pci/devices").iterdir():
            (devices / existing.name).symlink_to(os.readlink(existing))
        for gpu in self.gpus:
            folder = devices / gpu.address
            for name in (gpu.card, gpu.render) if self.loaded else ():
                (folder / "drm" / name).mkdir(parents=True)
            folder.mkdir(exist_ok=True)
            for name, value in (
                ("vendor", "0x10de"),
                ("device", "0x20b0"),
                ("class", "0x030200"),
                ("numa_node", gpu.index // 4),
            ):
                (folder / name).write_text(f"{value}\n")

    def make_sockets(self, run):
        if not self.loaded:
            return
        for daemon in ["nvidia-persistenced"] + [extra for extra in self.extras if extra == "fabricmanager"]:
            folder = run / ("nvidia-fabricmanager" if daemon == "fabricmanager" else daemon)
            folder.mkdir(parents=True)
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(folder / "socket"))

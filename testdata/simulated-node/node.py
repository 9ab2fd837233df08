# SPDX-License-Identifier: Apache-2.0
"""A simulated node: the root folder that a command sees."""

import json
import os
import shutil
from pathlib import Path

import building
import cgroups
import driver
import kernel
import layout
import platforms
from namespaces import (
    CLONE_NEWNS,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    bind,
    mount,
    switch_root,
    unmount,
    unshare,
)

REPOSITORY = Path(__file__).resolve().parents[2]
DESCRIPTION = Path("/run/simulated-node.json")


class Node:
    """The options, turned into a kernel, a tree of driver files and a root folder."""

    def __init__(self, options):
        self.options = options
        self.build = Path(options.build_dir).resolve()
        self.cwd = Path.cwd()
        self.platform = platforms.PLATFORMS[options.platform](options)
        self.driver, self.tree = None, self._driver_tree()
        self.driver_root = layout.ROOTS.get(options.layout, "/")
        gpus = self.platform.gpus()
        if gpus is None:
            gpus = [
                kernel.GPU(
                    index,
                    index if options.minor_order == "pci" else options.gpus - 1 - index,
                    options.mig.get(index, []),
                    lost=index in options.lost,
                )
                for index in range(options.gpus)
            ]
        self.kernel = self.platform.kernel(
            self.version,
            options.model,
            gpus,
            loaded=not options.no_driver,
            open_module=options.open_module,
            majors={"nvidia-uvm": options.uvm_major} if options.uvm_major else None,
            mode=options.mode,
            group=options.group,
            missing=options.missing,
            extras=options.extras,
            parameters=options.parameter,
        )
        self.cgroups = cgroups.Cgroups()
        self.root = self.build / "root"  # only a mount point
        self.root.mkdir(parents=True, exist_ok=True)

    def _driver_tree(self):
        options = self.options
        self.version = options.driver_version
        if options.real_driver_files is None:
            self.driver = driver.Driver(options.library_version or self.version, self.build)
            return self.platform.tree(self.driver)
        names = {
            "debian-multiarch": "driver-root-flat",
            "debian-alternatives": "driver-root",
            "rhel": "driver-root-rhel",
            "driver-container": "driver-root-flat",
        }
        if options.layout not in names:
            raise SystemExit(f"simulate-node: --real-driver-files has no {options.layout} layout")
        tree = options.real_driver_files.resolve() / names[options.layout]
        libraries = sorted(tree.glob("usr/lib*/**/libcuda.so.*.*"))
        if not libraries:
            raise SystemExit(f"simulate-node: no libcuda below {tree}: run fetch-driver-files first")
        self.version = libraries[0].name.removeprefix("libcuda.so.")
        return tree

    def in_container(self):
        return self.options.layout == "driver-container"

    def enter(self):
        """Makes the node's root folder and moves into it. Runs as process 1 of the new PID namespace."""
        umask = os.umask(0o022)
        self.cgroups.enter()
        unshare(CLONE_NEWNS)
        mount("none", "/", flags=MS_PRIVATE | MS_REC)
        mount("tmpfs", self.root, "tmpfs", options="mode=755")
        private = {"usr", "etc", "var", "dev", "proc", "run", "sys"}
        if self.driver_root.startswith("/home/"):
            private.add("home")
        for entry in os.scandir("/"):
            self._take_over(entry, private)
        self.state = self.root / ".state"  # upper and work folders; out of sight after pivot_root
        self.state.mkdir()
        mount("tmpfs", self.state, "tmpfs", options="mode=755")
        self._overlays()
        self._devices()
        self._proc()
        self._sys()
        self._run()
        self._driver_root()
        if "gds" in self.options.extras:
            self._storage_files()
        switch_root(self.root)
        unmount("/.state")  # the overlays keep their layers
        os.rmdir("/.state")
        mount("none", "/", flags=MS_SHARED | MS_REC)  # as systemd leaves it, for engines that look
        os.chdir(self.cwd)
        self._write_cache()
        DESCRIPTION.write_text(json.dumps(self.description(), indent=1) + "\n")
        os.umask(umask)

    def _take_over(self, entry, private):
        to = self.root / entry.name
        if entry.is_symlink():
            to.symlink_to(os.readlink(entry.path))
        elif entry.is_dir():
            to.mkdir()
            if entry.name not in private:
                bind(entry.path, to)
        elif entry.is_file():
            to.touch()
            bind(entry.path, to)

    def _overlays(self):
        """/usr, /etc and /var: the driver's files over the machine's, writable, with the work in progress kept real."""
        over = None if self.in_container() else self.tree
        for name in ("usr", "etc", "var"):
            layers = [f"/{name}"]
            if over and (over / name).is_dir():
                # NVIDIA's real files come with a C library, which must not replace the machine's.
                layers.insert(0 if self.driver else 1, str(over / name))
            self._overlay(layers, self.root / name, name)
        for kept in {REPOSITORY, self.build, self.cwd, Path("/var/tmp")}:
            if kept.parts[1:2] and kept.parts[1] in ("usr", "etc", "var") and kept.is_dir() and len(kept.parts) > 2:
                bind(kept, self.root / kept.relative_to("/"))
        for stale in ("cdi", "nvidia-container-runtime"):
            shutil.rmtree(self.root / "etc" / stale, ignore_errors=True)
        (self.root / "etc/nvidia-container-runtime").mkdir(parents=True)
        self.platform.prepare_root(self.root)
        if self.options.layout == "nixos":
            (self.root / "nix").mkdir()
            bind(self.tree / "nix", self.root / "nix")
        if self.driver_root.startswith("/home/"):
            for home in os.scandir("/home"):
                if home.is_dir(follow_symlinks=False):
                    (self.root / "home" / home.name).mkdir()
                    bind(home.path, self.root / "home" / home.name)
            shutil.copytree(self.tree / "home", self.root / "home", symlinks=True, dirs_exist_ok=True)

    def _overlay(self, layers, target, name):
        for folder in ("upper", "work"):
            (self.state / f"{name}-{folder}").mkdir()
        options = f"lowerdir={':'.join(layers)},upperdir={self.state}/{name}-upper,workdir={self.state}/{name}-work"
        mount("overlay", target, "overlay", options=options)

    def _devices(self):
        """/dev with copies of the machine's nodes (without its GPUs), so that making and removing nodes stays here."""
        dev = self.root / "dev"
        mount("tmpfs", dev, "tmpfs", MS_NOSUID, "mode=755")
        mounts = ("pts", "mqueue", "hugepages")

        def copy(source, target):
            for entry in os.scandir(source):
                status, to = entry.stat(follow_symlinks=False), target / entry.name
                if entry.name.startswith("nvidia") or entry.name == "dri":
                    continue
                if entry.is_symlink():
                    to.symlink_to(os.readlink(entry.path))
                elif entry.is_dir():
                    to.mkdir()
                    if not os.path.ismount(entry.path):
                        copy(entry.path, to)
                elif not entry.is_file():  # sockets and pipes keep their kind, but nobody listens
                    os.mknod(to, status.st_mode, status.st_rdev)
                    os.chown(to, status.st_uid, status.st_gid)
                    os.chmod(to, status.st_mode & 0o7777)

        copy("/dev", dev)
        (dev / "shm").mkdir(exist_ok=True)
        mount("tmpfs", dev / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
        for name in mounts:
            if os.path.ismount(f"/dev/{name}"):
                bind(f"/dev/{name}", dev / name)
        if not self.in_container():
            self.kernel.make_nodes(dev)

    def _proc(self):
        proc = self.root / "proc"
        mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
        mount("tmpfs", proc / "driver", "tmpfs", options="mode=555")
        self.kernel.make_proc_driver(proc / "driver")
        devices = self.state / "devices"
        devices.write_text(self.kernel.proc_devices())
        bind(devices, proc / "devices")
        files = {"misc": self.kernel.proc_misc()} | self.platform.proc_files()
        for path, text in files.items():
            file = self.state / Path(path).name
            file.write_text(text)
            bind(file, proc / path)

    def _sys(self):
        sys_folder = self.root / "sys"
        bind("/sys", sys_folder)
        self.cgroups.remount(self.root)
        devices = sys_folder / "bus/pci/devices"
        if not devices.is_dir():
            raise SystemExit("simulate-node: this kernel has no PCI bus in /sys")
        contents = self.state / "pci"
        contents.mkdir()
        self.kernel.make_pci_devices(contents)
        bind(contents, devices)
        firmware = sys_folder / "module/firmware_class/parameters/path"
        if self.options.layout == "nixos" and firmware.exists():
            path = self.state / "firmware-path"
            path.write_text("/run/current-system/firmware\n")
            bind(path, firmware)

    def _run(self):
        run = self.root / "run"
        mount("tmpfs", run, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        (run / "lock").mkdir()
        (run / "lock").chmod(0o1777)
        # The kernel lets a user namespace mount a procfs or sysfs of its own only where it sees one with nothing over
        # it.
        for kind in ("proc", "sysfs"):
            bare = run / f"simulated-node-{kind}"
            bare.mkdir()
            mount(kind, bare, kind, MS_NOSUID | MS_NODEV | MS_NOEXEC)
        if not self.in_container():
            self.kernel.make_sockets(run)
            if (self.tree / "run").is_dir():
                shutil.copytree(self.tree / "run", run, symlinks=True, dirs_exist_ok=True)

    def _driver_root(self):
        """The driver container's root, with the device nodes in it and none on the host."""
        if not self.in_container():
            return
        root = self.root / self.driver_root.lstrip("/")
        root.mkdir(parents=True)
        self._overlay([str(self.tree)], root, "driver")
        mount("tmpfs", root / "dev", "tmpfs", MS_NOSUID, "mode=755")
        for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
            os.mknod(root / "dev" / name, 0o20666, os.makedev(1, minor))
        self.kernel.make_nodes(root / "dev")
        self.kernel.make_sockets(root / "run")
        bind(self.root / "proc", root / "proc")
        bind(self.root / "sys", root / "sys")

    def _storage_files(self):
        """What libcufile reads besides its nodes."""
        root = self.root / (self.driver_root.lstrip("/") if self.in_container() else "")
        (root / "run/udev/data").mkdir(parents=True)
        (root / "etc/cufile.json").write_text('{"logging": {"level": "ERROR"}}\n')

    def _write_cache(self):
        """ld.so.cache as ldconfig writes it, in the driver root. NixOS has none; GKE's is without the driver."""
        kind, root = self.options.layout, Path(self.driver_root)
        if kind == "nixos":
            Path("/etc/ld.so.cache").unlink(missing_ok=True)
        if kind in ("nixos", "gke"):
            return
        conf = root / "etc/ld.so.conf.d"
        conf.mkdir(parents=True, exist_ok=True)
        # Debian's ldconfig knows neither folder by itself; RHEL's has /usr/lib64 built in.
        (conf / "simulated-node.conf").write_text(
            "/usr/lib64\n" if kind == "rhel" else f"/usr/lib/{building.TRIPLET32}\n"
        )
        entries = self._ldconfig(root)
        if self.options.cache_entries is None:
            return
        lacking = self.options.cache_entries - entries
        if lacking <= 0:
            return
        builder = self.driver or driver.Driver(self.version, self.build)
        padding = root / "usr/lib/padding"
        padding.mkdir()
        bind(builder.padding(lacking), padding)
        (conf / "padding.conf").write_text("/usr/lib/padding\n")
        self._ldconfig(root)

    @staticmethod
    def _ldconfig(root):
        building.run("/sbin/ldconfig", "-X", "-r", root)
        text = building.run("/sbin/ldconfig", "-r", root, "-p")
        return int(text.split(None, 1)[0])

    def description(self):
        kernel = self.kernel
        return {
            "gpus": [vars(gpu) for gpu in kernel.gpus],
            "mig_devices": kernel.mig_devices(),
            "nodes": {f"/dev/{name}": [major, minor, mode] for name, major, minor, mode in kernel.nodes()},
            "driver_version": self.version,
            "library_version": self.driver.version if self.driver else self.version,
            "platform": self.options.platform,
            "layout": self.options.layout,
            "driver_root": self.driver_root,
        } | self.platform.description()

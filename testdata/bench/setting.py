# SPDX-License-Identifier: Apache-2.0
"""What the bench measures on: driver roots, bundles, container roots and the compiled rivals, all below one folder on a disk.

The simulated node gives the kernel's side. Its own driver lies on an overlay, whose every look-up costs more than that of a
real host's file system, so the driver roots here are plain copies, named in config.toml."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

SOURCES = Path(__file__).resolve().parent
sys.path[:0] = [str(SOURCES.parent / "simulated-node"), str(SOURCES.parent / "images")]
import building  # noqa: E402
import driver as drivers  # noqa: E402
import images  # noqa: E402

NODE = Path("/run/simulated-node.json")


def run(*command, **options):
    subprocess.run([str(word) for word in command], check=True, **options)


class Setting:
    def __init__(self, work, installed, programs):
        self.work = work
        self.programs = installed
        for name in ("nvidia-runtime", "nvidia-runtime-hook"):
            shutil.copy2(programs / name, self.programs / name)
        self.shim, self.hook = self.programs / "nvidia-runtime", self.programs / "nvidia-runtime-hook"
        self.driver = drivers.Driver(json.loads(NODE.read_text())["driver_version"], drivers_build())
        self.meas = self.compile("meas")
        self.exec_only = self.compile("exec-only")

    def compile(self, name, *flags):
        run("cc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-static", "-I", self.work, "-o", self.programs / name,
            SOURCES / f"{name}.c", *flags)
        return self.programs / name

    def rewriter(self, name, additions):
        """The C program `name` that makes the edit `additions` to a config.json (see Bundle.additions)."""
        (self.work / "additions.h").write_text(as_c(additions))
        return self.compile("json-rewriter", "-ljson-c").rename(self.programs / name)

    def driver_root(self, entries):
        """A driver root whose ld.so.cache has `entries` entries."""
        root = self.work / f"driver-root-{entries}"
        if root.exists():
            return root
        shutil.copytree(self.driver.tree("debian-multiarch", True), root, symlinks=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")
        (root / "etc/ld.so.conf.d").mkdir(parents=True, exist_ok=True)
        folders = f"/usr/lib/{building.TRIPLET}\n/usr/lib/{building.TRIPLET32}\n/usr/lib/padding\n"
        (root / "etc/ld.so.conf").write_text(folders)
        self.pad(root, 0)
        lacking = entries - self.cache_entries(root)
        if lacking < 0:
            raise SystemExit(f"bench: the driver alone has more than {entries} entries in ld.so.cache")
        self.pad(root, lacking)
        if self.cache_entries(root) != entries:
            raise SystemExit(f"bench: {root}: ld.so.cache has not {entries} entries")
        return root

    def pad(self, root, count):
        folder = root / "usr/lib/padding"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.driver.padding(count), folder)
        run("/sbin/ldconfig", "-X", "-r", root)

    @staticmethod
    def cache_entries(root):
        text = subprocess.run(["/sbin/ldconfig", "-r", root, "-p"], check=True, capture_output=True, text=True).stdout
        return int(text.split(None, 1)[0])

    def settings(self, name, runtime, root="/", specifications=None, mode=None):
        """An environment that makes nvidia-runtime read a config.toml with these settings; in mode cdi where there is a
        folder of CDI specifications."""
        text = f'[nvidia-container-cli]\nroot = "{root}"\n[nvidia-container-runtime]\nruntimes = ["{runtime}"]\n'
        if mode:
            text += f'mode = "{mode}"\n'
        if specifications:
            text += f'mode = "cdi"\n[nvidia-container-runtime.modes.cdi]\nspec-dirs = ["{specifications}"]\n'
        file = self.work / f"{name}.toml"
        file.write_text(text)
        return {"NVIDIA_CTK_CONFIG_FILE_PATH": str(file), "PATH": os.environ["PATH"]}

    def cdi_specification(self, form):
        """A folder with what nvidia-ctk wrote for eight A100, one of them partitioned (46 KB in YAML), as `yaml` or `json`.
        What it names on the host is made in a tree of its own, which this node's driver of another version lacks."""
        text = (SOURCES.parent / "cdi/specs/a100-mig.yaml").read_text()
        files, hook = self.work / "cdi-files", self.programs / "nvidia-cdi-hook"
        for path in re.findall(r"hostPath: (\S+)", text):
            file = files / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
        if not hook.exists():
            hook.hardlink_to(self.hook)
        uvm = os.major(os.stat("/dev/nvidia-uvm").st_rdev)
        text = re.sub(r"(/dev/nvidia-uvm\S*\n\s+major:) \d+", rf"\1 {uvm}", text)
        text = text.replace("hostPath: ", f"hostPath: {files}").replace("path: /usr/bin/nvidia-cdi-hook", f"path: {hook}")
        folder = self.work / f"cdi-{form}"
        folder.mkdir()
        if form == "json":
            text = json.dumps(yaml.safe_load(text), separators=(",", ":"))
        (folder / f"nvidia.{form}").write_text(text)
        return folder

    def bundle(self, name, environment, arguments=("/bin/true",), root=None):
        """A bundle without a root, or with that one."""
        folder = self.work / name
        if root is None:
            folder.mkdir()
            document = images.configuration(arguments, environment)
            (folder / "config.json").write_text(json.dumps(document, indent=1) + "\n")
        else:
            images.bundle(root, folder, arguments, environment)
        return Bundle(folder)


class Bundle:
    def __init__(self, folder):
        self.folder, self.file = folder, folder / "config.json"
        self.original = self.file.read_bytes()

    def restore(self):
        """As an engine leaves it: a new file."""
        self.file.unlink()
        self.file.write_bytes(self.original)

    @property
    def document(self):
        return json.loads(self.file.read_text())

    def additions(self):
        """What the edited config.json has that the original has not."""
        before, after = json.loads(self.original), self.document

        def added(*path):
            old, new = before, after
            for name in path:
                old, new = old.get(name, {}), new.get(name, {})
            return [item for item in new or [] if item not in (old or [])]

        return {"devices": added("linux", "devices"), "mounts": added("mounts"), "environment": added("process", "env"),
                "hooks": [{"stage": stage, **hook} for stage in after["hooks"] for hook in added("hooks", stage)],
                "rules": added("linux", "resources", "devices")}


class Tree:
    """A container root whose changes can be undone: what is new is removed and what was replaced is put back."""

    def __init__(self, root, scratch):
        self.root, self.copy = root, scratch
        run("cp", "-a", root, scratch)

    def _entries(self, root):
        return {path.relative_to(root): path.lstat() for path in root.rglob("*")}

    def learn(self):
        """Call after one run: finds out what a run changes."""
        old, new = self._entries(self.copy), self._entries(self.root)
        self.made = sorted(path for path in new if path not in old)
        self.changed = [path for path in old if not (self.root / path).is_dir() and self._text(path, self.copy)
                        != self._text(path, self.root)]

    @staticmethod
    def _text(path, root):
        path = root / path
        return os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None

    def restore(self):
        for path in reversed(self.made):
            path = self.root / path
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
        for path in self.changed:
            (self.root / path).unlink(missing_ok=True)
            shutil.copy2(self.copy / path, self.root / path, follow_symlinks=False)


def drivers_build():
    return Path(os.environ.get("SIMULATED_NODE_BUILD", SOURCES.parents[1] / "build/simulated-node")).resolve()


def as_c(additions):
    """The edit as C initialisers for json-rewriter.c."""
    def text(word):
        return json.dumps(word)  # the words are ASCII without control characters

    def array(words):
        return "(const char *const[]){" + ", ".join([*map(text, words), "NULL"]) + "}"

    devices = [f"    {{{text(d['path'])}, {d['major']}, {d['minor']}, {d['fileMode']}}},\n" for d in additions["devices"]]
    mounts = [f"    {{{text(m['destination'])}, {text(m['source'])}, {array(m['options'])}}},\n" for m in additions["mounts"]]
    hooks = [f"    {{{text(h['stage'])}, {text(h['path'])}, {array(h['args'])}, {array(h['env'])}, {h['timeout']}}},\n"
             for h in additions["hooks"]]
    return (f"static const struct device devices[] = {{\n{''.join(devices)}}};\n"
            f"static const struct mount mounts[] = {{\n{''.join(mounts)}}};\n"
            f"static const struct hook hooks[] = {{\n{''.join(hooks)}}};\n"
            f"static const char *const *const environment = {array(additions['environment'])};\n")

# SPDX-License-Identifier: Apache-2.0
"""The built shim on a simulated node, in front of a low-level runtime that only records what it was started with.

A `Node` is a machine with our programs installed; `Node.create` runs the shim there on a bundle and gives an `Outcome`,
for which the promises that hold for every start have been checked already."""

import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "testdata/images"))
import images  # noqa: E402

SIMULATE_NODE = REPOSITORY / "testdata/simulated-node/simulate-node"
PROGRAMS = {
    "nvidia-runtime": "NVIDIA_RUNTIME", "nvidia-runtime-hook": "NVIDIA_RUNTIME_HOOK", "nvidia-ctk": "NVIDIA_CTK",
}
# The recorder is what `runc` in PATH leads to, so that it is found without a config.toml too. The real one is there
# still.
RECORDER, RUNC = "/usr/local/sbin/runc", "/usr/sbin/runc"
CONFIG = "/etc/nvidia-container-runtime/config.toml"
PATH_VARIABLE = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
SECRET = "hunter2-must-not-be-logged"
HOOK_ENVIRONMENT = ["SWIFT_BACKTRACE=enable=no"]
FILE_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
STARTS = itertools.count()  # each start has a log of its own
SOCKET_OPTIONS = ["nosuid", "nodev", "rbind", "rprivate", "noexec"]


@cache
def recorder():
    """The recorder, built."""
    to = images.BUILD / "recorder"
    to.parent.mkdir(parents=True, exist_ok=True)
    images.run("gcc", "-O2", "-static", "-o", to, REPOSITORY / "testdata/recorder/recorder.c")
    return to


class Record:
    """What the low-level runtime was started with."""

    def __init__(self, text):
        lines = [line.partition(" ")[::2] for line in text.splitlines()]
        self.arguments = [bytes.fromhex(value) for name, value in lines if name == "argument"]
        self.environment = [bytes.fromhex(value) for name, value in lines if name == "environment"]
        self.descriptors = {int(value.split(" ")[0]) for name, value in lines if name == "fd"}


def snapshot(path):
    """What must not change of a file that is to be left alone."""
    status = os.lstat(path)
    content = Path(path).read_bytes() if stat.S_ISREG(status.st_mode) else None
    return content, status.st_ino, status.st_mtime_ns, status.st_mode, status.st_uid, status.st_gid


def request(devices=None, capabilities=None):
    """The environment variables of a request; those that are None are not set."""
    values = {"NVIDIA_VISIBLE_DEVICES": devices, "NVIDIA_DRIVER_CAPABILITIES": capabilities}
    return {name: value for name, value in values.items() if value is not None}


def read_only(folder):
    """What to put before a command so that `folder` is read-only for it."""
    mount = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 9'
    return "sh", "-c", mount + '; "$@"; status=$?; umount "$0"; exit $status', folder


class Bundle:
    """A bundle in a folder of its own. Its config.json is `text`, or as an engine writes it for these values of
    NVIDIA_VISIBLE_DEVICES and NVIDIA_DRIVER_CAPABILITIES, and then changed by `change`."""

    def __init__(self, folder, devices=None, capabilities=None, *, text=None, change=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rootfs").mkdir(exist_ok=True)
        self.config = self.folder / "config.json"
        if text is None:
            document = images.configuration(["true"], {"AWS_SECRET": SECRET} | request(devices, capabilities))
            if change:
                change(document)
            text = json.dumps(document, indent=1)
        self.config.write_bytes(text if isinstance(text, bytes) else text.encode())

    @property
    def spec(self):
        return json.loads(self.config.read_bytes())

    @property
    def create(self):
        """A command that creates the container."""
        return "nvidia-runtime", "create", "--bundle", self.folder, "id"

    def leftovers(self):
        return [name for name in os.listdir(self.folder) if name.startswith(".config.json")]


@dataclass
class Outcome:
    """One run of the shim."""

    status: int
    stderr: str
    log: list  # the lines of --log, decoded
    record: Record | None
    before: bytes
    after: bytes
    is_untouched: bool

    @property
    def old(self):
        return json.loads(self.before)

    @property
    def spec(self):
        return json.loads(self.after)

    def passed(self):
        """The low-level runtime ran. Gives itself, for chaining."""
        assert (self.status, self.stderr) == (0, "") and self.record, self
        return self

    def untouched(self):
        """The low-level runtime ran, and nothing else happened at all."""
        self.passed()
        assert self.is_untouched
        assert self.log == []
        return self

    def denied(self, *words):
        """It was refused, in the way in which everything is refused; `words` are in the message."""
        assert self.status == 1, self
        assert self.record is None, "the low-level runtime was started"
        assert self.is_untouched, "config.json was touched"
        line = self.stderr
        assert line.endswith("\n") and line.count("\n") == 1, line
        assert line.startswith("nvidia-runtime: "), line
        assert all(0x20 <= ord(character) < 0x7F for character in line[:-1]), line
        errors = [entry["msg"] for entry in self.log if entry["level"] == "error"]
        assert errors == [line[:-1]]
        for word in words:
            assert word in line, line
        return self

    # What was added

    def added(self, *path):
        """What the list at `path` has more than before, behind what it had."""
        old, new = self.old, self.spec
        for name in path:
            old, new = (old or {}).get(name), (new or {}).get(name)
        old, new = old or [], new or []
        assert new[:len(old)] == old
        return new[len(old):]

    def devices(self):
        """The paths and numbers of the devices added, each of which must be allowed, and nothing else."""
        devices = self.added("linux", "devices")
        rules = self.added("linux", "resources", "devices")
        assert rules == [
            {"allow": True, "type": "c", "major": device["major"], "minor": device["minor"], "access": "rwm"}
            for device in devices]
        assert all(device["type"] == "c" for device in devices)
        found = {device["path"]: (device["major"], device["minor"]) for device in devices}
        assert len(found) == len(devices), "a device is there twice"
        return found

    def mounts(self):
        """Source by destination of the mounts added, whose options must be the right ones."""
        mounts = self.added("mounts")
        for mount in mounts:
            options = SOCKET_OPTIONS if mount["source"].endswith("/socket") else FILE_OPTIONS
            assert (mount["type"], mount["options"]) == ("bind", options), mount
        found = {mount["destination"]: mount["source"] for mount in mounts}
        assert len(found) == len(mounts), "a destination is there twice"
        return found

    def hook(self):
        """The arguments of the one hook added."""
        assert self.spec["hooks"].keys() - (self.old.get("hooks") or {}).keys() <= {"createContainer"}
        hook, = self.added("hooks", "createContainer")
        assert hook.keys() == {"path", "args", "env", "timeout"}
        assert hook["path"] == "/usr/bin/nvidia-runtime-hook"
        assert hook["args"][:2] == ["nvidia-runtime-hook", "create-container"]
        assert hook["env"] == HOOK_ENVIRONMENT
        assert hook["timeout"] == 30
        return hook["args"][2:]


class Node:
    """A simulated node, made with options of simulate-node. It lives until `close`."""

    def __init__(self, *options):
        self.options = options
        self.process = subprocess.Popen(
            [SIMULATE_NODE, *map(str, options), "--", "/bin/sh", "-c", "echo ready; exec sleep infinity"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError(f"no simulated node: {self.process.stderr.read()}")
        parent = self.process.pid
        self.pid = int(Path(f"/proc/{parent}/task/{parent}/children").read_text())
        self.root = Path(f"/proc/{self.pid}/root")
        self.__dict__.update(json.loads(self.path("/run/simulated-node.json").read_text()))
        for name, variable in PROGRAMS.items():
            self._install(os.environ[variable], f"/usr/bin/{name}")
        self._install(recorder(), RECORDER)

    def _install(self, program, path):
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(program, self.path(path))
        self.path(path).chmod(0o755)

    def close(self):
        self.process.terminate()
        self.process.communicate()

    def path(self, path):
        """A path of the node, from outside. Absolute links on the way would lead out of it."""
        return self.root / path.lstrip("/")

    def configure(self, text):
        """Writes config.toml; None removes it."""
        self.path(CONFIG).unlink(missing_ok=True)
        if text is not None:
            self.path(CONFIG).write_text(text)

    def run(self, *command, env=None, cwd="/", timeout=30, **options):
        """Runs a command on the node."""
        enter = ("nsenter", "--target", str(self.pid), "--mount", "--pid", "--cgroup", f"--wdns={cwd}", "--")
        return subprocess.run(
            [*enter, *map(os.fspath, map(_word, command))], env={"PATH": PATH_VARIABLE} | (env or {}), timeout=timeout,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def create(self, bundle, *, prefix=(), options=(), command="create", id="id", env=None, program="nvidia-runtime"):
        """Runs `nvidia-runtime create` (behind the command `prefix`) on `bundle` and checks what always holds."""
        log = bundle.folder.parent / f"log-{next(STARTS)}"
        record = self.path(RECORDER).with_name("record")
        record.unlink(missing_ok=True)
        before, mounts = snapshot(bundle.config), self.mounts()
        words = ("--log", log, "--log-format", "json", *options, command, "--bundle", bundle.folder, id)
        result = self.run(*prefix, program, *words, env=env)
        after = snapshot(bundle.config)
        assert result.stdout == (b"recorder\n" if record.exists() else b""), result
        assert result.returncode in (0, 1), result
        assert self.mounts() == mounts, "a mount was left or taken"
        assert bundle.leftovers() == []
        text = log.read_bytes() if log.exists() else b""
        assert all(byte == 0x0A or 0x20 <= byte < 0x7F for byte in text), text
        outcome = Outcome(
            result.returncode, result.stderr.decode(), [json.loads(line) for line in text.splitlines()],
            Record(record.read_text()) if record.exists() else None, before[0], after[0], after == before)
        assert SECRET not in outcome.stderr + text.decode()
        if not outcome.is_untouched:
            assert after[3:] == before[3:], "mode, owner or group changed"
        return outcome

    def mounts(self):
        """All mounts in the node's mount namespace."""
        return Path(f"/proc/{self.pid}/mountinfo").read_text()

    def device(self, path):
        """The numbers of a node of the driver, by its path."""
        major, minor, _ = self.nodes[path]
        return major, minor

    def numbers(self, *paths):
        return {path: self.device(path) for path in paths}


def _word(word):
    return word if isinstance(word, (str, bytes, Path)) else str(word)

# SPDX-License-Identifier: Apache-2.0
"""The built shim on a simulated node, in front of a low-level runtime that only records what it was started with.

A `Node` is a machine with our programs installed; `Node.create` runs the shim there on a bundle and gives an `Outcome`,
for which the promises that hold for every start have been checked already."""

import itertools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "testdata/images"))
import driver_files  # noqa: E402
import explanation  # noqa: E402
import images  # noqa: E402

SIMULATE_NODE = REPOSITORY / "testdata/simulated-node/simulate-node"
PROGRAMS = {
    "nvidia-runtime": "NVIDIA_RUNTIME", "nvidia-runtime-hook": "NVIDIA_RUNTIME_HOOK",
    "nvidia-runtime-nvml": "NVIDIA_RUNTIME_NVML", "nvidia-ctk": "NVIDIA_CTK",
}
# The names that engines call the runtime by, and what NVIDIA's CDI specifications call the hook.
LINKS = {
    "nvidia-container-runtime": "nvidia-runtime", "nvidia-container-runtime.cdi": "nvidia-runtime",
    "nvidia-container-runtime.legacy": "nvidia-runtime", "nvidia-cdi-hook": "nvidia-runtime-hook",
    "nvidia-container-runtime-hook": "nvidia-runtime-hook", "nvidia-container-toolkit": "nvidia-runtime-hook",
}
# The recorder is what `runc` in PATH leads to, so that it is found without a config.toml too. The real one is there
# still.
LEGACY = "nvidia-container-runtime.legacy"
RECORDER, RUNC = "/usr/local/sbin/runc", "/usr/sbin/runc"
CONFIG = "/etc/nvidia-container-runtime/config.toml"
PATH_VARIABLE = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
SECRET = "hunter2-must-not-be-logged"
HOOK, HOOK_ENVIRONMENT = "/usr/bin/nvidia-runtime-hook", ["SWIFT_BACKTRACE=enable=no"]
NO_PROCESS = 0x7FFFFFFF  # a number that no process has
FILE_OPTIONS = ["ro", "nosuid", "nodev", "rbind", "rprivate"]
# In the order in which they count less, and where the simulated NVML is told to misbehave, counts its calls, and has
# its answers kept by us.
CDI_FOLDERS = ("/etc/cdi", "/run/cdi")
NVML_FILES = ("/run/simulated-nvml", "/run/simulated-nvml.calls", "/run/nvidia-runtime/nvml")
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


def environment(**variables):
    """A change of a config.json: these variables behind the others."""
    entries = [f"{name}={value}" for name, value in variables.items()]
    return lambda document: document["process"]["env"].extend(entries)


def privileged(document):
    """A change of a config.json: what the original calls privileged."""
    document["process"]["capabilities"]["bounding"].append("CAP_SYS_ADMIN")


def marker_mounts(*names, folder="/var/run/nvidia-container-devices", **other):
    """A change of a config.json: the mounts by which a device plugin says what it has allocated."""
    usual = {"type": "bind", "source": "/dev/null", "options": ["rbind", "rprivate"]}
    return lambda document: document["mounts"].extend(
        {"destination": f"{folder}/{name}"} | usual | other for name in names)


def annotated(**annotations):
    """A change of a config.json: annotations below cdi.k8s.io."""
    keys = {f"cdi.k8s.io/{name}": value for name, value in annotations.items()}
    return lambda document: document.update(annotations=document.get("annotations", {}) | keys)


def all_of(*changes):
    """These changes of a config.json, one after the other."""
    return lambda document: [change(document) for change in changes]


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

    node: "Node"
    bundle: Bundle
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

    def passed_over(self, *words):
        """The low-level runtime ran on the config.json as it was (the same file too), and one warning has `words`."""
        self.passed()
        assert self.is_untouched
        return self.warned(*words)

    def warned(self, *words):
        """One warning was logged, and it has `words`."""
        warning, = [entry["msg"] for entry in self.log if entry["level"] == "warning"]
        for word in words:
            assert word in warning, warning
        return self

    def not_warned(self):
        assert [entry for entry in self.log if entry["level"] == "warning"] == []
        return self

    def gave(self, node, gpus, capabilities=driver_files.DEFAULT, *, nodes=(), files=()):
        """Exactly this was given (I5, D-15): the GPUs with the indices `gpus` with all that the capabilities bring, the
        nodes and the files (by their paths in the container) besides, and one hook."""
        self.passed()
        check_content(node, self.devices(), self.mounts(), gpus, capabilities, nodes, files)
        self.hook()
        self.rest_is_as_it_was()
        return self

    def left_to_prestart(self, *options):
        """Only the prestart hook was added, with these options before its command, as in mode legacy. Gives what the
        hook makes of the bundle."""
        self.passed()
        words = ["nvidia-container-runtime-hook", *options, "prestart"]
        hook = {"path": HOOK, "args": words, "env": HOOK_ENVIRONMENT, "timeout": 30}
        document = self.old
        hooks = document.get("hooks") or {}
        document["hooks"] = hooks | {"prestart": [*hooks.get("prestart", []), hook]}
        assert self.spec == document
        return self.node.decide(self.bundle, hook)

    def gave_cdi(self, node, gpus):
        """Exactly what `cdi_specification` says of the GPUs with these indices was given."""
        self.passed()
        names = ("nvidiactl", "nvidia-uvm", *(f"nvidia{node.gpus[index]['minor']}" for index in gpus))
        assert self.devices() == node.numbers(*(f"/dev/{name}" for name in names))
        specification = cdi_specification(node)["containerEdits"]
        assert self.added("mounts") == [
            {"destination": mount["containerPath"], "source": mount["hostPath"], "options": mount["options"]}
            for mount in specification["mounts"]]
        hook, = specification["hooks"]
        assert self.spec["hooks"] == (self.old.get("hooks") or {}) | {"createContainer": [
            {"path": hook["path"], "args": hook["args"], "env": hook["env"], "timeout": 30}]}
        kept = [entry for entry in self.old["process"]["env"] if not entry.startswith("NVIDIA_VISIBLE_DEVICES=")]
        environment = self.spec["process"]["env"]
        assert [entry for entry in environment if entry in kept] == kept
        assert [entry for entry in environment if entry not in kept] == ["NVIDIA_VISIBLE_DEVICES=void"]
        self.rest_is_as_it_was("process")
        old, new = self.old["process"], self.spec["process"]
        assert {**old, "env": None} == {**new, "env": None}
        return self

    def rest_is_as_it_was(self, *members):
        """Only the lists of devices, rules, mounts and hooks have changed, and the `members` of the document."""
        def rest(document):
            for name in ("mounts", "hooks", *members):
                document.pop(name, None)
            linux = document.get("linux", {})
            linux.pop("devices", None)
            linux.get("resources", {}).pop("devices", None)
            return document

        assert rest(self.spec) == rest(self.old)

    def denied(self, id, *words):
        """It was refused, in the way in which everything is refused, with the error NVR`id`; `words` are in the
        message."""
        assert self.status == 1, self
        assert self.record is None, "the low-level runtime was started"
        assert self.is_untouched, "config.json was touched"
        line = self.stderr
        assert line.endswith("\n") and line.count("\n") == 1, line
        cause = re.match(r"nvidia-runtime: NVR(\d{4}): ([^;]+)", line)
        assert cause and cause[1] == str(id) and len(cause[2]) <= 200, line
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
            is_socket = mount["source"].endswith(("/socket", "/nvidia-mps"))
            options = SOCKET_OPTIONS if is_socket else FILE_OPTIONS
            assert (mount["type"], mount["options"]) == ("bind", options), mount
        found = {mount["destination"]: mount["source"] for mount in mounts}
        assert len(found) == len(mounts), "a destination is there twice"
        return found

    def hook(self, stage="createContainer"):
        """The arguments of the one hook added."""
        assert self.spec["hooks"].keys() - (self.old.get("hooks") or {}).keys() <= {stage}
        hook, = self.added("hooks", stage)
        assert hook.keys() == {"path", "args", "env", "timeout"}
        assert hook["path"] == HOOK
        assert hook["args"][:2] == ["nvidia-runtime-hook", "create-container"]
        assert hook["env"] == HOOK_ENVIRONMENT
        assert hook["timeout"] == 30
        return hook["args"][2:]


def check_content(node, devices, mounts, gpus, capabilities, nodes=(), files=()):
    """These devices (numbers by path) and mounts (destinations) are exactly what `Outcome.gave` describes."""
    wanted = driver_files.devices(node, capabilities, [node.gpus[index] for index in gpus])
    assert devices == node.numbers(*wanted, *nodes)
    assert set(files) <= set(mounts)
    sockets = ["persistenced"] + [name for name in ("fabricmanager",) if name in node.options]
    kinds = driver_files.kinds(path for path in mounts if path not in files)
    assert kinds == driver_files.expected(capabilities, sockets)


@dataclass
class Decision:
    """What the prestart hook makes of a bundle: it was run with `-debug` for a process that does not exist."""

    status: int
    warnings: list
    plan: dict | None  # what it was about to give, as explanation.plan has it
    error: str | None

    def gave(self, node, gpus, capabilities=driver_files.DEFAULT, *, nodes=(), files=()):
        """As `Outcome.gave`; then it found no container to give it to."""
        assert self.plan and re.match(f"NVR1811: open /proc/{NO_PROCESS}: ", self.error), self
        check_content(node, self.plan["devices"], self.plan["mounts"], gpus, capabilities, nodes, files)
        return self

    def not_warned(self):
        assert self.warnings == []
        return self

    def denied(self, id, *words):
        """It failed with the error NVR`id`, which is one line with `words`."""
        assert self.status == 1 and re.match(f"NVR{id}: ", self.error), self
        assert all(word in self.error for word in words), self.error
        return self

    def passed_over(self, *words):
        """It did nothing, and one warning has `words`."""
        assert (self.status, self.error, self.plan) == (0, None, None), self
        warning, = self.warnings
        assert all(word in warning for word in words), warning
        return self


def cdi_specification(node, kind="nvidia.com/gpu", *, environment=True):
    """A CDI specification of the node's GPUs, as `nvidia-ctk cdi generate` makes it but for its length."""
    def device_node(path):
        major, minor = node.device(path)
        return {"path": path, "major": major, "minor": minor, "fileMode": 0o666, "permissions": "rwm"}

    gpus = [[device_node(f"/dev/nvidia{gpu['minor']}")] for gpu in node.gpus]
    named = [(gpu[key], nodes) for key in ("index", "uuid") for gpu, nodes in zip(node.gpus, gpus)]
    common = {
        "deviceNodes": [device_node(path) for path in ("/dev/nvidiactl", "/dev/nvidia-uvm")],
        "mounts": [{"hostPath": path, "containerPath": path, "options": ["ro", "nosuid", "nodev", "rbind", "rprivate"]}
                   for path in (f"/usr/lib/x86_64-linux-gnu/libcuda.so.{node.driver_version}", "/usr/bin/nvidia-smi")],
        "hooks": [{"hookName": "createContainer", "path": "/usr/bin/nvidia-cdi-hook",
                   "args": ["nvidia-cdi-hook", "update-ldcache", "--folder", "/usr/lib/x86_64-linux-gnu"],
                   "env": ["NVIDIA_CTK_DEBUG=false"]}],
    }
    if environment:
        common["env"] = ["NVIDIA_VISIBLE_DEVICES=void"]
    return {
        "cdiVersion": "0.5.0", "kind": kind, "containerEdits": common,
        "devices": [{"name": str(name), "containerEdits": {"deviceNodes": nodes}}
                    for name, nodes in [*named, ("all", sum(gpus, []))]],
    }


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
        for name, target in LINKS.items():
            self.path(f"/usr/bin/{name}").unlink(missing_ok=True)
            self.path(f"/usr/bin/{name}").symlink_to(target)

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

    def reset(self):
        """Takes away what tests leave: settings, CDI specifications, and how the simulated NVML is to behave."""
        self.configure("")
        for folder in CDI_FOLDERS:
            shutil.rmtree(self.path(folder), ignore_errors=True)
        for path in NVML_FILES:
            self.path(path).unlink(missing_ok=True)

    def write_cdi(self, specification, name="nvidia.json", folder=CDI_FOLDERS[0]):
        """Writes a CDI specification: a text, or a document that becomes JSON."""
        self.path(folder).mkdir(parents=True, exist_ok=True)
        text = specification if isinstance(specification, str) else json.dumps(specification)
        path = self.path(folder) / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def count_nvml_calls(self):
        """Has the simulated NVML count how often it is started from now on, for `nvml_calls`."""
        self.path(NVML_FILES[1]).write_text("")

    @property
    def nvml_calls(self):
        return len(self.path(NVML_FILES[1]).read_text().splitlines())

    def configure(self, text):
        """Writes config.toml; None removes it."""
        self.path(CONFIG).unlink(missing_ok=True)
        if text is not None:
            self.path(CONFIG).write_text(text)

    def run(self, *command, env=None, cwd="/", timeout=30, input=None, **options):
        """Runs a command on the node."""
        options |= {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        enter = ("nsenter", "--target", str(self.pid), "--mount", "--pid", "--cgroup", f"--wdns={cwd}", "--")
        return subprocess.run(
            [*enter, *map(os.fspath, map(_word, command))], env={"PATH": PATH_VARIABLE} | (env or {}), timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def state(self, bundle, **members):
        """The state of a container, as a low-level runtime writes it to a hook."""
        state = {
            "ociVersion": "1.0.2", "id": "id", "status": "created", "pid": NO_PROCESS, "bundle": str(bundle.folder)}
        return json.dumps(state | members).encode()

    def decide(self, bundle, hook):
        """What `hook`, the prestart hook of a config.json, would give to the container of `bundle`."""
        environment = dict(entry.split("=", 1) for entry in hook["env"])
        words = (hook["path"], "-debug", *hook["args"][1:])
        result = self.run(*words, env=environment, input=self.state(bundle))
        assert result.stdout == b"" and SECRET.encode() not in result.stderr, result
        name = "nvidia-runtime-hook: "
        lines = {kind: [] for kind in ("debug", "warning", "error")}
        for line in result.stderr.decode().splitlines():
            assert line.startswith(name) and all(0x20 <= ord(character) < 0x7F for character in line), line
            kind, separator, text = line.removeprefix(name).partition(": ")
            kind, text = (kind, text) if kind in ("debug", "warning") else ("error", kind + separator + text)
            lines[kind].append(text)
        assert len(lines["error"]) == (result.returncode != 0), result
        plan = explanation.plan(lines["debug"]) if lines["debug"] else None
        return Decision(result.returncode, lines["warning"], plan, *(lines["error"] or [None]))

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
            self, bundle, result.returncode, result.stderr.decode(), [json.loads(line) for line in text.splitlines()],
            Record(record.read_text()) if record.exists() else None, before[0], after[0], after == before)
        assert SECRET not in outcome.stderr + text.decode()
        if not outcome.is_untouched:
            assert after[3:] == before[3:], "mode, owner or group changed"
        return outcome

    def create_twice(self, bundle, **settings):
        """`create`, and once more on the same bundle, as of a `docker restart`: which must change nothing (J-20)."""
        first = self.create(bundle, **settings).passed()
        second = self.create(bundle, **settings).passed()
        assert second.is_untouched and second.before == first.after
        return first

    def mounts(self):
        """All mounts in the node's mount namespace."""
        return Path(f"/proc/{self.pid}/mountinfo").read_text()

    def device(self, path):
        """The numbers of a node of the driver, by its path."""
        major, minor, _ = self.nodes[path]
        return major, minor

    def numbers(self, *paths):
        return {path: self.device(path) for path in paths}


@contextmanager
def shared_nodes():
    """Gives a function that gives the node with the options it is called with, one for all tests: they must leave it as
    it was."""
    made = {}

    def get(*options):
        if options not in made:
            made[options] = Node(*options)
        made[options].reset()
        return made[options]

    try:
        yield get
    finally:
        for node in made.values():
            node.close()


def _word(word):
    return word if isinstance(word, (str, bytes, Path)) else str(word)

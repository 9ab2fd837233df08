# SPDX-License-Identifier: Apache-2.0
"""Devices of CDI specifications: which file counts, what its edits make of a config.json, and what is refused; with
specifications as NVIDIA's tools write them, and as people do."""

import json
import os
import stat

import cdi_model
import pytest
import yaml
from injection import HOOK_ENVIRONMENT, REPOSITORY, all_of, annotated, cdi_specification, environment

SPECIFICATIONS = REPOSITORY / "testdata/cdi/specs"
REFUSED = json.loads((REPOSITORY / "testdata/cdi/refused-edits.json").read_text())
MODE = '[nvidia-container-runtime]\nmode = "cdi"\n'
EXTRAS = tuple(word for name in ("imex", "gds", "mofed", "gdrcopy", "nvswitch") for word in ("--with", name))


def device(name="0", **edits):
    return {"name": name, "containerEdits": edits}


def file(*devices, kind="vendor.example/device", version="1.0.0", **edits):
    """A specification as a document."""
    return {"cdiVersion": version, "kind": kind, "devices": list(devices)} | (
        {"containerEdits": edits} if edits else {})


def marked(mark, *names, kind="vendor.example/device"):
    """A file whose devices can be told from those of others."""
    return file(*(device(name, env=[f"FROM={mark}"]) for name in names), kind=kind)


def origin(outcome):
    """Which of the files that `marked` made it was."""
    return [entry.partition("=")[2] for entry in outcome.spec["process"]["env"] if entry.startswith("FROM=")]


# Edits


def adapted(node, name):
    """A specification of NVIDIA's tools, with the device nodes, files and numbers that this node has."""
    specification = cdi_model.load(SPECIFICATIONS / name)
    devices = [one["containerEdits"] for one in specification["devices"]]
    for edits in [specification.get("containerEdits") or {}, *devices]:
        edits["deviceNodes"] = [one for one in edits.get("deviceNodes") or [] if one["path"] in node.nodes]
        for one in edits["deviceNodes"]:
            one.pop("hostPath", None)
            major, minor, _ = node.nodes[one["path"]]
            if one.get("major"):
                one.update(major=major, minor=minor)
        edits["mounts"] = [one for one in edits.get("mounts") or [] if node.path(one["hostPath"]).exists()]
        for one in edits["mounts"]:
            assert one["containerPath"]
    specification["devices"] = [one for one in specification["devices"] if any(one["containerEdits"].values())]
    return specification


NVIDIAS = [
    # file, devices of which the simulated node has some part
    ("a100.yaml", ["0"]), ("a100.yaml", ["1", "0"]), ("a100.yaml", ["all"]),
    ("a100.yaml", ["GPU-12345678-1234-1234-1234-123456780001"]), ("a100-mig.yaml", ["7:0"]), ("a100-mig.yaml", ["all"]),
    ("root-flat-typeindex.yaml", ["gpu1"]), ("management.yaml", ["all"]), ("imex.yaml", ["0", "3"]),
    ("gds.yaml", ["all"]),
    ("gdrcopy.yaml", ["all"]), ("mofed.yaml", ["all"]), ("nvswitch.yaml", ["all"]),
]


@pytest.fixture
def node_of_nvidias(nodes):
    """A node with the driver for which the specifications were made."""
    return nodes("--driver-version", "535.261.03", "--gpus", "8", "--mig", "7=7", *EXTRAS)


@pytest.mark.parametrize("format", ["json", "yaml"])
@pytest.mark.parametrize("name, devices", NVIDIAS, ids=str)
def test_specifications_of_nvidias_tools(node_of_nvidias, bundle, name, devices, format):
    """Every edit lands in config.json as CDI's own library puts it there, and nothing else changes; once."""
    node, specification = node_of_nvidias, adapted(node_of_nvidias, name)
    text = json.dumps(specification) if format == "json" else yaml.safe_dump(specification)
    node.write_cdi(text, f"nvidia.{format}")
    value = ",".join(f"{specification['kind']}={one}" for one in devices)
    outcome = node.create_twice(bundle(value)).not_warned()
    assert outcome.spec == cdi_model.apply(node, outcome.old, cdi_model.edits_for(specification, devices))
    assert outcome.added("linux", "devices")


def test_the_files_themselves(new_node, bundle):
    """A file of NVIDIA's is read as it is: with the numbers of another node it says that it is stale, and where."""
    node = new_node("--driver-version", "535.261.03", "--uvm-major", "235")
    node.write_cdi((SPECIFICATIONS / "a100.yaml").read_text(), "nvidia.yaml")
    node.create(bundle("nvidia.com/gpu=1")).denied(
        1503, "/dev/nvidia-uvm", "the file says 510:0, the node is 235:0", "have it made anew")


@pytest.fixture
def vendor(new_node):
    """A node with what everything.yaml needs."""
    node = new_node()
    for path, kind, numbers in (("/run/vendor/root/dev/vendor0", stat.S_IFCHR, (503, 8)),
                                ("/dev/vendor-block", stat.S_IFBLK, (259, 7))):
        node.path(path).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(node.path(path), kind | 0o640, os.makedev(*numbers))
        node.path(path).chmod(0o640)
    node.path("/usr/lib/vendor").mkdir()
    program = node.path("/usr/bin/vendor-hook")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    node.write_cdi((SPECIFICATIONS / "everything.yaml").read_text(), "everything.yaml")
    return node


KIND = "vendor.example/class.dotted"


@pytest.mark.parametrize("names", [["0"], ["one:2.3_4-5"], ["true"], ["true", "one:2.3_4-5", "0"]], ids=str)
def test_every_edit(vendor, bundle, names):
    """All that CDI 1.1.0 has, in the ways in which people write YAML."""
    outcome = vendor.create_twice(bundle(",".join(f"{KIND}={name}" for name in names)))
    specification = cdi_model.load(SPECIFICATIONS / "everything.yaml")
    expected = cdi_model.apply(vendor, outcome.old, cdi_model.edits_for(specification, names))
    if "true" in names:  # what YAML 1.1 takes for numbers and truths, Go writes in its own way; see ExpectationTests
        expected["hooks"]["prestart"][0]["args"] = [
            "vendor-hook", "755", "-1", "3", "true", "~/x", "null", "0000:07:00.0", "folded text"]
    if "0" in names:
        vendor0, = [one for one in expected["linux"]["devices"] if one["path"] == "/dev/vendor0"]
        vendor0.update(uid=1000, gid=44)
    assert outcome.spec == expected
    entries = [entry for entry in outcome.spec["process"]["env"] if entry.startswith("MULTI=")]
    assert entries == ["MULTI=line one\nline two"]


def test_every_edit_by_hand(vendor, bundle):
    """The same once more, in full, so that the model can't be wrong with us."""
    outcome = vendor.create(bundle(f"{KIND}=0,{KIND}=one:2.3_4-5,{KIND}=true")).passed()
    assert outcome.added("linux", "devices") == [
        {"path": "/dev/null", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666},
        {"path": "/dev/vendor0", "type": "c", "major": 503, "minor": 8, "fileMode": 0o660, "uid": 1000, "gid": 44},
        {"path": "/dev/vendor-block", "type": "b", "major": 259, "minor": 7, "fileMode": 0o640}]
    assert outcome.added("linux", "resources", "devices") == [
        {"allow": True, "type": "c", "major": 503, "minor": 8, "access": "rw"}]
    assert outcome.added("mounts") == [
        {"destination": "/usr/lib/vendor", "source": "/usr/lib/vendor", "options": ["ro", "rbind"]},
        {"destination": "/var/lib/vendor", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=64k"]}]
    assert outcome.spec["process"]["env"][-5:] == ["MULTI=line one\nline two", "A=b", "B=it's", "C=tab\there", "D="]
    assert outcome.spec["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [44, 109]}
    assert outcome.spec["linux"]["netDevices"] == {"eth3": {"name": "net0"}}
    assert outcome.spec["linux"]["intelRdt"] == {
        "closID": "class-1", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20", "schemata": ["L2:0=3"],
        "enableMonitoring": True}
    hooks, usual = outcome.spec["hooks"], {"path": "/usr/bin/vendor-hook", "env": HOOK_ENVIRONMENT, "timeout": 30}
    assert (hooks["prestart"][0]["env"], hooks["prestart"][0]["timeout"]) == (["DEBUG=1"], 5)
    assert hooks["startContainer"] == [{**usual, "path": "/sbin/ldconfig"}]
    for stage in ("createRuntime", "createContainer", "poststart", "poststop"):
        assert hooks[stage] == [usual]


def test_owner_of_nodes(node, bundle):
    """What the specification does not say is the container's user's, as CDI's library has it."""
    node.write_cdi(file(device(deviceNodes=[{"path": "/dev/nvidia0"}, {"path": "/dev/nvidia1", "uid": 5, "gid": 0}])))
    for uid, gid, owner in ((0, 0, {}), (1000, 0, {"uid": 1000}), (1000, 7, {"uid": 1000, "gid": 7})):
        made = bundle("vendor.example/device=0",
                      change=lambda document: document["process"].update(user={"uid": uid, "gid": gid}))
        one, other = node.create_twice(made).added("linux", "devices")
        assert {name: one[name] for name in ("uid", "gid") if name in one} == owner
        assert (other["uid"], other["gid"]) == (5, 0)


def test_environment_of_the_specification(node, bundle):
    """C-10, CVE-2025-23266: it reaches the container's process only, whatever its names are."""
    hostile = ["LD_PRELOAD=/x.so", "PATH=/evil", "SWIFT_BACKTRACE=enable=yes", "NVIDIA_VISIBLE_DEVICES=all"]
    node.write_cdi(file(device(env=hostile, hooks=[{"hookName": "createContainer", "path": "/usr/bin/true"}])))
    outcome = node.create_twice(bundle("vendor.example/device=0", change=annotated(a="vendor.example/device=0")))
    environment = outcome.spec["process"]["env"]
    assert set(hostile) <= set(environment) and len([entry for entry in environment if entry.startswith("PATH=")]) == 1
    hook = {"path": "/usr/bin/true", "env": HOOK_ENVIRONMENT, "timeout": 30}
    assert outcome.spec["hooks"]["createContainer"] == [hook]


def test_group_0_is_not_given(node, bundle):
    """C-10"""
    node.write_cdi(file(device(additionalGids=[0, 5, 5])))
    outcome = node.create_twice(bundle("vendor.example/device=0"))
    assert outcome.spec["process"]["user"] == {"uid": 0, "gid": 0, "additionalGids": [5]}
    node.write_cdi(file(device(additionalGids=[0])))
    assert "additionalGids" not in node.create_twice(bundle("vendor.example/device=0")).spec["process"]["user"]


def test_two_devices_with_common_edits(node, bundle):
    """The file's own edits come once; what two devices have in common comes once too."""
    common = {"deviceNodes": [{"path": "/dev/nvidiactl"}], "mounts": [{"hostPath": "/usr/bin/nvidia-smi",
                                                                     "containerPath": "/usr/bin/nvidia-smi"}]}
    hook = {"hookName": "prestart", "path": "/usr/bin/true", "args": ["true"]}
    node.write_cdi(file(*(
        device(name, deviceNodes=[{"path": f"/dev/nvidia{name}"}, {"path": "/dev/nvidia-uvm"}], hooks=[hook])
        for name in ("0", "1")), **common))
    outcome = node.create_twice(bundle("vendor.example/device=1,vendor.example/device=0"))
    wanted = node.numbers("/dev/nvidiactl", "/dev/nvidia1", "/dev/nvidia0", "/dev/nvidia-uvm")
    assert outcome.devices() == wanted
    assert len(outcome.added("mounts")) == len(outcome.spec["hooks"]["prestart"]) == 1


def test_what_an_engine_injected_before(node, bundle):
    """containerd injects the devices of an annotation itself and leaves it there: nothing is there twice, in any order;
    its hooks get what they lack."""
    node.write_cdi(cdi_specification(node))
    engine = node.create(bundle("void", change=annotated(a="nvidia.com/gpu=1"))).gave_cdi(node, [1]).spec
    del engine["hooks"]["createContainer"][0]["timeout"]
    made = bundle(text=json.dumps(engine))
    outcome = node.create_twice(made)
    engine["hooks"]["createContainer"][0]["timeout"] = 30
    assert outcome.spec == engine


# Files and folders


def test_both_formats_and_both_folders(node, bundle):
    node.write_cdi(marked("json", "a"), "a.json")
    node.write_cdi(yaml.safe_dump(marked("yaml", "b")), "b.yaml", "/run/cdi")
    assert origin(node.create_twice(bundle("vendor.example/device=a"))) == ["json"]
    assert origin(node.create_twice(bundle("vendor.example/device=b"))) == ["yaml"]
    assert origin(node.create_twice(bundle("vendor.example/device=b,vendor.example/device=a"))) == ["json"]
    node.write_cdi(marked("yml", "c"), "c.yml")
    node.write_cdi(marked("txt", "c"), "c.json.txt")
    node.path("/etc/cdi/d.json").mkdir()
    node.create(bundle("vendor.example/device=c")).denied(
        1501, "vendor.example/device has no device c in", "nearest: a, b")


def test_later_folders_shadow(node, bundle):
    """C-04: what a program wrote to /var/run/cdi counts before what the administrator wrote, as in CDI's library."""
    node.write_cdi(marked("static", "a", "b"))
    node.write_cdi(marked("dynamic", "a"), "other.json", "/run/cdi")
    assert origin(node.create_twice(bundle("vendor.example/device=a"))) == ["dynamic"]
    assert origin(node.create_twice(bundle("vendor.example/device=b"))) == ["static"]
    node.configure('[nvidia-container-runtime.modes.cdi]\nspec-dirs = ["/run/cdi", "/etc/cdi"]\n')
    assert origin(node.create(bundle("vendor.example/device=a")).passed()) == ["static"]
    node.configure('[nvidia-container-runtime.modes.cdi]\nspec-dirs = ["/run/cdi"]\n')
    node.create(bundle("vendor.example/device=b")).denied(1501, "has no device b")
    node.configure('[nvidia-container-runtime.modes.cdi]\nspec-dirs = []\n')
    node.create(bundle("vendor.example/device=a")).denied(1501)


def test_conflict(node, bundle):
    """C-04: two files of one folder define a device: neither counts, and devices that only one has are not hurt."""
    node.write_cdi(marked("one", "a", "b"), "one.json")
    node.write_cdi(yaml.safe_dump(marked("two", "a", "c")), "two.yaml")
    node.create(bundle("vendor.example/device=a")).denied(
        1501, "both /etc/cdi/one.json and /etc/cdi/two.yaml define it", "remove one of the two files")
    assert origin(node.create(bundle("vendor.example/device=b")).passed()) == ["one"]
    assert origin(node.create(bundle("vendor.example/device=c")).passed()) == ["two"]
    node.write_cdi(marked("above", "a"), folder="/run/cdi")
    assert origin(node.create(bundle("vendor.example/device=a")).passed()) == ["above"]


def test_default_kind(node, bundle):
    node.write_cdi(marked("vendor", "0", "all"))
    node.configure(MODE + '[nvidia-container-runtime.modes.cdi]\ndefault-kind = "vendor.example/device"\n')
    for value in ("0", "all", "vendor.example/device=0"):
        assert origin(node.create_twice(bundle(value))) == ["vendor"]


def test_names_that_are_near(node, bundle):
    """Who mistypes is told what there is."""
    node.write_cdi(cdi_specification(node))
    for name, nearest in (("00", "nearest: 0"), ("al", "nearest: all"), ("2", "nearest: 0, 1")):
        node.create(bundle(f"nvidia.com/gpu={name}")).denied(
            1501, f"nvidia.com/gpu has no device {name} in /etc/cdi/nvidia.json", nearest,
            "ask for a device that is there")
    node.create(bundle("vendor.example/x=0")).denied(
        1501, "no CDI file defines vendor.example/x", "/etc/cdi (1 file)", "cdi (not there)", "have a CDI file made")


@pytest.mark.parametrize("names", [3, 50])
def test_many_that_are_not_there(node, bundle, names):
    node.write_cdi(cdi_specification(node))
    value = ",".join(f"nvidia.com/gpu=x{number}" for number in range(names))
    node.create(bundle(value)).denied(1501, "unresolvable CDI devices nvidia.com/gpu=x0, nvidia.com/gpu=x1")


# Files that are broken


def sparse(path):
    path.write_bytes(b"{")
    os.truncate(path, 100 << 20)


BROKEN = {
    "no JSON": lambda path: path.write_text('{"kind": "vendor.example/device"'),
    "empty": lambda path: path.write_text(""),
    "NUL bytes": lambda path: path.write_bytes(bytes(1000)),
    "another document": lambda path: path.write_text('["vendor.example/device"]'),
    "unknown version": lambda path: path.write_text(json.dumps(marked("broken", "bad") | {"cdiVersion": "9.0.0"})),
    "unknown member": lambda path: path.write_text(json.dumps(marked("broken", "bad") | {"more": 1})),
    "bad name": lambda path: path.write_text(json.dumps(marked("broken", "bad", "-x"))),
    "no devices": lambda path: path.write_text(json.dumps(file())),
    "depth": lambda path: path.write_text('{"x":' + "[" * 100_000),
    "writable by others": lambda path: (path.write_text(json.dumps(marked("broken", "bad"))), path.chmod(0o666)),
    "another user's": lambda path: (path.write_text(json.dumps(marked("broken", "bad"))), os.chown(path, 12345, 0)),
    "FIFO": lambda path: os.mkfifo(path),
    "device": lambda path: os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 5)),
    "folder": lambda path: path.mkdir(),
    "link to nowhere": lambda path: path.symlink_to("/nowhere"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "100 MiB": sparse,
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("name", ["0.json", "z.json"])
def test_broken_neighbours(node, bundle, kind, name):
    """C-01, C-02, C-08: a file that can't be used, read before or after the good one, hurts nobody who does not need
    it."""
    node.write_cdi(marked("good", "a"), "good.json")
    path = node.path("/etc/cdi") / name
    BROKEN[kind](path)
    prefix = ("prlimit", f"--as={64 << 20}", "--cpu=2", "--")
    assert origin(node.create(bundle("vendor.example/device=a"), prefix=prefix).passed().not_warned()) == ["good"]
    node.create(bundle("vendor.example/device=bad"), prefix=prefix).denied(1501, "vendor.example/device=bad")
    node.create(bundle("0")).passed()
    node.create(bundle()).untouched()


@pytest.mark.parametrize("kind, words", [
    ("no JSON", "ends too early"), ("unknown version", "version 9.0.0 is unknown"),
    ("unknown member", "more: unknown field"),
    ("bad name", "can't be a device's name"), ("writable by others", "writable by group or others (mode 0666)"),
    ("another user's", "is owned by uid 12345"), ("FIFO", "not a regular file"), ("100 MiB", "larger than"),
])
def test_broken_files_that_are_needed(node, bundle, kind, words):
    """Where it is the likeliest cause, the broken file is named, and what is wrong with it."""
    path = node.path("/etc/cdi/x.json")
    path.parent.mkdir()
    BROKEN[kind](path)
    node.create(bundle("vendor.example/device=bad")).denied(1501, "/etc/cdi/x.json: ", words, "correct or remove")


@pytest.mark.parametrize("kind", ["writable by others", "another user's", "no folder", "link to a good one"])
def test_folders(new_node, bundle, kind):
    """C-01: a folder in which others may put files counts for nothing; the one beside it does."""
    node = new_node()
    node.write_cdi(marked("good", "a"), folder="/run/cdi")
    node.write_cdi(marked("bad", "b"))
    folder = node.path("/etc/cdi")
    if kind == "writable by others":
        folder.chmod(0o777)
    elif kind == "another user's":
        os.chown(folder, 12345, 0)
    else:
        folder.rename(folder.with_name("elsewhere"))
        if kind == "no folder":
            folder.write_text("")
        else:
            folder.symlink_to("elsewhere")
    assert origin(node.create(bundle("vendor.example/device=a")).passed()) == ["good"]
    outcome = node.create(bundle("vendor.example/device=b"))
    if kind == "link to a good one":
        assert origin(outcome.passed()) == ["bad"]
    else:
        outcome.denied(1501, "vendor.example/device=b")


def test_broken_file_in_the_log(node, bundle):
    """At debug level, with its reason."""
    node.write_cdi(marked("good", "a"), "good.json")
    node.write_cdi(marked("bad", "b") | {"cdiVersion": "9.0.0"}, "bad.json")
    outcome = node.create(bundle("vendor.example/device=a"), options=("--debug",)).passed()
    said, = [entry["msg"] for entry in outcome.log if "bad.json" in entry["msg"]]
    assert said.startswith("without /etc/cdi/bad.json: ") and "version 9.0.0" in said


# Edits that are refused


@pytest.mark.parametrize(
    "case", [case for case in REFUSED if case["case"].startswith("C-")], ids=lambda case: case["case"])
def test_refused_edits(nodes, bundle, case):
    """C-05, C-06, C-07: each with the id of what is wrong; other devices of the file are not hurt."""
    node = nodes("--gpus", "1")
    node.path("/dev/x").unlink(missing_ok=True)
    os.mknod(node.path("/dev/x"), stat.S_IFCHR | 0o666, os.makedev(511, 7))
    node.write_cdi(file(device("bad", **json.loads(case["edits"])), device("good", env=["A=b"])))
    message = node.create(bundle("vendor.example/device=bad")).denied(
        {"not": 1501, "ref": 1502, "uns": 1503}[_kind_of(case["error"])], case["error"]).stderr
    assert "vendor.example/device=bad" in message or "nvidia.json" in message
    node.create(bundle("vendor.example/device=good")).passed()
    node.create(bundle("vendor.example/device=good,vendor.example/device=bad")).denied(
        {"not": 1501, "ref": 1502, "uns": 1503}[_kind_of(case["error"])])


def _kind_of(error):
    """By the first words of the error: no valid file, refused edit, unsuitable host device."""
    if "mismatch" in error or "the node is" in error:
        return "uns"
    invalid = ("has no ", "must be ", "out of range", "none of OCI's", "whole number")
    return "not" if any(word in error for word in invalid) else "ref"


@pytest.mark.parametrize("prepare, id, words", [
    (lambda path: path.unlink(), 1502, "No such file"),
    (lambda path: path.chmod(0o777), 1502, "writable by group or others"),
    (lambda path: path.chmod(0o644), 1502, "not an executable file"),
    (lambda path: os.chown(path, 12345, 0), 1502, "owned by uid 12345"),
    (lambda path: (path.unlink(), path.mkdir()), 1502, "not an executable file"),
], ids=["missing", "writable", "not executable", "another user's", "folder"])
def test_programs_of_hooks(new_node, bundle, prepare, id, words):
    """C-07: a hook runs as root on the host, so nobody else may be able to change it. Those of the container are its
    own."""
    node = new_node()
    program = node.path("/usr/local/bin/hook")
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    hooks = [{"hookName": stage, "path": "/usr/local/bin/hook"} for stage in ("createContainer", "startContainer")]
    node.write_cdi(file(device("host", hooks=hooks[:1]), device("container", hooks=hooks[1:])))
    node.create_twice(bundle("vendor.example/device=host"))
    prepare(program)
    node.create(bundle("vendor.example/device=host")).denied(id, "/usr/local/bin/hook", words)
    node.create_twice(bundle("vendor.example/device=container"))


@pytest.mark.parametrize("edits, words", [
    ({"deviceNodes": [{"path": "/dev/nowhere"}]}, "failed to stat CDI host device \"/dev/nowhere\": No such file"),
    ({"deviceNodes": [{"path": "/dev/x", "hostPath": "/etc/hostname"}]}, "not a device node"),
    ({"deviceNodes": [{"path": "/dev/nvidia0", "hostPath": "/dev/nvidia1", "major": 195, "minor": 0}]},
     "the file says 195:0, the node is 195:1"),
    ({"mounts": [{"hostPath": "/usr/lib/libnowhere.so", "containerPath": "/x"}]}, "no such file or folder to mount"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_not_on_the_host(node, bundle, edits, words):
    """A file is older than the driver: said before the low-level runtime fails on it."""
    node.write_cdi(file(device(**edits)))
    node.create(bundle("vendor.example/device=0")).denied(1503, words, "/etc/cdi/nvidia.json")


def test_link_to_a_node(new_node, bundle):
    """C-06: the node itself is meant; where the file states its numbers, what a link leads to does not count."""
    node = new_node()
    node.path("/dev/link").symlink_to("sda")
    node.write_cdi(file(device(deviceNodes=[{"path": "/dev/link"}])))
    node.create(bundle("vendor.example/device=0")).denied(1503, "not a device node")


# With other parts of the request


def test_with_extras_and_hooks_that_are_there(node, bundle):
    """NVIDIA_GDS and the like are about GPUs of the node; with CDI the specification says all. Hooks that were there
    stay."""
    node.write_cdi(cdi_specification(node))
    other = {"path": "/usr/bin/other", "args": ["other"]}
    change = all_of(environment(NVIDIA_GDS="enabled", NVIDIA_IMEX_CHANNELS="0", NVIDIA_MPS="enabled"),
                    lambda document: document.update(hooks={"poststop": [other]}))
    node.create_twice(bundle("nvidia.com/gpu=0", change=change)).gave_cdi(node, [0])


def test_from_the_nodes_gpus_to_cdi_and_back(node, bundle):
    """A bundle that is used again: what was given stays, each thing once, and our hook goes where nothing is for it."""
    node.write_cdi(cdi_specification(node))
    made = bundle("0")
    first = node.create(made).gave(node, [0])
    asked = b"NVIDIA_VISIBLE_DEVICES="
    made.config.write_bytes(first.after.replace(asked + b"0", asked + b"nvidia.com/gpu=1"))
    second = node.create(made).passed()
    assert [hook["args"][:1] for hook in second.spec["hooks"]["createContainer"]] == [["nvidia-cdi-hook"]]
    paths = [one["path"] for one in second.spec["linux"]["devices"]]
    assert len(paths) == len(set(paths)) and {"/dev/nvidia0", "/dev/nvidia1"} <= set(paths)
    destinations = [one["destination"] for one in second.spec["mounts"]]
    assert len(destinations) == len(set(destinations))

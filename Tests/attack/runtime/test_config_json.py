# SPDX-License-Identifier: Apache-2.0
"""J: config.json as text, and as a file. What runc could read in another way than we is refused; what we don't
understand is not written anew. Most of it is in Tests/blackbox/inject and OCISpecTests already:
testdata/attack/cases.json."""

import itertools
import json
import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from injection import images
from test_inject_lossless import only_additions

GOOD = images.configuration(["true"], {"NVIDIA_VISIBLE_DEVICES": "0"})
PLAIN = images.configuration(["true"], {})
BOUNDED = ("prlimit", f"--as={64 << 20}", "--cpu=1", "--")
HOLE = "@hole@"


def text(document=GOOD, **changes):
    return json.dumps(document | changes).encode()


def member(value):
    """A config.json with one unknown member more."""
    return text()[:-1] + b',"x":' + value + b"}"


def with_hole(*path, document=GOOD, into=HOLE):
    """config.json with `into` at `path`, which is made where it is missing."""
    document = json.loads(json.dumps(document))
    place = document
    for name in path[:-1]:
        place = place[name] if isinstance(place, list) else place.setdefault(name, {})
    place[path[-1]] = into
    return json.dumps(document).encode()


def filled(template, value):
    hole = json.dumps(HOLE).encode()
    assert template.count(hole) == 1
    return template.replace(hole, value)


def left_alone(outcome):
    """It was given a GPU, and what was there is there byte for byte (I6)."""
    assert only_additions(outcome.before, outcome.after) == outcome.before
    assert "/dev/nvidia0" in outcome.devices()


# Depth, size and keys


@pytest.mark.attack("J-04")
@pytest.mark.parametrize("depth, passes", [
    (63, True), (64, True), (65, False), (66, False), (10_000, False), (1_000_000, False)])
@pytest.mark.parametrize("open, close", [(b"[", b"]"), (b'{"a":', b"}")], ids=["arrays", "objects"])
def test_depth(node, bundle, depth, passes, open, close):
    """The outermost object counts. A million levels don't reach the stack."""
    inner = depth - 1
    value = open * inner + (b"0" if open != b"[" else b"") + close * inner
    outcome = node.create(bundle(text=member(value)), prefix=("prlimit", "--stack=262144", *BOUNDED[1:]))
    if passes:
        left_alone(outcome.passed())
    else:
        outcome.denied(1103, "config.json")


MANY_KEYS = (b"%07d" % number for number in range(5_000_000))
LARGE = {
    "100 MiB of zeros": lambda file: file.write(text() + bytes(100 << 20)),
    "100 MiB of spaces": lambda file: file.write(text() + b" " * (100 << 20)),
    "100 MiB of spaces before": lambda file: file.write(b" " * (100 << 20) + text()),
    "a string of 90 MiB": lambda file: file.write(member(b'"' + b"x" * (90 << 20) + b'"')),
    "five million keys": lambda file: file.write(member(b'{"' + b'":0,"'.join(MANY_KEYS) + b'":0}')),
    "a hole of 10 GiB": lambda file: (file.write(text()), file.truncate(10 << 30)),
}


@pytest.mark.attack("J-05")
@pytest.mark.parametrize("kind", LARGE)
def test_large_files(node, bundle, kind):
    """In a second of processor time and 64 MiB: refused, by its size alone."""
    made = bundle()
    with open(made.config, "wb") as file:
        LARGE[kind](file)
    before = os.stat(made.config)
    assert before.st_size > 40 << 20
    result = node.run(*BOUNDED, *made.create)
    assert (result.returncode, result.stdout) == (1, b"") and result.stderr.startswith(b"nvidia-runtime: NVR1103: ")
    after = os.stat(made.config)
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def _blocks(count, pair):
    """`count` different keys of blocks that a multiplying hash can't tell apart."""
    length = (count - 1).bit_length()
    return [b"".join(choice) for choice in itertools.islice(itertools.product(pair, repeat=length), count)]


# Under h * 33 + c (json-c's other hash), h * 31 + c, and for whoever sorts or compares.
FLOODS = {
    "h * 33": _blocks(100_000, (b"Ez", b"FY")), "h * 31": _blocks(100_000, (b"Aa", b"BB")),
    "long prefix": [b"x" * 24 + b"%06d" % number for number in range(100_000)],
    "falling": [b"%06d" % number for number in range(100_000, 0, -1)],
    "two letter cases": _blocks(100_000, (b"a", b"A")),
}


@pytest.mark.attack("J-06")
@pytest.mark.parametrize("kind", FLOODS)
def test_keys_that_collide(node, bundle, kind):
    """In a second of processor time. In a map, letter case tells keys apart; elsewhere runc takes them for one."""
    keys = FLOODS[kind]
    assert len(set(keys)) == 100_000
    flood = b'{"' + b'":"","'.join(keys) + b'":""}'
    prefix = ("prlimit", f"--as={128 << 20}", "--cpu=1", "--")
    outcome = node.create(bundle(text=member(flood)), prefix=prefix)
    if kind == "two letter cases":
        outcome.denied(1103, "letter case")
        annotations = filled(with_hole("annotations"), flood)
        outcome = node.create(bundle(text=annotations), prefix=prefix)
    left_alone(outcome.passed())


# Bytes and numbers

PLACES = {
    "env": ("process", "env", 1), "cwd": ("process", "cwd"), "argument": ("process", "args", 0),
    "root": ("root", "path"), "destination": ("mounts", 5, "destination"), "source": ("mounts", 5, "source"),
    "annotation": ("annotations", "a"), "unknown": ("x",),
}
NO_UTF8 = [b"\xff", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc3", b"\x80"]
STRANGE = ["\ufffe", "\uffff", "\ufffd", "\u0301", "\u202e", "\U0010ffff", "\x7f", "\\u00e9", "\\/", "\\ud83d\\ude00"]


@pytest.mark.attack("J-07")
@pytest.mark.parametrize("place", PLACES)
def test_bytes_of_strings(node, bundle, place):
    """What is no UTF-8 is refused; everything else stays as it is, also what a decoder would replace."""
    template = with_hole(*PLACES[place])
    for value in NO_UTF8:
        node.create(bundle(text=filled(template, b'"/a' + value + b'"'))).denied(1103, "UTF-8")
    for value in STRANGE:
        made = filled(template, b'"/a' + value.encode() + b'b"')
        left_alone(node.create(bundle(text=made)).passed())


@pytest.mark.attack("J-07")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [b"\\ud800", b"\\udc00", b"\\ud800\\ud800", b"\\ud800\\u0041"], ids=str)
def test_half_a_surrogate(node, bundle, place, value):
    """Go reads U+FFFD there. Where we read the string it is refused; else it stays as it is."""
    outcome = node.create(bundle(text=filled(with_hole(*PLACES[place]), b'"/a' + value + b'"')))
    if place in ("env", "destination", "annotation", "source"):
        outcome.denied(1104, "config.json")
    else:
        left_alone(outcome.passed())


def _device(name, path):
    device = {"path": path, "type": "c", "major": 1, "minor": 1} | {name: HOLE}
    return with_hole("linux", "devices", into=[device])


def _hook(**other):
    return with_hole("hooks", into={"prestart": [{"path": "/x", "timeout": HOLE} | other]})


NUMBERS = {
    "2^63": b"9223372036854775808", "2^64": b"18446744073709551616", "-2^63-1": b"-9223372036854775809",
    "1e400": b"1e400", "1.0": b"1.0", "1e2": b"1e2", "-0": b"-0", "2^32": b"4294967296", "-1": b"-1",
    "2^31": b"2147483648",
}
IDS = set(NUMBERS) - {"2^31"}
WIDE = IDS - {"-0", "2^32", "-1"}
FIELDS = {  # with the numbers that are refused there
    "uid": (with_hole("process", "user", "uid"), IDS), "gid": (with_hole("process", "user", "gid"), IDS),
    "rule major": (with_hole("linux", "resources", "devices", 3, "major"), WIDE),
    "rule minor": (with_hole("linux", "resources", "devices", 3, "minor"), WIDE),
    "hook timeout": (_hook(), WIDE),
    "our device major": (_device("major", "/dev/nvidia0"), WIDE),
    "our device minor": (_device("minor", "/dev/nvidia0"), WIDE),
    "our device fileMode": (_device("fileMode", "/dev/nvidia0"), IDS),
    "our device uid": (_device("uid", "/dev/nvidia0"), IDS), "our device gid": (_device("gid", "/dev/nvidia0"), IDS),
    "umask": (with_hole("process", "user", "umask"), set()),
    "oomScoreAdj": (with_hole("process", "oomScoreAdj"), set()),
    "memory limit": (with_hole("linux", "resources", "memory", "limit"), set()),
    "memory swap": (with_hole("linux", "resources", "memory", "swap"), set()),
    "pids limit": (with_hole("linux", "resources", "pids", "limit"), set()),
    "other device major": (_device("major", "/dev/x"), set()), "other device uid": (_device("uid", "/dev/x"), set()),
    "other device fileMode": (_device("fileMode", "/dev/x"), set()),
}


@pytest.mark.attack("J-09")
@pytest.mark.parametrize("field", FIELDS)
def test_numbers(node, bundle, field):
    """CVE-2024-40635, CVE-2026-30892: never wrapped nor cut. Where we read the number it is in range or refused; where
    we don't, its text stays."""
    template, refused = FIELDS[field]
    node.create(bundle(text=filled(template, b"0123"))).denied(1103, "leading zero")
    for name, value in NUMBERS.items():
        outcome = node.create(bundle(text=filled(template, value)))
        if name in refused:
            outcome.denied(1104, "config.json")
        elif field.startswith("our device"):  # the whole entry is ours then
            assert outcome.passed().spec["linux"]["devices"][0]["major"] == 195, (field, name)
        else:
            left_alone(outcome.passed())


OTHERWISE = {
    "null": b"null", "text": b'"x"', "number": b"7", "boolean": b"true", "array": b"[]", "object": b"{}",
    "list": b"[7]",
}
LIST, OBJECT, TEXT = ({"null", "array"}, {"null", "object"}, {"null", "text"})
TYPES = {  # what may be there: a value of the specification's type, or nothing
    ("process",): None, ("process", "env"): None, ("ociVersion",): TEXT, ("root",): set(OTHERWISE), ("mounts",): LIST,
    ("hooks",): OBJECT, ("hooks", "createContainer"): LIST, ("hooks", "prestart"): LIST, ("linux",): OBJECT,
    ("linux", "devices"): LIST, ("linux", "resources"): OBJECT, ("linux", "resources", "devices"): LIST,
    ("annotations",): OBJECT, ("process", "user"): OBJECT, ("process", "user", "additionalGids"): LIST | {"list"},
    ("process", "capabilities"): OBJECT, ("process", "capabilities", "bounding"): LIST,
    ("process", "args"): set(OTHERWISE),
}


@pytest.mark.attack("J-10")
@pytest.mark.parametrize("path", TYPES, ids=".".join)
def test_types(node, bundle, path):
    """With a GPU asked for, what is of another type is refused where we read it, and stays where we don't. Without, it
    is not our business at all. Nothing traps."""
    for name, value in OTHERWISE.items():
        node.create(bundle(text=filled(with_hole(*path, document=PLAIN), value))).untouched()
        made = filled(with_hole(*path), value)
        if TYPES[path] is None:  # the request was in there, and is somewhere else now
            made = made[:-1] + b',"x":"NVIDIA_VISIBLE_DEVICES=0"}'
        outcome = node.create(bundle(text=made))
        if TYPES[path] is None:
            fine = OBJECT if path == ("process",) else LIST
            outcome.untouched() if name in fine else outcome.denied(1104, "config.json")
        elif name in TYPES[path]:
            assert "/dev/nvidia0" in outcome.passed().devices()
        else:
            outcome.denied(1104, "config.json")


@pytest.mark.attack("J-10")
@pytest.mark.parametrize("name", ["ociVersion", "root", "mounts", "linux", "hostname"])
def test_members_that_are_missing(node, bundle, name):
    document = {key: value for key, value in GOOD.items() if key != name}
    assert "/dev/nvidia0" in node.create(bundle(text=text(document))).passed().devices()


# The file, its folder, and who changes them


def held(node, made, change, call="fchmod"):
    """Creates on `made` and calls `change` while the new config.json is written and not there yet."""
    words = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:delay_enter=500000", *made.create)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(node.run, *words)
        while not made.leftovers():
            assert not running.done(), running.result()
        change()
        return running.result()


@pytest.mark.attack("J-14")
def test_bundle_by_a_link(node, bundle, tmp_path):
    """The engine's own way to name it: the file behind it is edited, and the link stays one."""
    made = bundle("0")
    link = tmp_path / "link"
    link.symlink_to(made.folder)
    result = node.run("nvidia-runtime", "create", "--bundle", link, "id")
    assert result.stdout == b"recorder\n"
    assert link.is_symlink() and any(one["path"] == "/dev/nvidia0" for one in made.spec["linux"]["devices"])


@pytest.mark.attack("J-14")
@pytest.mark.parametrize("kind", ["link", "folder"])
def test_bundle_that_is_swapped(node, bundle, kind):
    """Read and written through one descriptor: what lies at the path now is not touched."""
    made, other = bundle("0"), bundle("1")
    moved = made.folder.with_name("moved")
    before = other.config.read_bytes(), sorted(os.listdir(other.folder)), os.stat(other.folder).st_mtime_ns

    def swap():
        made.folder.rename(moved)
        made.folder.symlink_to(other.folder) if kind == "link" else other.folder.rename(made.folder)

    result = held(node, made, swap)
    victim = made.folder
    assert (made.config.read_bytes(), sorted(os.listdir(victim)), os.stat(victim).st_mtime_ns) == before
    assert result.stdout == b"recorder\n" and sorted(os.listdir(moved)) == ["config.json", "rootfs"]
    assert any(one["path"] == "/dev/nvidia0"
               for one in json.loads((moved / "config.json").read_text())["linux"]["devices"])


def _other_content(made):
    made.config.write_bytes(text(hostname="other"))


def _other_file(made):
    replacement = made.folder.with_name("replacement")
    replacement.write_bytes(made.config.read_bytes())
    replacement.rename(made.config)


def _link(made):
    made.config.rename(made.folder.with_name("elsewhere"))
    made.config.symlink_to(made.folder.with_name("elsewhere"))


CHANGES = {
    "other content": _other_content, "other file": _other_file, "link": _link,
    "removed": lambda made: made.config.unlink(), "mode": lambda made: made.config.chmod(0o600),
    "owner": lambda made: os.chown(made.config, 1, 1), "touched": lambda made: os.utime(made.config),
    "second name": lambda made: os.link(made.config, made.folder.with_name("second")),
}


@pytest.mark.attack("J-15")
@pytest.mark.parametrize("kind", CHANGES)
def test_changed_meanwhile(node, bundle, kind):
    """Whoever changed it, in whatever way, keeps his change."""
    made, wanted = bundle("0"), []

    def change():
        CHANGES[kind](made)
        exists = os.path.lexists(made.config)
        wanted.append((os.lstat(made.config).st_ino, made.config.read_bytes()) if exists else None)

    result = held(node, made, change)
    assert result.returncode == 1 and result.stderr.startswith(b"nvidia-runtime: NVR1105: "), result
    assert b"was changed by someone else" in result.stderr
    exists = os.path.lexists(made.config)
    assert [(os.lstat(made.config).st_ino, made.config.read_bytes()) if exists else None] == wanted
    assert made.leftovers() == []


@pytest.mark.attack("J-18")
def test_sticky_bundle(node, bundle):
    """A folder as /tmp, of somebody else: root may rename there, and the modes stay."""
    made = bundle("0")
    os.chown(made.folder, 1234, 1234)
    made.folder.chmod(0o1777)
    node.create(made).passed()
    assert stat.S_IMODE(os.stat(made.folder).st_mode) == 0o1777


MOUNTS = {  # with whether config.json itself, and not its folder, is the mount
    "another file system": ('mount -t tmpfs none "$1" && cp "$2" "$1/config.json"', False),
    "a file of another one": ('mount -t tmpfs none "$3" && cp "$2" "$3/c" && mount --bind "$3/c" "$1/config.json"',
                              True),
    "a link of a folder": ('mount --bind "$1" "$1"', False),
}


@pytest.mark.attack("J-18")
@pytest.mark.parametrize("kind", MOUNTS)
def test_mounts_in_the_bundle(node, bundle, tmp_path, kind):
    """A file that is a mount can't be replaced, which is said; a folder that is one is a folder."""
    made = bundle("0")
    copy, scratch = tmp_path / "copy", tmp_path / "scratch"
    copy.write_bytes(made.config.read_bytes())
    scratch.mkdir()
    mount, is_denied = MOUNTS[kind]
    script = mount + ' || exit 9; shift 3; "$@"; status=$?; ls -A "$0"; exit $status'
    result = node.run("unshare", "--mount", "sh", "-c", script, made.folder, made.folder, copy, scratch, *made.create)
    if is_denied:
        assert result.returncode == 1 and b"NVR1105" in result.stderr and b"busy" in result.stderr
        assert result.stdout == b"config.json\nrootfs\n"
    else:
        assert result.returncode == 0 and result.stdout.startswith(b"recorder\nconfig.json\n"), result


@pytest.mark.attack("J-18")
def test_folder_that_must_not_change(node, bundle):
    """chattr +i: the kernel says no, and so do we."""
    made = bundle("0")
    try:
        subprocess.run(["chattr", "+i", made.folder], check=True, capture_output=True)
        assert not os.access(made.folder, os.W_OK)
        node.create(made).denied(1105, "config.json", "Operation not permitted")
    finally:
        subprocess.run(["chattr", "-i", made.folder], check=True, capture_output=True)
    node.create(made).passed()


@pytest.mark.attack("J-19")
@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_label_stays(node, bundle, mode):
    """CVE-2024-25621: the SELinux label is on the new file, and at no moment may more users read it than before."""
    made = bundle("0")
    label = b"system_u:object_r:container_file_t:s0:c1,c2\0"
    os.setxattr(made.config, "security.selinux", label)
    made.config.chmod(mode)
    modes = []

    def look():
        name, = made.leftovers()
        modes.append(stat.S_IMODE(os.stat(made.folder / name).st_mode))

    assert held(node, made, look).stdout == b"recorder\n"
    assert modes == [0o600]
    assert os.getxattr(made.config, "security.selinux") == label and stat.S_IMODE(made.config.stat().st_mode) == mode
    assert any(one["path"] == "/dev/nvidia0" for one in made.spec["linux"]["devices"])


# What is there already

SMI = "/usr/bin/nvidia-smi"


def _mount(destination, **other):
    return {"destination": destination, "type": "bind", "source": "/var/user", "options": ["rbind"]} | other


def _visible(mounts, destination):
    """The mount that is seen at `destination` in the end, by its source; None where a later one above it hides it."""
    found = None
    for mount in mounts:
        place = os.path.normpath("/" + mount["destination"]).replace("//", "/")
        if place == destination:
            found = mount["source"]
        elif destination.startswith(place.rstrip("/") + "/"):
            found = None
    return found


MERGED = {
    "the very place": [_mount(SMI)], "the very place, twice": [_mount(SMI), _mount(SMI)],
    "the place in another spelling": [_mount("//usr/./bin/../bin/nvidia-smi")],
    "a folder above": [_mount("/usr")], "a folder above, and the place before it": [_mount(SMI), _mount("/usr")],
    "the root": [_mount("/")], "a file system over /dev": [_mount("/dev", type="tmpfs", source="tmpfs")],
    "a relative place": [_mount("usr/bin/nvidia-smi")],
}


@pytest.mark.attack("J-21")
@pytest.mark.parametrize("kind", MERGED)
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_mounts_that_are_there(node, bundle, kind, first):
    """What a container brings hides nothing of ours, and ours nothing of the container's but at the very place. /proc,
    /sys and /dev are the container's in any case."""
    mounts = MERGED[kind] + GOOD["mounts"] if first else GOOD["mounts"] + MERGED[kind]
    outcome = node.create_twice(bundle(text=text(mounts=mounts)))
    after = outcome.spec["mounts"]
    assert _visible(after, SMI) == SMI
    for mount in mounts:  # none is lost, nor moved
        assert mount["destination"] in [one["destination"] for one in after]
    rest = iter(mounts)
    assert all(one in rest for one in after if one in mounts)
    for place in ("/proc", "/sys", "/dev"):
        assert _visible(after, place) == _visible(mounts, place), place
        added = [one for one in after if one not in mounts]
        assert not [one for one in added if one["destination"].startswith(f"{place}/") or one["destination"] == place]


@pytest.mark.attack("J-21")
@pytest.mark.parametrize("device", [
    {"path": "/dev/nvidia0", "type": "c", "major": 1, "minor": 1},
    {"path": "/dev/nvidia0", "type": "b", "major": 195, "minor": 0},
    {"path": "/dev/nvidia0", "type": "c", "major": 195, "minor": 1, "fileMode": 0o777, "uid": 7, "x": 1},
], ids=["another device", "a block device", "another GPU"])
def test_devices_that_are_there(node, bundle, device):
    """One with the path of ours is replaced: what the container finds there is its GPU."""
    linux = GOOD["linux"] | {"devices": [{"path": "/dev/x", "type": "c", "major": 9, "minor": 9}, device, device]}
    devices = node.create_twice(bundle(text=text(linux=linux))).spec["linux"]["devices"]
    assert devices[0]["path"] == "/dev/x"
    found, = [one for one in devices if one["path"] == "/dev/nvidia0"]
    assert (found["type"], found["major"], found["minor"]) == ("c", 195, 0)


@pytest.mark.attack("J-21")
def test_hooks_that_are_there(node, bundle):
    """Somebody else's stay in their order; one that passes itself off as ours is replaced by ours, in one place."""
    other = {"path": "/usr/bin/other", "args": ["other"], "env": ["A=b"]}
    false = {"path": "/var/evil", "args": ["nvidia-runtime-hook", "create-container", "--library", "x"], "env": []}
    hooks = {"createContainer": [other, false, other, false], "prestart": [false], "poststop": [other]}
    found = node.create_twice(bundle(text=text(hooks=hooks))).spec["hooks"]
    assert found["prestart"] == [] and found["poststop"] == [other]
    assert [hook["path"] for hook in found["createContainer"]] == [
        other["path"], other["path"], "/usr/bin/nvidia-runtime-hook"]


@pytest.mark.attack("J-21", "D-15")
@pytest.mark.parametrize("rules", [
    [], [{"allow": False, "access": "rwm"}], [{"allow": True, "type": "c", "major": 195, "minor": 0, "access": "rwm"},
                                             {"allow": False, "access": "rwm"}],
    [{"allow": False, "type": "c", "major": 195, "access": "rwm"}],
], ids=["none", "deny all", "allowed, then denied", "denied"])
def test_rules_that_are_there(node, bundle, rules):
    """Ours come last, one for each device; those that were there keep their order."""
    resources = GOOD["linux"]["resources"] | {"devices": rules}
    outcome = node.create_twice(bundle(text=text(linux=GOOD["linux"] | {"resources": resources})))
    after = outcome.spec["linux"]["resources"]["devices"]
    assert after[:len(rules)] == rules
    numbers = [(one["major"], one["minor"]) for one in after[len(rules):]]
    assert sorted(numbers) == sorted(outcome.devices().values())


# The state on the hook's standard input


@pytest.mark.attack("J-22")
@pytest.mark.parametrize("kind", ["closed", "terminal", "silence", "endless", "100 MiB", "directory", "write only"])
def test_standard_input_of_the_hook(node, tmp_path, kind):
    """It ends within its two seconds and a little, with one line, whatever is there."""
    hook = "exec nvidia-runtime-hook create-container --link a::/b"
    script = {
        "closed": f"{hook} <&-", "terminal": f"exec script -qec '{hook}' /dev/null",
        "silence": f"mkfifo {tmp_path}/fifo; {hook} 0<>{tmp_path}/fifo", "endless": f"yes | {hook}",
        "100 MiB": f"head -c 104857600 /dev/zero | {hook}", "directory": f"{hook} </",
        "write only": f"{hook} 0>/dev/null",
    }[kind]
    result = node.run("timeout", "--signal=KILL", "10", "bash", "-c", script)
    lines = (result.stdout + result.stderr).replace(b"\r\n", b"\n").splitlines()
    assert result.returncode == 1 and len(lines) == 1, result
    assert lines[0].startswith(b"nvidia-runtime-hook: NVR18") and b"state" in lines[0]


ID, BUNDLE = '"id":"c"', '"bundle":"/nowhere"'
STATES = [
    b"", b"{}", b"null", b"[]", f"{{{ID}}}".encode(), f"{{{BUNDLE}}}".encode(),
    *(f'{{{ID},"bundle":{bundle}}}'.encode() for bundle in (
        '"b"', '""', '"/a/../b"', '"../b"', "null", "7", '"/b\\u0000"', '"/\\ud800"', '["/b"]')),
    b'{"id":"c","bundle":"/\xff"}',
    *(f'{{{ID},{BUNDLE},"pid":{pid}}}'.encode() for pid in ("-1", "4294967296", "2147483648", "1.5", '"1"', "1e3")),
    f'{{{ID},{BUNDLE},"Bundle":"/"}}'.encode(), f'{{{ID},{BUNDLE},{BUNDLE}}}'.encode(),
    f'{{{ID},{BUNDLE},"root":"/../"}}'.encode(), f'{{{ID},{BUNDLE},"root":7}}'.encode(),
    f"{{{ID},{BUNDLE}}}{{}}".encode(), b"[" * 100_000, f"{{{ID},{BUNDLE}}}".encode(),
]


@pytest.mark.attack("J-22")
@pytest.mark.parametrize("state", STATES, ids=range(len(STATES)))
def test_states(node, tmp_path, state):
    """Refused in one line, and nothing is made; the last one is well formed, and its bundle is not there."""
    (tmp_path / "state").write_bytes(state)
    script = 'exec nvidia-runtime-hook create-container --link a::/b/c <"$0"'
    result = node.run("sh", "-c", script, tmp_path / "state")
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (1, b"", 1), result
    assert result.stderr.startswith(b"nvidia-runtime-hook: NVR18")
    assert not node.path("/b").exists()

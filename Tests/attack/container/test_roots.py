# SPDX-License-Identifier: Apache-2.0
"""S-01 to S-09, S-18 to S-22, L-03 to L-07, L-13 to L-16: roots that are hostile as they lie there. Each attack is a
row; each is tried on every way of working in a root, and again without openat2(2) (S-15). What must hold for all is in
Image.run and in the invariants: above all, the canary is as it was."""

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from image import CACHE, CONFIGURATION, FRAGMENT, FRAGMENTS
from invariants import Scene, difference, tree
from support import listing
from ways import COMPAT, FOLDER, PROFILES, ways

DONE, REFUSED, EITHER = {0}, {1}, {0, 1}


@dataclass
class Attack:
    id: str
    name: str
    changes: tuple  # which ways it is meant for
    build: Callable  # given the image and the path of the canary
    ends: set = None
    kept: tuple = ()  # what must not be changed in the root
    folder: str = FOLDER


def parent(target):
    """The library folder is a link."""
    return lambda image, canary: image.link(FOLDER, target.replace("CANARY", canary))


def parent_within(target):
    """The same, and the path that the link names is in the image too."""
    def build(image, canary):
        image.folder(canary)
        image.link(FOLDER, target.replace("CANARY", canary))
    return build


def taken(make):
    """Something has the name of the link to be made."""
    return lambda image, canary: make(image, f"{FOLDER}/libcuda.so", canary)


def full(image, name, canary):
    image.file(f"{name}/x")


def immutable(image, name, canary):
    image.file(name, "x")
    image.set_immutable(name)


def to_file(image, name, canary):
    image.file("victim", "kept")
    image.link(name, "/victim")


def at(name, make, *further):
    """Something else is at that path of the root."""
    return lambda image, canary: getattr(image, make)(
        name, *(word.replace("CANARY", canary) if isinstance(word, str) else word for word in further))


def many(*builds):
    return lambda image, canary: [build(image, canary) for build in builds]


def rows():
    up = "../" * 30
    for name, target in (("to the host", "CANARY/empty"), ("to the full canary", "CANARY")):
        yield Attack("S-01", name, ("links", "modes"), parent(target), REFUSED)
        yield Attack("S-01", name + ", in the image", ("links", "modes"), parent_within(target), EITHER)
        yield Attack("S-02", name, ("links", "modes"), parent(up + target), REFUSED)
    for target in ("/proc/self/root/CANARY", "/proc/1/cwd", "/proc/self/fd/3", "/proc/thread-self/cwd",
                   "/proc/self/cwd", "/proc/1/root/CANARY"):
        yield Attack("S-03", target, ("links", "modes", "proc"), parent(target), REFUSED)
    for name, make, ends in (
        ("link to the host", lambda image, name, canary: image.link(name, canary + "/secret"), DONE),
        ("link to a file", to_file, DONE), ("file", lambda image, name, canary: image.file(name, "old"), DONE),
        ("folder", lambda image, name, canary: image.folder(name), REFUSED), ("full folder", full, REFUSED),
        ("FIFO", lambda image, name, canary: image.fifo(name), REFUSED),
        ("socket", lambda image, name, canary: image.socket(name), REFUSED),
        ("device", lambda image, name, canary: image.device(name), REFUSED), ("immutable file", immutable, REFUSED),
    ):
        kept = ("victim",) if ends == DONE else (f"{FOLDER[1:]}/libcuda.so",)
        yield Attack("S-04", name, ("links",), taken(make), ends, kept)
    for name in ("libcuda.so.1", "libcuda.so.550.1"):
        yield Attack("S-05", f"{name} to shadow", ("links",), at(f"{FOLDER}/{name}", "link", "CANARY/shadow"), DONE)
    for name in ("dev", "dev/dri", "dev/nvidia0", "dev/null"):
        yield Attack("S-06", name, ("links", "cache", "devices", "modes"), at(name, "link", "CANARY/empty"), DONE)
    for name, target in (("proc", "tmp"), ("sys", "/"), ("run", "CANARY/empty")):
        yield Attack("S-07", f"{name} to {target}", ("links", "cache"), at(name, "link", target), DONE)
    yield Attack("S-07", "proc is a file", ("links", "cache"), at("proc", "file"), DONE)
    for target in ("../../etc", "CANARY", "CANARY/empty", up + "CANARY", "/etc", "etc"):
        yield Attack("S-07", f"etc to {target}", ("cache", "configuration"), at("etc", "link", target), REFUSED)
    yield Attack("S-08", "firmware", ("links", "cache"), at("lib/firmware/nvidia", "link", up + "CANARY"), DONE)
    yield Attack(
        "S-09", "compat libraries", ("links", "cache"), many(
            at("usr/local/cuda/compat/libX.so.999", "link", "/proc/1/cwd/usr/lib/libnvidia-ml.so.1"),
            at("usr/local/cuda/compat/libcuda.so.999", "link", "CANARY/libcuda.so.1"),
            at("usr/lib/libnvidia-ml.so.1", "link", "/")), DONE)
    for name in ("usr/local", "usr/local/cuda", COMPAT[1:], "etc", "etc/ld.so.conf.d", COMPAT[1:] + "/libcuda.so.575.1"):
        for target in ("CANARY", "CANARY/empty", up + "CANARY", "/proc/self/root/CANARY", "/proc/1/cwd", "/nowhere", "/"):
            yield Attack("S-09", f"{name} to {target}", ("compat", "proc"), at(name, "link", target), EITHER)
    for name in ("etc/nvidia", PROFILES[1:], PROFILES[1:] + "/10-container.conf", "dev", "dev/nvidia0", "etc"):
        for target in ("CANARY", "CANARY/empty", up + "CANARY", "/proc/self/root/CANARY", "/nowhere", "/dev/null"):
            yield Attack(
                "S-06" if name.startswith("dev") else "S-01", f"{name} to {target}", ("profile", "proc"),
                at(name, "link", target), EITHER)
    for kind, *further in (("folder",), ("fifo",), ("device", 1, 5), ("socket",)):
        yield Attack("S-04", f"profile {kind}", ("profile",), at(PROFILES[1:] + "/10-container.conf", kind, *further), EITHER)
    yield Attack("S-20", "dri to etc", ("links", "modes"), at("dev/dri", "link", "CANARY/folder"), DONE)
    # Configuration and cache
    for name in (CONFIGURATION, FRAGMENT):
        for kind, *further in (
            ("fifo",), ("folder",), ("device", 1, 5), ("socket",), ("sparse", 8 << 30), ("file", b"", 0),
            ("link", "/nowhere"), ("link", "/proc/kmsg"), ("link", "CANARY/ld.so.conf"), ("link", "/dev/zero"),
            ("link", "/etc/ld.so.conf"),
        ):
            words = " ".join([os.path.basename(name), kind, *map(str, further)])
            yield Attack("L-03", words, ("configuration",), at(name, kind, *further), EITHER)
    for name in (FRAGMENTS + "/zz.conf", CACHE + "~", "var/cache/ldconfig/aux-cache"):
        yield Attack("L-04", name, ("cache", "configuration"), at(name, "fifo"), DONE)
    itself = f"include /{CONFIGURATION}\n"
    yield Attack("L-05", "includes itself", ("configuration",), at(CONFIGURATION, "file", itself), DONE)
    yield Attack("L-05", "eight that include all", ("configuration",), many(
        at(CONFIGURATION, "file", f"include /{FRAGMENTS}/*.conf\n"),
        *(at(f"{FRAGMENTS}/{index}.conf", "file", f"include /{FRAGMENTS}/*.conf\n") for index in range(8))), DONE)
    yield Attack("L-05", "a pattern of stars", ("configuration",), at(
        CONFIGURATION, "file", "include " + "*a" * 15000 + "b\n"), DONE)
    for kind, *further in (("link", "CANARY/ld.so.cache"), ("link", "/nowhere"), ("link", "/victim")):
        yield Attack("L-07", f"cache {kind} {further}", ("cache",), many(
            at("victim", "file", "kept"), at(CACHE, kind, *further)), DONE, ("victim",))
    for kind, *further in (("folder",), ("fifo",), ("device", 1, 5), ("socket",), ("sparse", 8 << 30),
                           ("link", "/etc/ld.so.cache"), ("link", "/dev/zero")):
        words = " ".join(["cache", kind, *map(str, further)])
        ends = REFUSED if (kind, *further) != ("link", "/dev/zero") else DONE  # which is not in the image
        yield Attack("L-07", words, ("cache",), at(CACHE, kind, *further), ends)
    yield Attack(
        "L-07", "immutable cache", ("cache",), lambda image, canary: immutable(image, CACHE, canary), REFUSED, (CACHE,))
    yield Attack("L-07", "link at cache~", ("cache",), at(CACHE + "~", "link", "CANARY/ld.so.cache"), DONE)


def trials(attacks):
    for attack in attacks:
        for way in ways(*attack.changes):
            name = f"{attack.id.replace('-', '_')}-{attack.name}-{way}".replace(" ", "_").replace("/", "|")
            yield pytest.param(attack, way, id=name, marks=pytest.mark.attack(attack.id))


@pytest.mark.parametrize("attack, way", trials(rows()))
def test_hostile_root(image, scene, attack, way):
    canary = str(scene.canary)
    attack.build(image, canary)
    way.prepare(image.root)
    kept = {name: tree(image.path(name), deep=True) for name in attack.kept if os.path.lexists(image.path(name))}
    prefix = image.with_proc() if "proc" in attack.changes else ()
    run = image.run(*way.command(folder=attack.folder), prefix=prefix)
    assert run.code in (EITHER if way.is_lenient else attack.ends), run
    for name, before in kept.items():
        assert list(difference(before, tree(image.path(name), deep=True))) == []
    # What was made is the owner's, and nobody else can write it.
    for name in image.files():
        status = os.lstat(image.path(name))
        assert not name.endswith("~") or stat.S_ISFIFO(status.st_mode) or stat.S_ISLNK(status.st_mode)
        assert ".nvidia-runtime-" not in name, "a temporary file was left"
    # Once more: the same end, and nothing grows.
    before = image.files()
    assert image.run(*way.command(folder=attack.folder), prefix=prefix).code == run.code
    assert image.files() == before


NAIVE = """
mkdir -p "$0/opt/nv" "$0/etc/ld.so.conf.d"
ln -sf libcuda.so.1 "$0/opt/nv/libcuda.so"
echo /opt/nv >"$0/etc/ld.so.conf.d/00-nvidia-runtime.conf"
echo cache >"$0/etc/ld.so.cache"
"""


@pytest.mark.parametrize("id, name", [
    ("S-01", "to the host"), ("S-01", "to the full canary"), ("S-02", "to the host"), ("S-07", "etc to CANARY"),
    ("S-07", "etc to CANARY/empty"), ("L-07", "cache link ['CANARY/ld.so.cache']"),
])
def test_the_attacks_themselves(new_image, scene, tmp_path, id, name):
    """A program that works with strings harms the canary, so the test above can fail."""
    attack, = [attack for attack in rows() if (attack.id, attack.name) == (id, name)]
    harmed = Scene(tmp_path / "harmed")
    image = type(new_image)(harmed)
    attack.build(image, str(harmed.canary))
    harmed.run("sh", "-c", NAIVE, image.root)
    assert any(text.startswith("I1: ") for text in harmed.violations())


@pytest.mark.attack("S-05")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
def test_S_05_link_of_the_image_is_replaced(image, scene, way):
    image.link(f"{FOLDER}/libcuda.so.1", f"{scene.canary}/shadow")
    image.done(*way.command())
    assert os.readlink(image.path(f"{FOLDER}/libcuda.so.1")) == "libcuda.so.550.1"


@pytest.mark.attack("S-01", "S-02")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
@pytest.mark.parametrize("target", ["CANARY/empty", "../../../../../../../../CANARY/empty"])
def test_S_01_S_02_ends_in_the_image(image, scene, way, target):
    """Where the path is in the image too, that is where it goes."""
    inside = image.folder(f"{scene.canary}/empty")
    image.link(FOLDER, target.replace("CANARY", str(scene.canary)))
    image.done(*way.command())
    assert sorted(os.listdir(inside)) == ["libcuda.so", "libcuda.so.1"]


# S-18


@pytest.mark.attack("S-18")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
@pytest.mark.parametrize("kind", ["bind", "overlay", "tmpfs"])
def test_S_18_read_only(image, scene, way, kind):
    """It says so; nothing is left, and the host is not written in place of it."""
    image.folder("etc")
    way.prepare(image.root)
    run = image.run(*way.command(), prefix=image.read_only(kind))
    # In the tmpfs are no libraries to be found.
    assert b"ead-only file system" in run.error or ("scans" in way.changes and kind == "tmpfs")
    assert not set(way.leaves) & set(image.files())


# S-19: exactly these bytes, or an error

EXACT = [
    b"/\xcc\x81", b"/a/\xcc\x81/b", b"/\xff", b"/a\nb", b"/c d", b"/e:f::g", b"/" + b"n" * 255, b"/d" * 300 + b"/l",
    b"//x/./y", b"/\r\n", b"/\xed\xa0\x80", b"/%s", b"/-rf", b"/$(id)", b"/`id`", b"/'\"\\",
]
DENIED = [b"", b"/", b"//", b"/..", b"/.", b"/../..", b"/a/", b"/" + b"n" * 256, b"/d" * 2100, b"/a/.."]


@pytest.mark.attack("S-19", "E-11")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
@pytest.mark.parametrize("path", EXACT, ids=lambda path: repr(path[:20]))
def test_S_19_E_11_exact_bytes(image, way, path):
    if way.name == "create-symlinks" and b"::" in path:
        image.refused(*way.command(links=[b"t::" + path]))  # as the original
        return
    image.done(*way.command(links=[b"t::" + path]))
    whole = os.fsencode(image.root) + path
    assert os.readlink(whole) == b"t"
    made = {os.path.join(parent, name) for parent, _, files in os.walk(os.fsencode(image.root)) for name in files}
    made |= {os.path.join(parent, name) for parent, folders, _ in os.walk(os.fsencode(image.root)) for name in folders
             if os.path.islink(os.path.join(parent, name))}
    assert made == {os.path.normpath(whole)}


@pytest.mark.attack("S-19")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
@pytest.mark.parametrize("path", DENIED, ids=lambda path: repr(path[:20]))
def test_S_19_denied(image, scene, way, path):
    before = tree(image.root)
    run = scene.run(*way.command(links=[b"t::" + path]), input=image.state(), env={}, cwd=image.root)
    assert run.code in (1, 2) and run.error.count(b"NVR1") == 1, run
    assert list(difference(before, tree(image.root))) == []


# S-20


@pytest.mark.attack("S-20")
@pytest.mark.parametrize("way", [way for way in ways("links", "cache") if "modes" not in way.changes], ids=str)
def test_S_20_changes_no_mode(new_image, scene, way):
    """It has no call by which the mode or the owner of a file could be changed."""
    from image import Trace

    trace = Trace(scene)
    new_image.link("dev/dri", f"{scene.canary}/folder")
    way.prepare(new_image.root)
    new_image.done(*way.command(), prefix=trace.words)
    assert len(trace.lines) > 50
    assert trace.calls("f?chmod(at2?)?", "[fl]?chown(at)?", "mknod(at)?", "mount", "f?setxattr") == []


# S-21


@pytest.mark.attack("S-21")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
def test_S_21_user_namespace(image, way):
    """As root of a user namespace: what is made is that user's; without any right, an error and not half of it."""
    way.prepare(image.root)
    image.give_to(65534)
    prefix = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "-U", "-r")
    image.done(*way.command(), prefix=prefix)
    assert {os.lstat(image.path(name)).st_uid for name in image.files()} == {65534}
    if "paths" in way.changes:
        os.chown(image.root, 0, 0)
        for name in os.listdir(image.root):
            os.rename(image.path(name), image.bundle / name)
        image.refused(*way.command(), prefix=prefix[:-3], words="Permission denied")
        assert image.files() == []


# S-22


@pytest.mark.attack("S-22")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
@pytest.mark.parametrize("path, works", [
    ("rootfs", True), ("./rootfs/", True), ("../bundle/rootfs", True), ("ROOT", True), ("", False), ("/", False),
    ("//", False), ("/.", False), ("/..", False), ("/proc/self/root", False), ("/proc/..", False), ("nowhere", False),
    ("config.json", False), ("../" * 30, False), ("host", False), (7, False), (None, False), ("rootfs\0x", False),
])
def test_S_22_path_of_the_root(image, scene, way, path, works):
    """Relative to the bundle; and never the host's own root, whatever leads there."""
    (image.bundle / "host").symlink_to("/")
    image.configure(str(image.root) if path == "ROOT" else path)
    # A library folder of its own: were it the host's root, this would show.
    command = way.command(folder="/nvidia-attack-test")
    (image.done if works else image.refused)(*command)
    assert not os.path.lexists("/nvidia-attack-test")
    if way.name == "create-container":
        # crun says it in the state, which then counts.
        image.configure("nowhere")
        if isinstance(path, str) and path not in ("", "config.json"):
            state = image.state(root=str(image.root) if path == "ROOT" else path)
            assert image.run(*command, state=state).code == (0 if works and ".." not in path else 1)


# The loader's files, as other programs read them


@pytest.mark.attack("L-14", "L-15", "L-16")
@pytest.mark.parametrize("way", ways("libraries"), ids=str)
@pytest.mark.parametrize("kind", ["scratch", "no etc", "own configuration"])
def test_L_14_L_15_L_16_images(image, way, kind):
    """The image's own configuration stays as it is; a second time changes nothing."""
    if kind != "scratch":
        image.folder("usr/bin")
    own = {"a.conf": "/opt/a\n", "00-first.conf": "/opt/0\n", "zz.conf": "# last\n/opt/z\n"}
    if kind == "own configuration":
        image.file(CONFIGURATION, "include /etc/ld.so.conf.d/*.conf\n/opt/last\n")
        for name, text in own.items():
            image.file(f"{FRAGMENTS}/{name}", text)
    before = tree(image.root / "etc", deep=True) if kind == "own configuration" else {}
    image.done(*way.command())
    assert len(listing(str(image.root))) == 2
    after = tree(image.root / "etc", deep=True)
    for path in before:
        if os.path.isfile(path):
            assert after[path] == before[path], path
    for path in map(image.path, way.leaves):
        assert path.is_symlink() or stat.S_IMODE(path.stat().st_mode) == 0o644
    all_of_it = tree(image.root, deep=True)
    image.done(*way.command())
    assert list(difference(all_of_it, tree(image.root, deep=True))) == []
    # A restart with another driver leaves no trace of the one before.
    image.done(*way.command(folder="/opt/other"))
    assert image.path(FRAGMENT).read_text() == "/opt/other\n"
    assert len(os.listdir(image.path(FRAGMENTS))) == (4 if before else 1)


@pytest.mark.attack("L-13")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
def test_L_13_folders_without_write_permission(image, way):
    for name in (FOLDER, "etc", FRAGMENTS):
        os.chown(image.folder(name, 0o555), 1000, 1000)
    way.prepare(image.root)
    image.done(*way.command())
    assert set(way.leaves) <= set(image.files())

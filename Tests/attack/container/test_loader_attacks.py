# SPDX-License-Identifier: Apache-2.0
"""L-01 to L-10, L-16. They were found with ldconfig, which is never run: our own writer has to stand what broke it.
More are rows of test_roots.py. L-11 and L-12 are about the sandbox (Tests/blackbox/hook/test_start.py), L-17 about
what old and new loaders read (Tests/blackbox/hook/test_loader.py)."""

import json
import os
import random
import re
import shutil
import struct
from functools import cache

import pytest
from image import CACHE, CONFIGURATION, FRAGMENTS, ROUNDS, Trace, tool
from invariants import LIBRARY, tree
from support import MULTIARCH, build_shared, listing
from test_compatibility import OLD_HOST, build_libcuda
from test_races import finish, options, swapping, watched
from ways import BUILD, FOLDER, VERSION, WAYS, create_container, ways

COMPATIBILITY = "usr/local/cuda/compat"
LIBCUDA = "libcuda.so.575.57.08"


@cache
def libraries():
    """A compat library as NVIDIA's packages have it, and one whose SONAME leads out of every root."""
    folder = BUILD / "libraries"
    shutil.rmtree(folder, ignore_errors=True)
    build_libcuda(f"{folder}/{LIBCUDA}", 575)
    build_shared(f"{folder}/libevil.so.1", "../" * 12 + "tmp/nvidia-attack/libpwn.so.1", 1)
    return folder


def with_compatibility(image, library=None):
    """An image with compat libraries that would be used, and the command that judges them."""
    image.folder(COMPATIBILITY)
    shutil.copy(library or libraries() / LIBCUDA, image.path(f"{COMPATIBILITY}/{LIBCUDA}"))
    return create_container(more=OLD_HOST)


@pytest.fixture(params=["compatibility", "scan"])
def read_library(request, new_image):
    """The path of a library of an image that is read, and the command that reads it: for compat libraries, and for what
    is in the folders that update-ldcache is told."""
    if request.param == "compatibility":
        return new_image.path(f"{COMPATIBILITY}/{LIBCUDA}"), with_compatibility(new_image)
    way, = ways("scans")
    way.prepare(new_image.root)
    return new_image.path(f"{FOLDER}/libcuda.so.{VERSION}"), way.command()


def cache_of(entries, *, count=None, strings=None, extension=0):
    """An ld.so.cache in glibc's format (sysdeps/generic/dl-cache.h) with these names and paths, or one that says
    something else about itself."""
    text, table = bytearray(), bytearray()
    start = 48 + 24 * len(entries)
    for name, path in entries:
        table += struct.pack("<iIIIQ", 0x0303, start + len(text), start + len(text) + len(name) + 1, 0, 0)
        text += name + b"\0" + path + b"\0"
    numbers = struct.pack("<IIBxxxIxxxxxxxxxxxx", len(entries) if count is None else count,
                          len(text) if strings is None else strings, 2, extension)
    return bytes(b"glibc-ld.so.cache1.1" + numbers + table + text)


# L-01, L-02


@pytest.mark.attack("L-01")
@pytest.mark.parametrize("way", ways("cache", "links"), ids=str)
def test_L_01_hostile_sonames(image, scene, way):
    """In libraries of the image, wherever they are, and in its cache. Nothing comes of them, inside the root either."""
    evil = libraries() / "libevil.so.1"
    command = with_compatibility(image)
    for folder in (FOLDER, MULTIARCH, COMPATIBILITY):
        shutil.copy(evil, image.folder(folder) / "libnvidia-evil.so.1")
    up = b"../" * 12 + os.fsencode(scene.canary)
    image.file(CACHE, cache_of([(b"libpwn.so.1", up + b"/libcuda.so.1"), (up + b"/empty/x", b"/opt/x")]))
    before = set(image.files())
    trace = Trace(scene)
    image.done(*(command if way.name == "create-container" else way.command()), prefix=trace.words)
    assert trace.foreign_programs() == []
    assert not [name for name in set(image.files()) - before if "pwn" in name or "evil" in name]
    links = trace.calls("symlinkat")
    assert links or "paths" not in way.changes
    assert not [line for line in links if "pwn" in line or ".." in line]


@pytest.mark.attack("L-01")
@pytest.mark.parametrize("soname", ["../../x.so.1", "/etc/x.so.1", "..", ".", "", "a/b.so", "x\n.so", "x" * 256])
def test_L_01_hostile_soname_of_the_driver(image, scene, soname):
    """From a hostile driver root: the command itself is refused."""
    command = create_container(links=[], more=["--library", f"native:{soname}:/opt/nv/libcuda.so.1"])
    run = scene.run(*command, input=image.state(), env={})
    assert run.code == 2 and run.error.count(b"NVR1") == 1, run
    assert image.files() == []


@pytest.mark.attack("L-02")
@pytest.mark.parametrize("way", ways("cache", "links"), ids=str)
@pytest.mark.parametrize("without", ["capability", "call"])
def test_L_02_without_chroot(image, scene, way, without):
    """Where the root can't be changed, the result is the same."""
    def contents():
        return {os.path.relpath(path, image.root): (status[1], what)
                for path, (status, what) in tree(image.root, deep=True).items()}

    way.prepare(image.root)
    image.done(*way.command())
    expected = contents()
    for name in image.files():
        if name in way.leaves:
            image.path(name).unlink()
    trace = Trace(scene, *(["-e", "inject=chroot:error=EPERM"] if without == "call" else []))
    drop = ("setpriv", "--bounding-set=-sys_chroot", "--inh-caps=-sys_chroot") if without == "capability" else ()
    image.done(*way.command(), prefix=[*drop, *trace.words])
    assert trace.foreign_programs() == [] and not [line for line in trace.calls("chroot") if line.endswith("= 0")]
    assert contents() == expected


# L-05, L-06


@pytest.mark.attack("L-05", "L-06")
@pytest.mark.parametrize("way", ways("configuration"), ids=str)
def test_L_05_L_06_nothing_is_included(new_image, scene, way):
    """What the image's configuration includes is not opened: no files of procfs, no devices, not itself. Where folders
    are scanned, the order of which it tells, it is, but nothing is read of what is no file of the image."""
    image = new_image
    patterns = "/proc/*/environ /dev/zero /sys/kernel/* /etc/ld.so.conf.d/*.conf /etc/ld.so.conf /secret/*"
    for name in (CONFIGURATION, f"{FRAGMENTS}/1.conf", f"{FRAGMENTS}/2.conf"):
        image.file(name, f"include {patterns}\n/proc/1/root\n/dev\n")
    way.prepare(image.root)
    image.file("secret/x")
    trace = Trace(scene, "-y")
    image.done(*way.command(), prefix=[*image.with_proc(), *trace.words])
    read = [line for line in trace.calls("p?read(v|64)?") if not line.endswith("= 0")]
    assert read and not [line for line in read if re.search(r"\d<[^>]*(environ|/zero|/sys/)", line)]
    if "scans" in way.changes:
        return
    opened = trace.calls("openat2?", "open")
    assert len(opened) > 10
    for word in ("environ", "/dev/zero", "/sys/", "secret", "1.conf", "2.conf", "/proc/1"):
        assert not [line for line in opened if word in line], word
    assert len([line for line in opened if '/etc/ld.so.conf"' in line]) <= 3


# L-07: caches that lie about themselves

ONE = [(b"a.so", b"/a.so")]
CACHES = {
    "nothing": b"", "garbage": b"garbage", "NULs": bytes(4096), "only the header": cache_of([]),
    "half a header": cache_of([])[:30], "old format": b"ld.so-1.7.0\0" + struct.pack("<I", 0xFFFFFFFF),
    "old format around the new": b"ld.so-1.7.0\0" + struct.pack("<I", 0) + cache_of(ONE, count=1 << 31),
    "all ones": b"glibc-ld.so.cache1.1" + b"\xff" * 4096, "count": cache_of(ONE, count=0xFFFFFFFF),
    "count that wraps": cache_of(ONE, count=0x0AAAAAAB), "strings": cache_of(ONE, strings=0xFFFFFFFF),
    "extension at the end": cache_of(ONE, extension=0xFFFFFFF0), "extension into itself": cache_of(ONE, extension=8),
    "no NUL": cache_of(ONE)[:-1] + b"x",
    "offsets": cache_of(ONE).replace(struct.pack("<I", 72), struct.pack("<I", 0xFFFFFFFF)),
    "long names": cache_of([(b"n" * 100_000, b"/" + b"p" * 100_000)]),
    "names with control bytes": cache_of([(b"\x1b[2J\n", b"/\x1b]0;x\x07")]),
    "60,000 entries": cache_of([(b"lib%d.so" % index, b"/opt/lib%d.so" % index) for index in range(60_000)]),
    "60,000 times the same": cache_of([(b"libcuda.so.1", b"/opt/x/libcuda.so.1")] * 60_000),
}


@pytest.mark.attack("L-07")
@pytest.mark.parametrize("way", ways("cache"), ids=str)
@pytest.mark.parametrize("name", CACHES)
def test_L_07_cache(new_image, way, name):
    """It is made anew or kept; in the end ldconfig, which reads it too, finds ours in it."""
    new_image.file(CACHE, CACHES[name])
    way.prepare(new_image.root)
    new_image.done(*way.command())
    assert [line for line in listing(str(new_image.root)) if line.endswith("=> /opt/nv/libcuda.so.1")]


@pytest.mark.attack("L-07", "L-08")
@pytest.mark.parametrize("way", ways("cache"), ids=str)
def test_L_07_mutated_caches(new_image, way):
    """A good one with bytes changed at random, with a fixed seed."""
    good = cache_of([(b"lib%d.so" % index, b"/opt/lib%d.so" % index) for index in range(20)])
    way.prepare(new_image.root)
    for text in mutations(good, 150, 48 + 20 * 24):
        new_image.file(CACHE, text)
        new_image.done(*way.command())


# L-08 to L-10: ELF files


def mutations(text, count, head):
    """Mostly where the numbers are: in the first `head` bytes."""
    numbers = random.Random(535)
    for _ in range(count):
        changed = bytearray(text)
        for _ in range(numbers.choice((1, 1, 2, 4, 16))):
            position = numbers.randrange(head if numbers.random() < 0.8 else len(changed))
            changed[position] = numbers.choice((0, 1, 0x7F, 0x80, 0xFF, numbers.randrange(256)))
        yield bytes(changed[:numbers.randrange(len(changed))] if numbers.random() < 0.1 else changed)


@pytest.mark.attack("L-08")
def test_L_08_mutated_libraries(new_image, read_library):
    """ldconfig of glibc 2.31 crashes on one of fifty such files."""
    path, command = read_library
    for text in mutations(path.read_bytes(), 150, 64 + 10 * 56):
        path.write_bytes(text)
        new_image.run(*command)


def program_headers(text):
    return struct.unpack_from("<Q", text, 32)[0], struct.unpack_from("<H", text, 56)[0]


HUGE = {"p_filesz": 32, "p_memsz": 40, "p_offset": 8, "p_align": 48}


@pytest.mark.attack("L-09")
@pytest.mark.parametrize("value", [0x7FFFFFFFFFFFFFFF, 0xFFFFFFFFFFFFFFFF, 1 << 40, 0xFFFFFFF0])
@pytest.mark.parametrize("member", HUGE)
def test_L_09_huge_segments(new_image, read_library, member, value):
    """In a file of a gigabyte that has next to nothing in it."""
    path, command = read_library
    text = bytearray(path.read_bytes())
    start, count = program_headers(text)
    for index in range(count):
        struct.pack_into("<Q", text, start + 56 * index + HUGE[member], value)
    path.write_bytes(text)
    os.truncate(path, 1 << 30)
    assert new_image.run(*command).seconds < 2


@pytest.mark.attack("L-09")
def test_L_09_as_many_sections_as_there_can_be(new_image, read_library):
    path, command = read_library
    text = bytearray(path.read_bytes())
    struct.pack_into("<HHHH", text, 54, 56, 0xFFFF, 64, 0xFFFF)
    path.write_bytes(text)
    os.truncate(path, 1 << 30)
    assert new_image.run(*command).seconds < 2


@pytest.fixture
def many_files(new_image):
    """Two folders with 200,000 files, in memory."""
    folder = new_image.folder("many")
    assert LIBRARY.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=1g,nr_inodes=500000") == 0
    for index in range(200_000):
        os.mknod(f"{folder}/libnvidia-{index}.so.1")
    yield new_image
    LIBRARY.umount2(os.fsencode(folder), 2)


@pytest.mark.attack("L-09")
def test_L_09_folder_of_200_000_files(many_files):
    image = many_files
    image.link("opt/nv", "../many")
    image.link(COMPATIBILITY, "../../../many")
    shutil.copy(libraries() / LIBCUDA, image.path(f"many/{LIBCUDA}"))
    run = image.done(*create_container(more=OLD_HOST))
    assert run.seconds < 3, run
    assert image.has_links()


def shared_text(count, length):
    """A cache whose entries share their text, in no order."""
    numbers, start = random.Random(7), 48 + 24 * count
    table = b"".join(
        struct.pack("<iIIIQ", 0x0303, start + numbers.randrange(length), start + numbers.randrange(length), 0, 0)
        for _ in range(count))
    text = b"1" * length + b"\0"
    return cache_of([], count=count, strings=len(text)) + table + text


@pytest.mark.attack("L-09")
def test_L_09_largest_cache(new_image):
    """16 MiB of entries: it ends in time and within its memory, done or not."""
    new_image.file(CACHE, shared_text(698_000, 90))
    assert new_image.path(CACHE).stat().st_size <= 16 << 20
    run = new_image.run(*create_container(), limit=15)
    assert run.code == 0 or b"File too large" in run.error or b"gave up after 10 s" in run.error, run


@pytest.mark.attack("L-09")
def test_L_09_cache_that_grows(new_image):
    """5 MiB that would become 20 MiB, more than the next start would read: refused, and the image's own is kept."""
    text = shared_text(230_000, 85)
    new_image.file(CACHE, text)
    new_image.refused(*create_container(), words="write /etc/ld.so.cache: File too large", limit=15)
    assert new_image.path(CACHE).read_bytes() == text and not [name for name in new_image.files() if "etc/." in name]


@pytest.mark.attack("L-09")
@pytest.mark.parametrize("way", ways("scans"), ids=str)
def test_L_09_scan_of_200_000_files(many_files, way):
    many_files.link("opt/nv", "../many")
    many_files.run(*way.command(), limit=15)


@pytest.mark.attack("L-10")
@pytest.mark.parametrize("name", [f"{COMPATIBILITY}/{LIBCUDA}", CACHE, CONFIGURATION])
def test_L_10_truncated_while_it_is_read(image, scene, name):
    """No SIGBUS, since nothing is mapped, and an end in time."""
    command = with_compatibility(image)
    if name != f"{COMPATIBILITY}/{LIBCUDA}":
        image.file(name, cache_of([(b"a.so", b"/a.so")] * 1000))
    made = [path for path in WAYS[0].leaves if path != name]
    with swapping(("resize", image.path(name), str(image.path(name).stat().st_size))) as swaps:
        run = scene.run(
            tool("rounds"), "--count", ROUNDS // 4, "--seconds", 4, *watched(image), *options(image, made), "--",
            *command, limit=30)
    report = finish(image, run)
    assert swaps[0] > 1000 and report["rounds"] > 20


# L-16, and X-07 without a low-level runtime


@pytest.mark.attack("L-16", "X-07")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
def test_L_16_X_07_killed_at_each_call(image, scene, way):
    """What it does is done by one rename each, or not at all; the next start completes it. What can be left is one
    temporary file for each time that it was killed."""
    def start_anew():
        for name in os.listdir(image.root):
            shutil.rmtree(image.path(name))
        way.prepare(image.root)

    start_anew()
    image.done(*way.command())
    whole = {name: contents(image, name) for name in image.files()}
    start_anew()
    kills = 0
    for number in range(1, 5000):
        run = scene.run(
            tool("step-at-path-call"), "--kill", "--only", number, *options(image, ()), "--", *way.command(), limit=60)
        report = json.loads(run.output)
        for name in image.files():
            assert ".nvidia-runtime-" in name or contents(image, name) == whole[name], (number, name)
        if report["codes"] != {"-9": 1}:
            break
        kills += 1
        if number % 3:
            # A fresh root, so that every call of the whole work is the last one once.
            image.done(*way.command())
            assert {name: contents(image, name) for name in image.files() if ".nvidia-runtime-" not in name} == whole
        assert len([name for name in image.files() if ".nvidia-runtime-" in name]) <= 1
        start_anew()
    assert report["codes"] == {"0": 1} and kills > 10


def contents(image, name):
    path = image.path(name)
    return os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None

# SPDX-License-Identifier: Apache-2.0
"""S-10 to S-14: another container of the same volume changes the root while we work in it. Each race is run twice: for
many rounds against a swapper on the other processor, and once for each of our path calls, with the swap exactly before
it.

ATTACK_ROUNDS=20000 runs that many rounds of each, or a minute of it."""

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from image import QUICK, ROUNDS, SECONDS, Trace, tool
from invariants import Scene
from ways import ways


@dataclass
class Race:
    id: str
    path: str  # in the root, a folder
    target: str  # what the link in place of it leads to
    changes: tuple
    links: tuple = None  # to be made, with what comes of them, in place of what is made for the library folder
    made: tuple = None

    def arguments(self, way):
        """The command, and what it makes."""
        return way.command(links=self.links), self.made or way.leaves

    def build(self, image):
        image.folder("opt/nv")
        image.folder("etc/ld.so.conf.d")
        image.folder(self.path)
        target = self.target.replace("CANARY", str(image.scene.canary))
        image.link(self.path + ".other", target)
        return [image.path(self.path), image.path(self.path + ".other")]


RACES = [
    Race("S-10", "opt/nv", "CANARY", ("links",)),
    Race("S-10", "opt/nv", "CANARY/empty", ("links",)),
    Race("S-11", "etc/ld.so.conf.d", "CANARY/ld.so.conf.d", ("configuration",)),
    Race("S-11", "etc", "CANARY", ("cache", "configuration")),
    Race("S-11", "etc/ld.so.conf.d", "CANARY/empty", ("compat",)),
    Race("S-10", "etc/nvidia", "CANARY/empty", ("profile",)),
]
DEEP = tuple("opt/b/c/d/e/f".rsplit("/", count)[0] for count in range(5))
MISSING = Race("S-12", "opt", "CANARY/empty", ("paths",), ("a::/opt/b/c/d/e/f",), DEEP)
MISSING_WITHIN = Race("S-12", "opt/b", "CANARY/empty", ("paths",), MISSING.links, DEEP)


def trials(races):
    for race in races:
        for way in ways(*race.changes):
            name = f"{race.id.replace('-', '_')}-{race.path}-{race.target}-{way}".replace("/", "|")
            yield pytest.param(race, way, id=name, marks=pytest.mark.attack(race.id))


def options(image, made, watched=()):
    """What rounds and step-at-path-call have to know of an image."""
    state = image.scene.folder / "state"
    state.write_bytes(image.state())
    words = ["--state", state, "--log", image.scene.folder / "log", "--root", image.root]
    for path in made:
        words += ["--clean", path]
    return words + ([] if image.with_openat2 else ["--no-openat2"])


def watched(image):
    return [word for name in (".", "empty", "ld.so.conf.d") for word in ("--watch", image.scene.canary / name)]


def finish(image, run):
    """What a tool reports, and what the programs under attack wrote."""
    assert run.code == 0, run
    report = json.loads(run.output)
    print(report)
    log = image.scene.folder / "log"
    image.scene.saw(0, log.read_bytes() if log.exists() else b"")
    assert report["codes"].keys() <= {"0", "1"}, report
    return report


@contextmanager
def swapping(*words):
    """While swappers work, one for each word list. In the end the list that was given has how often each did."""
    processes = [subprocess.Popen([tool("swapper"), *each], stdout=subprocess.PIPE) for each in words]
    counts = []
    try:
        for process in processes:
            assert process.stdout.readline() == b"ready\n"
        yield counts
    finally:
        for process in processes:
            process.terminate()
        counts += [int(process.communicate(timeout=30)[0]) for process in processes]


def run_rounds(image, command, made, *swappers, count=ROUNDS):
    with swapping(*swappers) as swaps:
        run = image.scene.run(
            tool("rounds"), "--count", count, "--seconds", SECONDS, *watched(image), *options(image, made), "--",
            *command, limit=SECONDS + 10)
    report = finish(image, run)
    print(swaps)
    assert report["rounds"] >= min(count, 20) and min(swaps, default=count) > report["rounds"] / 10, (report, swaps)
    assert report["longest"] < QUICK * 1000, report
    assert not report["changed"], report
    return report


@pytest.mark.parametrize("race, way", trials(RACES))
def test_swapped_at_random(image, race, way):
    names = race.build(image)
    way.prepare(image.root)
    run_rounds(image, *race.arguments(way), ("exchange", *names))


@pytest.mark.parametrize("race, way", trials([MISSING]))
def test_missing_parent_appears_at_random(image, scene, race, way):
    run_rounds(image, *race.arguments(way), ("appear", image.path(race.path), scene.canary / "empty"))


@pytest.mark.parametrize("back", [False, True], ids=["once", "and_back"])
@pytest.mark.parametrize("first", [False, True], ids=["folder_first", "link_first"])
@pytest.mark.parametrize("race, way", trials([*RACES, MISSING_WITHIN]))
def test_swapped_at_each_call(image, race, way, first, back):
    names = race.build(image)
    way.prepare(image.root)
    flags = ["--back"] * back + ["--swapped-first"] * first
    report = step(image, *race.arguments(way), "--swap", *names, *flags)
    assert report["steps"] > 10, report


def step(image, command, made, *words):
    run = image.scene.run(
        tool("step-at-path-call"), *words, "--watch", image.scene.canary, *options(image, made), "--", *command,
        limit=60)
    report = finish(image, run)
    assert report["violations"] == [], report
    return report


@pytest.mark.parametrize("kind", ["rounds", "steps"])
def test_the_races_themselves(new_image, tmp_path, kind):
    """A program that works with strings harms the canary, so the tests above can fail."""
    harmed = Scene(tmp_path / "harmed")
    image = type(new_image)(harmed)
    names = RACES[1].build(image)
    naive = ("/bin/ln", "-sfn", "libcuda.so.1", image.path("opt/nv/libcuda.so"))
    words = options(image, ["opt/nv/libcuda.so"])
    if kind == "steps":
        run = harmed.run(
            tool("step-at-path-call"), "--swap", *names, "--watch", harmed.canary / "empty", *words, "--", *naive)
        assert json.loads(run.output)["violations"] != []
    else:
        with swapping(("exchange", *names)):
            run = harmed.run(
                tool("rounds"), "--count", ROUNDS, "--seconds", SECONDS, *watched(image), *words, "--", *naive,
                limit=SECONDS + 10)
        assert json.loads(run.output)["changed"]
    assert any(text.startswith("I1: ") for text in harmed.violations())


# S-13


def with_two_roots(image, way):
    """Another folder that the root changes places with."""
    other = image.bundle / "other"
    for root in (image.root, other):
        for name in ("opt/nv", "etc/ld.so.conf.d"):
            (root / name).mkdir(parents=True)
        way.prepare(root)
    return other


def made_in(root, way):
    return [name for name in way.leaves if os.path.lexists(root / name)]


@pytest.mark.attack("S-13")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
def test_S_13_root_is_swapped_at_each_call(image, way):
    """All is made in one of the two, whichever it was when the root was opened, and in the other nothing."""
    other = with_two_roots(image, way)
    ends = set()
    for number in range(1, 5000):
        report = step(image, way.command(), way.leaves, "--swap", image.root, other, "--only", number)
        # They are back where they were.
        found = [made_in(root, way) for root in (image.root, other)]
        assert sorted(map(len, found)) == [0, len(way.leaves)], (number, found)
        assert report["codes"] == {"0": 1}, report
        ends.add(len(found[0]) > 0)
        if report["steps"] < number:
            break
        for root in (image.root, other):
            for name in made_in(root, way):
                os.unlink(root / name)
    assert number > 10 and ends == {False, True}


@pytest.mark.attack("S-13")
@pytest.mark.parametrize("way", ways("links", "cache"), ids=str)
def test_S_13_root_is_swapped_at_random(image, way):
    other = with_two_roots(image, way)
    run_rounds(image, way.command(), way.leaves, ("exchange", image.root, other))


# S-14


@pytest.mark.attack("S-14")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
def test_S_14_rename_storm(image, way):
    """Eight processes that rename all the time, while paths with many `..` are resolved."""
    image.folder("opt/nv")
    names = [(image.folder(f"a/{index}"), image.path(f"a/x{index}")) for index in range(8)]
    command = way.command(links=["x::" + "/a/.." * 100 + f"/opt/nv/{name}" for name in "xyz"])
    report = run_rounds(
        image, command, [f"opt/nv/{name}" for name in "xyz"], *(("storm", *pair) for pair in names), count=ROUNDS // 4)
    assert report["longest"] < 2000, report


@pytest.mark.attack("S-14")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
def test_S_14_it_is_always_too_late(new_image, scene, way):
    """Where the kernel asks to try again for ever, it is tried 128 times and for 50 ms at most, and then refused."""
    new_image.folder("opt/nv")
    trace = Trace(scene, "-e", "trace=openat2", "-e", "inject=openat2:error=EAGAIN")
    run = new_image.refused(*way.command(links=["a::/opt/nv/b"]), prefix=trace.words)
    assert b"Resource temporarily unavailable" in run.error
    assert 1 < len(trace.calls("openat2")) <= 4 * 128


@pytest.mark.attack("S-14")
@pytest.mark.parametrize("way", ways("paths"), ids=str)
def test_S_14_it_is_too_late_at_first(new_image, scene, way):
    new_image.folder("opt/nv")
    trace = Trace(scene, "-e", "trace=openat2", "-e", "inject=openat2:error=EAGAIN:when=1..20")
    new_image.done(*way.command(links=["a::/opt/nv/b"]), prefix=trace.words)

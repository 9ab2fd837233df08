# SPDX-License-Identifier: Apache-2.0
"""S-10 to S-12 for `nvidia-container-cli configure`, whose steps in a root are the prestart hook's too: another container
of the same volume changes the root while things are mounted and made in it. What must hold for all: the canary is as it
was, each mount is one that a calm run makes, in the root, and nothing is left mounted by a run that failed.

ATTACK_ROUNDS as for test_races.py."""

import os
from dataclasses import dataclass

import pytest
from image import ROUNDS, SECONDS, tool
from injection import PATH_VARIABLE
from setting_up import DRIVER, FIRMWARE, LIBRARIES
from test_races import finish, swapping, watched

KERNELS = {"new": (), "walk": ("--no-openat2",), "old_mounts": ("--old-mounts",), "old": ("--no-openat2", "--old-mounts")}
MISSING = [f"{FIRMWARE}/gsp_ga10x.bin", f"{FIRMWARE}/gsp_tu10x.bin", FIRMWARE, FIRMWARE.rpartition("/")[0]]


@dataclass
class Race:
    id: str
    path: str  # in the root, a folder
    target: str  # what the link in place of it leads to
    made: tuple = ()  # what is to be made anew each time

    def __str__(self):
        return f"{self.id.replace('-', '_')}-{self.path}-{self.target}".replace("/", "|")


RACES = [
    Race("S-10", LIBRARIES, "CANARY"), Race("S-10", LIBRARIES, "CANARY/empty"), Race("S-10", "/usr/bin", "CANARY/empty"),
    Race("S-10", "/run", "CANARY/empty", ("/run/nvidia-persistenced/socket", "/run/nvidia-persistenced")),
    Race("S-10", "/dev", "CANARY/empty", ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-modeset")),
    Race("S-10", "/proc/driver", "CANARY/empty"), Race("S-11", "/etc", "CANARY"),
    Race("S-12", "/usr/lib/firmware", "CANARY/empty", MISSING),
]


def trials(races=RACES):
    return pytest.mark.parametrize(
        "race", [pytest.param(race, id=str(race), marks=pytest.mark.attack(race.id)) for race in races])


class Scenery:
    """A root on the node, and running a tool of the races there."""

    def __init__(self, image, node, kernel):
        self.image, self.node, self.scene, self.root = image, node, image.scene, image.root
        for folder in (f"{DRIVER}/gpus", "etc/ld.so.conf.d", "run", "dev", "usr/bin", "usr/lib/firmware", LIBRARIES):
            image.folder(folder)
        image.link("lib", "usr/lib")
        (self.scene.folder / "state").touch()
        self.flags = KERNELS[kernel]

    def build(self, race):
        self.image.folder(race.path)
        self.image.link(race.path + ".other", race.target.replace("CANARY", str(self.scene.canary)))
        return [self.image.path(race.path), self.image.path(race.path + ".other")]

    def run(self, name, *words, made=(), limit=60):
        """Runs the tool. Gives what it reports and the mounts that it saw."""
        mounts = self.scene.folder / "mounts"
        options = ["--state", self.scene.folder / "state", "--log", self.scene.folder / "log", "--root", self.root,
                   "--mounts", mounts, *self.flags]
        for path in made:
            options += ["--clean", path.lstrip("/")]
        enter = ("nsenter", "--target", str(self.node.pid), "--mount", "--pid", "--cgroup", "--wdns=/", "--")
        command = ("/usr/bin/nvidia-container-cli", "configure", "--no-cgroups", "--device=0", "--utility", self.root)
        run = self.scene.run(
            *enter, tool(name), *words, *options, "--", *command, env={"PATH": PATH_VARIABLE}, limit=limit)
        return finish(self.image, run), {tuple(line.split(" ")) for line in mounts.read_text().splitlines()}

    def calm(self):
        """What is mounted when nobody interferes: file system, root and name of each."""
        report, mounts = self.run("rounds", "--count", 1, "--seconds", 10)
        assert report["codes"] == {"0": 1} and len(mounts) > 5, (report, mounts)
        self.check(mounts, mounts)
        return mounts

    def check(self, mounts, calm):
        allowed = {(device, source) for device, source, _ in calm}
        for device, source, place in mounts:
            assert (device, source) in allowed, (device, source, place)
            assert place.startswith(f"{self.root}/"), place


@pytest.fixture(params=KERNELS)
def scenery(new_image, node, request):
    return Scenery(new_image, node, request.param)


@trials()
def test_setup_swapped_at_random(scenery, race):
    calm, names = scenery.calm(), scenery.build(race)
    with swapping(("exchange", *names)) as swaps:
        report, mounts = scenery.run(
            "rounds", "--count", ROUNDS, "--seconds", SECONDS, *watched(scenery.image), made=race.made,
            limit=SECONDS + 20)
    scenery.check(mounts, calm)
    assert report["left"] == 0 and not report["changed"], report
    assert report["rounds"] >= 20 and swaps[0] > report["rounds"] / 10, (report, swaps)


@trials([Race("S-12", "/usr/lib/firmware/nvidia", "CANARY/empty", MISSING[:3])])
def test_setup_missing_folder_appears_at_random(scenery, scene, race):
    calm = scenery.calm()
    for path in MISSING:
        scenery.image.path(path).unlink() if path.endswith(".bin") else scenery.image.path(path).rmdir()
    with swapping(("appear", scenery.image.path(race.path), scene.canary / "empty")) as swaps:
        report, mounts = scenery.run(
            "rounds", "--count", ROUNDS, "--seconds", SECONDS, *watched(scenery.image), limit=SECONDS + 20)
    scenery.check(mounts, calm)
    assert report["left"] == 0 and not report["changed"], report
    assert report["rounds"] >= 20 and swaps[0] > report["rounds"] / 10, (report, swaps)


ORDERS = [(), ("--swapped-first", "--back"), ("--swapped-first",), ("--back",)]
IS_LONG = "ATTACK_ROUNDS" in os.environ
STEPPED = [race for race in RACES if IS_LONG or race.path not in ("/usr/bin", "/run") and race.target + race.path != "CANARY" + LIBRARIES]


@pytest.mark.parametrize("order", ORDERS if IS_LONG else ORDERS[:2], ids=" ".join)
@pytest.mark.parametrize("scenery", KERNELS if IS_LONG else ("new", "old_mounts"), indirect=True)
@trials(STEPPED)
def test_setup_swapped_at_each_call(scenery, race, order):
    calm, names = scenery.calm(), scenery.build(race)
    report, mounts = scenery.run(
        "step-at-path-call", "--swap", *names, *order, "--watch", scenery.scene.canary, made=race.made, limit=120)
    scenery.check(mounts, calm)
    assert report["left"] == 0 and report["violations"] == [], report
    assert report["steps"] > 100, report

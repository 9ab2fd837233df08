# SPDX-License-Identifier: Apache-2.0
"""The command line: as argp(3) of glibc reads it, by the table of those who call the program, and bad input."""

import os
import random
import re
import subprocess

import pytest
from container_cli import COMMAND_LINES, argp, run

NO_DRIVER = "initialization error: NVIDIA kernel module is not loaded: /proc/driver/nvidia/version does not exist; "
PROGRAM = os.environ["NVIDIA_CONTAINER_CLI"]

# What argp(3) refuses, or answers by itself.
MISUSES = [
    [], ["foo"], ["-?"], ["--help"], ["--usage"], ["--hel"], ["info", "--help"], ["info", "-?"], ["list", "--usage"],
    ["configure", "--help"], ["configure", "--usage"], ["-k"], ["--root"], ["-r"], ["-kr"], ["-kd"], ["-x"], ["-kx"],
    ["--us"], ["--foo"], ["--foo=1"], ["--load-kmods=1"], ["--no"], ["--no-pivot=x", "info"], ["--"], ["-", "info"],
    ["info", "x"], ["info", "--csv", "--", "--csv"], ["info", "--cs=1"], ["info", "-c"], ["info", "--foo", "-?"],
    ["list", "x"], ["list", "-d"], ["list", "--device"], ["list", "-lbq"], ["list", "--no-"], ["list", "--mig"],
    ["list", "--mig-c"], ["list", "--imex-channel"], ["list", "--lib=1"], ["list", "-l", "--", "-b"],
    ["configure"], ["configure", "--compute"], ["configure", "/a", "/b"], ["configure", "--no-c", "/a"],
    ["configure", "--no-cgroups=1", "/a"], ["configure", "--c", "/a"], ["configure", "-cuX", "/a"],
    ["configure", "-p"], ["configure", "/a", "--foo"], ["configure", "--", "/a", "--compute"], ["configure", "-l"],
    ["info", "--\x7f"], ["-\x01"], ["list", "--d\u00e9vice"],
]


@pytest.mark.parametrize("arguments", MISUSES, ids=str)
def test_misuse(arguments):
    """Exit status, standard output and error are those of argp(3), but for bytes that no terminal should get."""
    status, output, errors = run(argp(), *arguments)
    assert output or status == 1
    if not all(word.isascii() and word.isprintable() for word in arguments):
        assert run(PROGRAM, *arguments)[:2] == (status, output)
        assert all(line.isprintable() for line in run(PROGRAM, *arguments)[2].splitlines())
        return
    assert run(PROGRAM, *arguments) == (status, output, errors)


def test_path_of_the_program():
    """A wrong global option is told with argv[0] as it is, everything else with the file's name."""
    for arguments in (["--foo"], ["info", "--foo"], ["foo"], ["info", "x"]):
        results = [
            subprocess.run(["/opt/bin/nvidia-container-cli", *arguments], executable=path, capture_output=True)
            for path in (argp(), PROGRAM)]
        assert results[0].stderr == results[1].stderr


WORDS = [
    "info", "list", "configure", "--", "-", "-n", "-u", "-u0:0", "--user", "--user=root:video", "--no-pivot", "-r",
    "/tmp", "/", "--root=/", "--root", "-d", "--debug", "-l", "-nl", "--ldcache=/x", "--no-create", "--csv", "--json",
    "-lb", "-c", "-cu", "-D", "--compute", "--comp", "--compat32", "--device=0", "-d0", "--no-cgroups", "--no-cntlibs",
    "--no-", "--pid=5", "-p5", "--require=cuda>=1", "--cuda=ldconfig", "--mig-config", "all", "-v", "-g", "--imex=0",
    "x", "", "-?", "--usage", "--unknown", "-Z", "--no-gsp-firmware", "--firmwares=1",
]


def test_any_command_line(bare):
    """What argp(3) refuses is refused alike, and nothing else is called a misuse."""
    generator = random.Random(20240611)
    refused = 0
    for _ in range(400):
        arguments = [generator.choice(WORDS) for _ in range(generator.randrange(8))]
        if generator.randrange(4):
            arguments.insert(0, generator.choice(["info", "list", "configure"]))
        status, output, errors = run(argp(), *arguments)
        result = bare.cli(*arguments)
        if status or output:
            # Values are looked at as they come: a bad one may end it before a bad option does.
            if re.match("nvidia-container-cli: (input|mig-config|mig-monitor) error: ", result[2]):
                continue
            assert result == (status, output, errors), arguments
            refused += 1
        else:
            assert "Try `" not in result[2], arguments
    assert refused > 100


def test_version():
    """The labels and their order are the original's; programs look for the first."""
    for arguments in (["-V"], ["--version"], ["-nV"], ["info", "-V"], ["configure", "--version"]):
        status, output, errors = run(PROGRAM, *arguments)
        assert (status, errors) == (0, "")
        assert [line.partition(": ")[0] for line in output.splitlines()] == [
            "cli-version", "lib-version", "build date", "build revision", "build compiler", "build platform",
            "build flags"]
        assert all(line.partition(": ")[2] for line in output.splitlines())


@pytest.mark.parametrize("line", COMMAND_LINES, ids=lambda line: line["caller"])
def test_callers_are_understood(bare, line):
    """Without a driver each of them fails for that reason and no other."""
    names = {"ROOT": "/var/tmp", "LOG": "/run/log", "PID": "1", "--pid=PID": "--pid=1", "--debug=LOG": "--debug=/run/log",
             "--device=GPU-UUID": "--device=GPU-5171a7ed-0000-4000-8000-000000000000"}
    status, output, errors = bare.cli(*[names.get(word, word) for word in line["arguments"]])
    lines = errors.splitlines()
    assert (status, output) == (1, "") and lines[-1].startswith("nvidia-container-cli: " + NO_DRIVER), errors
    assert len(lines) == 1 or line.get("log"), errors


GPU = "GPU-00000000-0000-0000-0000-000000000000"
# A command line and the start of what is said of it.
BAD = [
    (["configure", "rootfs"], "input error: invalid rootfs directory; "),
    (["configure", "/"], "input error: invalid rootfs directory; "),
    (["configure", "//"], "input error: invalid rootfs directory; "),
    (["configure", "/./"], "input error: invalid rootfs directory; "),
    (["configure", ""], "input error: invalid rootfs directory; "),
    (["configure", "--pid=x", "/a"], "input error: parse pid failed: invalid argument; "),
    (["configure", "--pid=", "/a"], "input error: parse pid failed: invalid argument; "),
    (["configure", "--pid=1x", "/a"], "input error: parse pid failed: invalid argument; "),
    (["configure", "--pid=2147483648", "/a"], "input error: parse pid failed: numerical result out of range"),
    (["configure", *["--require=cuda>=1"] * 33, "/a"], "input error: too many requirements"),
    (["configure", "--mig-config=0", "/a"], "mig-config error: 0: only 'all' devices are currently supported"),
    (["configure", "--mig-monitor=x", "/a"], "mig-monitor error: x: only 'all' devices are currently supported"),
    (["list", "--mig-monitor=x"], "mig-monitor error: x: only 'all' devices are currently supported"),
    (["configure", "--cuda-compat-mode=x", "/a"], "input error: invalid cuda-compat-mode: x; "),
    (["configure", "--cuda-compat-mode=mount", "--cuda-compat-mode=ldconfig", "/a"],
     "container error: only one cuda-compat-mode can be specified at a time"),
    (["configure", "--imex-channel=x", "/a"], "error parsing IMEX info: invalid IMEX channel: x; "),
    (["list", "--imex-channel=1048576"], "error parsing IMEX info: invalid IMEX channel: 1048576; "),
    (["list", "--imex-channel=-1"], "error parsing IMEX info: invalid IMEX channel: -1; "),
    (["list", "-d", "2"], "device error: 2: unknown device; it has 0 (GPU-"),
    (["list", "-d", "0,2"], "device error: 2: unknown device; "),
    (["list", "-d", "0:0"], "device error: 0:0: unknown device; GPU 0 has no MIG devices: it is not partitioned ("),
    (["list", "-d", "none"], "device error: none: unknown device; "),
    (["list", "-d", GPU], f"device error: {GPU}: unknown device; it has 0 ("),
    (["list", "-d", GPU[:12]], f"device error: {GPU[:12]}: unknown device; "),
    (["list", "-d", "GPU-"], "device error: GPU-: unknown device; "),
    (["list", "-d", "MIG-" + GPU[4:]], f"device error: MIG-{GPU[4:]}: unknown device; no GPU is partitioned ("),
    (["list", "-d", "0000:ff:00.0"], "device error: 0000:ff:00.0: unknown device; "),
    (["list", "-d", "-1"], "device error: -1: unknown device; "),
    (["list", "-d", " 0"], "device error:  0: unknown device; "),
    (["list", "-d", "18446744073709551616"], "device error: 18446744073709551616: unknown device; "),
    (["list", "-d", "\n\x1b[31m"], "device error: \\n\\x1b[31m: unknown device; "),
    (["list", "-d", b"\xff\xfe"], "device error: \\xff\\xfe: unknown device; "),
    (["list", "-d", "x" * 5000], "device error: xxxxxxxxxx"),
    (["configure", "-d", "7", "/a"], "device error: 7: unknown device; it has 0 (GPU-"),
    (["configure", "-d", "0,nope,1", "/a"], "device error: nope: unknown device; "),
    (["configure", "--require=cuda>=99", "/a"], "requirement error: unsatisfied condition: cuda>=99 (--require): "),
    (["configure", "--require=cuda>=1", "--require=driver<1", "/a"],
     "requirement error: unsatisfied condition: driver<1 (--require): "),
    (["configure", "--require=brand=geforce", "-d", "0", "/a"],
     "requirement error: unsatisfied condition: brand=geforce (--require): "),
    (["configure", "--require=cuda", "/a"], "requirement error: invalid expression: --require is malformed at byte 0"),
    (["configure", "--require=arch>=x", "/a"], "requirement error: invalid expression: --require is malformed at "),
    (["configure", "--imex-channel=5", "/a"], "device error: IMEX channel is missing: "),
    (["--root=/nowhere", "list"], "initialization error: can't use the driver root: open /nowhere: No such file"),
    (["--root=/var/empty", "configure", "--compute", "/a"], "detection error: driver library not found: "),
]


@pytest.mark.parametrize("arguments, start", BAD, ids=lambda value: str(value)[:60])
def test_bad_input(node, arguments, start):
    """One line in the original's form, and exit status 1."""
    node.path("/var/empty").mkdir(exist_ok=True)
    line = node.error(*arguments)
    assert line.startswith(start), line
    assert len(line) < 1500


def test_log(node, tmp_path):
    """--debug tells what was done and why it failed; a link in its place is left alone."""
    log = tmp_path / "log"
    node.error("--debug", log, "configure", "-d", "7", "/a")
    text = log.read_text()
    assert 'configure -d 7 /a"' in text and "level=error" in text and "device error: 7: unknown device" in text
    victim = tmp_path / "victim"
    victim.write_text("kept\n")
    (tmp_path / "link").symlink_to(victim)
    node.error("--debug", tmp_path / "link", "configure", "-d", "7", "/a")
    assert victim.read_text() == "kept\n"
    assert node.output("--debug=/nowhere/log", "list", "-d", "0")
    status, output, errors = node.cli("--debug=/dev/stderr", "list", "-d", "0")
    assert (status, output.count("\n")) == (0, 5) and "level=info" in errors


def test_set_user_id(node):
    """Refused: the program would do for everybody what only root may."""
    copy = "/usr/bin/nvidia-container-cli-suid"
    node.run("cp", "/usr/bin/nvidia-container-cli", copy)
    node.run("chmod", "4755", copy)
    result = node.run("setpriv", "--reuid=1000", "--clear-groups", copy, "info", text=True)
    assert result.returncode == 1 and "permission error: refusing to run set-user-ID" in result.stderr

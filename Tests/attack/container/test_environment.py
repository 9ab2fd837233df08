# SPDX-License-Identifier: Apache-2.0
"""E-02 to E-15: what is in the hook's environment, beside it and in its image runs nothing and is not read."""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import time

import pytest
from image import ROUNDS, Trace
from invariants import CRASHES, difference, tree
from test_inject_runc import HOSTILE, build_marker
from ways import HOOK, WAYS, create_container

SWIFT = [
    {"SWIFT_BACKTRACE": "enable=yes,swift-backtrace=FOLDER/evil"},
    {"SWIFT_ROOT": "FOLDER", "SWIFT_BACKTRACE": "enable=yes"}, {"SWIFT_ROOT": "FOLDER"},
]
EVIL = ("evil", "runc", "sh", "ldconfig", "ldconfig.real", "nvidia-ctk", "nvidia-runtime-hook", "swift-backtrace",
        "libexec/swift/linux/swift-backtrace", "libexec/swift/swift-backtrace-static")


@pytest.fixture
def hostile(image, scene):
    """The image's environment, all of which leads to its own programs and libraries. They leave a file among the
    canaries."""
    class Made:
        root = image.root

    build_marker(Made, scene.canary / "empty/executed")
    for name in EVIL[1:]:
        (image.root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(image.root / "evil", image.root / name)
    image.file("evil.toml", 'runtimes = ["/evil"]\n')
    image.file("nvidia-container-runtime/config.toml", 'runtimes = ["/evil"]\n')
    folder = str(image.root)
    here = {name: value.replace("/proc/self/cwd", folder) for name, value in HOSTILE.items()}
    return here | {"PATH": folder, "LC_ALL": "de_DE.UTF-8", "HOME": folder}


@pytest.mark.attack("E-02", "E-04", "E-06", "E-07", "E-12", "E-13")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_E_02_E_04_E_06_E_07_E_12_E_13_nothing_runs(image, scene, hostile, way):
    """One program is executed, and nothing is opened that the environment names, nor the host's or the image's ldconfig
    (which on Ubuntu would be a script)."""
    trace = Trace(scene)
    environment = [word for item in hostile.items() for word in ("-E", "=".join(item))]
    way.prepare(image.root)
    image.done(*way.command(), prefix=[*trace.words, *environment], cwd=image.root)
    assert trace.foreign_programs() == []
    touched = [line for line in trace.lines if re.search(r"evil|p\.so|ldconfig|/locale|shadow|\.toml", line)]
    assert [line for line in touched if "execve" not in line] == []


def test_the_environment_itself(new_image, scene, tmp_path):
    """A dynamic program in the hook's place runs what the environment names, so the test above can fail."""
    class Made:
        root = tmp_path

    build_marker(Made, tmp_path / "executed")
    subprocess.run(["/bin/true"], env={"LD_PRELOAD": str(tmp_path / "p.so")}, check=True)
    assert (tmp_path / "executed").exists()


@pytest.mark.attack("E-03")
@pytest.mark.parametrize("number", sorted(CRASHES))
@pytest.mark.parametrize("environment", SWIFT, ids=lambda names: "+".join(names))
def test_E_03_crash_runs_nothing(new_image, scene, tmp_path, number, environment):
    """The real hook, hit by a trap's signal while it waits: it dies of it, at once, and leaves no core."""
    class Made:
        root = new_image.root

    build_marker(Made, scene.canary / "empty/executed")
    for name in EVIL[1:]:
        new_image.file(name)
        shutil.copy(new_image.root / "evil", new_image.root / name)
    environment = {name: value.replace("FOLDER", str(new_image.root)) for name, value in environment.items()}
    process = subprocess.Popen(
        create_container(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=environment | {"PATH": str(new_image.root)}, cwd=new_image.root)
    wait_until_it_waits(process.pid)
    process.send_signal(number)
    output, error = process.communicate(timeout=5)
    assert (process.returncode, output, error) == (-number, b"", b"")


def wait_until_it_waits(pid, seconds=5):
    deadline = time.monotonic() + seconds
    while "poll" not in open(f"/proc/{pid}/wchan").read():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.mark.attack("E-09")
@pytest.mark.parametrize("right", ["set-user-ID", "set-group-ID", "file capabilities"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_E_09_installed_with_privileges(new_image, scene, way, right):
    """Started by nobody with root's rights, by mistake of who installed it, it refuses, or has none of them."""
    words = way.command()
    program = new_image.bundle / os.path.basename(words[0])
    shutil.copy(HOOK, program)
    if right == "file capabilities":
        program.chmod(0o755)
        # Version 2 (vfs_cap_data): effective; CAP_DAC_OVERRIDE is 1, CAP_SYS_ADMIN is 21.
        os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000001, 1 << 1 | 1 << 21, 0, 0, 0))
    else:
        program.chmod(0o4755 if right == "set-user-ID" else 0o2755)
    new_image.reachable()
    new_image.folder("dev", 0o700)
    way.prepare(new_image.root)
    before = tree(new_image.root)
    run = new_image.run(
        program, *words[1:], prefix=("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        env={"SWIFT_ROOT": str(new_image.root)})
    # Capabilities of the file may be gone by the time that it looks: what it started again has none.
    assert b"NVR1001: " in run.error or right == "file capabilities"
    assert list(difference(before, tree(new_image.root))) == []


@pytest.mark.attack("E-10")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_E_10_huge_and_odd_environment(new_image, scene, way):
    """5,000 variables, one of the largest size that there can be, names that come twice, entries that are none."""
    entries = [b"V%d=%d" % (index, index) for index in range(5000)] + [
        b"L=" + b"x" * (128 * 1024 - 3), b"no equals sign", b"", b"=", b"=x", b"A=1", b"A=2", b"B=\xff\xfe\x1b[2J"]
    lists = scene.folder / "lists"
    lists.write_text(repr(([word.encode() for word in way.command()], entries)))
    program = (
        "import ast, ctypes, sys\n"
        "words, entries = ast.literal_eval(open(sys.argv[1]).read())\n"
        "strings = lambda each: (ctypes.c_char_p * (len(each) + 1))(*each, None)\n"
        "ctypes.CDLL(None).execve(words[0], strings(words), strings(entries))")
    way.prepare(new_image.root)
    new_image.done(sys.executable, "-c", program, lists)
    assert set(way.leaves) <= set(new_image.files())


# E-14


POLLER = """
import os, sys, time
print("ready", flush=True)
tried, opened = 0, []
while not os.path.exists(sys.argv[1]):
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                program = open(f"/proc/{name}/cmdline").read().split("\\0")[0]
                if os.path.basename(program).startswith("nvidia-runtime-"):
                    tried += 1
                    for flags in (os.O_PATH, os.O_RDONLY, os.O_WRONLY):
                        opened.append((flags, os.open(f"/proc/{name}/exe", flags)))
            except OSError:
                continue
for flags, number in list(opened):
    try:
        os.open(f"/proc/self/fd/{number}", os.O_WRONLY)
        opened.append((flags, number))
    except OSError:
        pass
print(tried, len(opened))
"""
# What dockerd gives to a container.
DOCKER = (
    "chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap", "net_bind_service", "net_raw",
    "sys_chroot", "mknod", "audit_write", "setfcap",
)


def poll_while(action, scene):
    """What a container's root that sees our processes can open of them while `action` runs."""
    end = scene.folder / "end"
    sets = ",".join(["-all"] + [f"+{name}" for name in DOCKER])
    poller = subprocess.Popen(
        ["setpriv", f"--bounding-set={sets}", f"--inh-caps={sets}", sys.executable, "-c", POLLER, end],
        stdout=subprocess.PIPE)
    poller.stdout.readline()
    action()
    end.touch()
    tried, opened = map(int, poller.communicate(timeout=30)[0].split())
    return tried, opened


@pytest.mark.attack("E-14")
def test_E_14_program_can_not_be_reached(new_image, scene):
    """CVE-2019-5736: by no process with a container's rights, at no moment of its life; the file stays as it is."""
    before = os.stat(HOOK).st_mtime_ns, hashlib.sha256(open(HOOK, "rb").read()).digest()

    def run():
        for _ in range(ROUNDS // 10):
            new_image.done(*create_container())
        # Some time of its life is long.
        process = subprocess.Popen(create_container(), stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wait_until_it_waits(process.pid)
        time.sleep(0.2)
        process.communicate(b"")

    tried, opened = poll_while(run, scene)
    assert tried > 10 and opened == 0
    assert (os.stat(HOOK).st_mtime_ns, hashlib.sha256(open(HOOK, "rb").read()).digest()) == before


def test_the_poller_itself(scene, tmp_path):
    """It reaches a program that is not protected, so the test above can fail."""
    program = tmp_path / "nvidia-runtime-x"
    shutil.copy("/bin/sleep", program)
    drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    tried, opened = poll_while(lambda: subprocess.run([*drop, program, "0.5"], check=True), scene)
    assert tried > 0 and opened > 0


@pytest.mark.attack("E-15")
@pytest.mark.parametrize("error", ["ENOSYS", "EPERM", "EACCES"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_E_15_no_memfd(new_image, scene, way, error):
    """Where a sealed copy can't be made, nothing is executed by its path in its place."""
    trace = Trace(scene, "-e", f"inject=memfd_create,open_tree:error={error}")
    new_image.run(*way.command(), prefix=trace.words)
    assert trace.foreign_programs() == []
    assert not [line for line in trace.calls("execve", "execveat")[1:] if "AT_EMPTY_PATH" not in line]

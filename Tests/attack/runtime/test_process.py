# SPDX-License-Identifier: Apache-2.0
"""X: the shim as a process: what it is started with and under, how it is called, and who runs beside it."""

import errno
import json
import os
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest
from injection import (PATH_VARIABLE, RECORDER, REPOSITORY, RUNC, SECRET, cdi_specification, images, snapshot)
from test_request_cdi import marked, origin

INVOCATIONS = json.loads((REPOSITORY / "testdata/argv/invocations.json").read_text())
WITHOUT = Path(__file__).with_name("without.c")


def record(node):
    """The recorder's lines as pairs, with what `injection.Record` has no use for."""
    lines = node.path(RECORDER).with_name("record").read_text().splitlines()
    return [line.partition(" ")[::2] for line in lines]


def descriptors(node):
    found = [value.partition(" ")[::2] for name, value in record(node) if name == "fd"]
    return {int(number): bytes.fromhex(target).decode() for number, target in found}


def gpus(document):
    return {one["path"] for one in (document.get("linux") or {}).get("devices") or []}


@pytest.fixture(scope="session")
def without():
    """A command's prefix: these system calls fail with that error."""
    @cache
    def program():
        to = images.BUILD / "without"
        images.run("gcc", "-O2", "-static", "-o", to, WITHOUT, "-lseccomp")
        return to

    return lambda *names, error="ENOSYS": (program(), ",".join(names), getattr(errno, error))


# Descriptors

LAUNCH = """
import os, socket, sys
kinds = [lambda: os.open("/", os.O_RDONLY), lambda: os.open("/", os.O_PATH),
         lambda: os.open("/etc/shadow", os.O_RDONLY), lambda: socket.socket().detach(),
         lambda: os.pipe()[0], lambda: os.memfd_create("x")]
for number in range(3, 51):
    made = kinds[number % len(kinds)]()
    moved = os.dup(made) if made != number else made
    os.dup2(moved, number)
    os.set_inheritable(number, True)
os.closerange(51, 4096)
os.environ.update(LISTEN_FDS="3", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.attack("X-01", "X-02")
@pytest.mark.parametrize("devices", [None, "0", "nvidia.com/gpu=0"])
@pytest.mark.parametrize("options", [(), ("--preserve-fds", "3")], ids=["plain", "preserved"])
def test_descriptors(node, bundle, devices, options):
    """CVE-2024-21626: those that came go on as they came, for systemd's LISTEN_FDS and --preserve-fds, and none is
    ours."""
    node.write_cdi(cdi_specification(node))
    made = bundle(devices)
    words = ("nvidia-runtime", "create", *options, "--bundle", made.folder, "id")
    assert node.run("python3", "-c", LAUNCH, *words).stdout == b"recorder\n"
    found = descriptors(node)
    assert set(found) == set(range(51))
    kinds = {number % 6: target for number, target in found.items() if number > 2}
    for number, target in found.items():
        if number > 2:
            same = kinds[number % 6]
            assert target.partition(":")[0] == same.partition(":")[0], (number, target)
    assert kinds[0] == kinds[1] == "/" and kinds[2] == "/etc/shadow"
    environment = {bytes.fromhex(value) for name, value in record(node) if name == "environment"}
    assert b"LISTEN_FDS=3" in environment


@pytest.mark.attack("X-02")
def test_descriptors_at_a_refusal(node, bundle, tmp_path):
    """Nor does NVML's helper, the one program that is started besides, have any of those that came."""
    log = tmp_path / "strace"
    made = bundle("MIG-5171a7ed-0000-4000-8000-000000070001")
    prefix = ("bash", "-c", 'exec 7</ 9</etc/shadow; exec "$@"', "-", "strace", "-f", "-y", "-o", log, "-e",
              "trace=execve,close,close_range,dup2,dup3")
    node.run(*prefix, *made.create)
    text = log.read_text()
    if "nvidia-runtime-nvml" in text:
        assert re.search(r"close_range\(3, ", text) or re.search(r"close\(9<", text)


CLOSED = [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)]


@pytest.mark.attack("X-04")
@pytest.mark.parametrize("closed", CLOSED, ids=str)
@pytest.mark.parametrize("has_null", [True, False], ids=["", "no /dev/null"])
def test_closed_standard_descriptors(node, new_node, bundle, closed, has_null):
    """No text of ours lands in a file that was opened in their place; and the low-level runtime finds them closed."""
    if not has_null:
        node = new_node()
        node.path("/dev/null").unlink()
    redirections = " ".join(f"{number}>&-" for number in closed)
    prefix = ("bash", "-c", f'exec "$@" {redirections}', "-")
    wanted = node.create(bundle("0")).passed().after
    made = bundle("0")
    log = made.folder.parent / "log"
    options = ("--debug", "--log", log, "--log-format", "json")
    assert node.run(*prefix, "nvidia-runtime", *options, *made.create[1:]).returncode == 0
    assert made.config.read_bytes() == wanted and made.leftovers() == []
    assert set(descriptors(node)) == {0, 1, 2} - set(closed)
    assert any(json.loads(line)["level"] == "info" for line in log.read_text().splitlines())
    for change in ({"devices": "7"}, {"text": b'{"process":{"env":["NVIDIA_VISIBLE_DEVICES=0"]},"mounts":7}'}):
        made = bundle(**change)
        before = snapshot(made.config)
        result = node.run(*prefix, "nvidia-runtime", *options, *made.create[1:])
        assert (result.returncode, result.stdout) == (1, b"")
        assert snapshot(made.config) == before and made.leftovers() == []
        assert json.loads(log.read_text().splitlines()[-1])["level"] == "error"
        assert (result.stderr == b"") == (2 in closed)


@pytest.mark.attack("X-05")
@pytest.mark.parametrize("cwd", [
    "/proc/self/fd/7", "/proc/self/fd/7/../../..", "/proc/1/root", "../..", "", "/proc/thread-self/cwd",
])
def test_working_directory_of_the_container(node, bundle, cwd):
    """CVE-2024-21626: passed on unchanged to a runtime that has no descriptor to hit."""
    made = bundle("0", change=lambda document: document["process"].update(cwd=cwd))
    outcome = node.create(made, prefix=("bash", "-c", 'exec "$@"', "-")).passed()
    assert outcome.spec["process"] == outcome.old["process"] and outcome.spec["process"]["cwd"] == cwd
    assert set(descriptors(node)) == {0, 1, 2}


# Signals

SIGNALS = ["TERM", "INT", "HUP", "QUIT", "PIPE", "ALRM", "CHLD", "USR1", "XFSZ"]


def masks(node):
    lines = node.path(RECORDER).with_name("record").read_text().splitlines()
    words = [line.split() for line in lines if line.startswith("Sig")]
    return {name.rstrip(":"): int(value, 16) for name, value in words}


def mask(*names):
    return sum(1 << (signal.Signals[f"SIG{name}"] - 1) for name in names)


@pytest.mark.attack("X-06")
@pytest.mark.parametrize("devices", [None, "0"])
@pytest.mark.parametrize("name", [*SIGNALS, "all"])
def test_dispositions(node, bundle, devices, name):
    """Ignored and blocked ones reach the low-level runtime as they are."""
    names = SIGNALS if name == "all" else [name]
    every = ",".join(names)
    others = ",".join(set(SIGNALS) - set(names)) or "WINCH"
    for option in ("ignore", "block"):
        node.create(bundle(devices),
                    prefix=("env", f"--default-signal={others}", f"--{option}-signal={every}")).passed()
        found = masks(node)["SigIgn" if option == "ignore" else "SigBlk"] & mask(*SIGNALS)
        assert found == mask(*names), (option, found)


@pytest.mark.attack("X-06")
def test_storm(node, bundle):
    """Ten thousand signals, which must neither break a system call nor the result."""
    wanted = node.create(bundle("0")).passed().after
    made = bundle("0")
    script = """
    cp "$1/config.json" "$1/../original"
    count=0
    while [ $count -lt 10000 ]; do
        cp "$1/../original" "$1/config.json"
        nvidia-runtime create --bundle "$1" id >/dev/null & runtime=$!
        while kill -CONT $runtime 2>/dev/null; do
            kill -WINCH $runtime; kill -STOP $runtime; kill -URG $runtime; kill -CONT $runtime; kill -CHLD $runtime
            count=$((count + 6))
        done 2>/dev/null
        wait $runtime || exit 1
        cmp "$1/config.json" "$2" || exit 2
    done"""
    (made.folder.parent / "wanted").write_bytes(wanted)
    result = node.run("bash", "-c", script, "-", made.folder, made.folder.parent / "wanted")
    assert (result.returncode, result.stdout) == (0, b""), result


# Arguments


@pytest.fixture
def places(new_node):
    """A node with a bundle that asks for a GPU at each place that the rows name, and one in the working directory."""
    node = new_node()
    node.run("mount", "-t", "tmpfs", "none", "/srv")  # the one place of the rows that would be the machine's own
    cwd = "/var/attack"
    document = json.dumps(images.configuration(["true"], {"NVIDIA_VISIBLE_DEVICES": "0"}))
    paths = {"."} | {case["bundle"] for case in INVOCATIONS if "bundle" in case}
    paths |= {"b", "create", "run", "/b", "/run/t", "list", "x", "id", "/c"}

    def reset():
        for path in paths:
            folder = node.path(os.path.join(cwd, path))
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("config.json", "spec.json"):
                (folder / name).write_text(document)

    def changed():
        found = set()
        for path in paths:
            for name in ("config.json", "spec.json"):
                file = os.path.normpath(os.path.join(cwd, path, name))
                if node.path(file).read_text() != document:
                    found.add(file)
        return found

    reset()
    return node, cwd, reset, changed


@pytest.mark.attack("X-09", "X-10")
def test_arguments(places):
    """Edited is the spec of the bundle that the line means, if and only if it starts a container; and the line goes on
    as it is."""
    node, cwd, reset, changed = places
    assert len(INVOCATIONS) >= 80
    edited = 0
    for case in INVOCATIONS:
        reset()
        node.path(RECORDER).with_name("record").unlink(missing_ok=True)
        result = node.run("nvidia-runtime", *case["arguments"], cwd=cwd)
        spec = case.get("spec") or f"{case.get('bundle')}/config.json"
        spec = os.path.normpath(os.path.join(cwd, spec)) if case["starts"] else ""
        if case["starts"] and os.path.basename(spec) == "config.json":
            assert result.returncode == 0 and changed() == {spec}, case
            edited += 1
        else:
            assert changed() == set(), case
            assert result.returncode == (1 if case["starts"] else 0), (case, result)
        if result.returncode == 0:
            arguments = [bytes.fromhex(value).decode() for name, value in record(node) if name == "argument"]
            assert arguments == [RECORDER, *case["arguments"]], case
    assert edited > 30


@pytest.mark.attack("X-10")
@pytest.mark.parametrize("words", [
    (), ("--bundle", "a"), ("-b", "a"), ("--bundle=a",), ("-b=a",), ("-bundle", "a"),
    ("--bundle", "a", "--bundle", "b"),
    ("-b", "b", "-b", "a"), ("--bundle", "a/"), ("--bundle", "./a/."), ("--bundle", "link"),
    ("-b=",), ("--bundle", ""), ("--bundle", "a/../b"), ("--bundle", "link/../b"), ("--bundle", "//var/attack//a"),
], ids=" ".join)
def test_bundle_is_the_one_that_runc_takes(new_node, words):
    """The real runc says which root it misses; the shim edits the config.json of the same folder."""
    node = new_node()
    top = node.path("/var/attack")
    for name in (".", "a", "b", "deep/a", "deep/b"):
        (top / name).mkdir(parents=True, exist_ok=True)
        document = images.configuration(["true"], {"NVIDIA_VISIBLE_DEVICES": "0"}, root_path="missing")
        (top / name / "config.json").write_text(json.dumps(document))
    (top / "link").symlink_to("deep/a")
    told = node.run(RUNC, "--root", "/run/attack", "create", *words, "id", cwd="/var/attack").stderr.decode()
    wanted = re.search(r"(/var/attack\S*?)/missing", told)
    assert wanted, told
    assert node.run("nvidia-runtime", "create", *words, "id", cwd="/var/attack").stdout == b"recorder\n"
    edited = [path.parent for path in top.rglob("config.json") if gpus(json.loads(path.read_text()))]
    assert ["/var/attack" + str(path.relative_to(top)).replace(".", "", 1).join(["/", ""]).rstrip("/")
            for path in edited] == [os.path.normpath(wanted[1])]


@pytest.mark.attack("X-10")
@pytest.mark.parametrize("words", [(), ("--bundle", "."), ("--bundle", "../gone"), ("--bundle", "")])
def test_deleted_working_directory(node, tmp_path, words):
    """There is nothing to read, and so nothing of ours to say."""
    script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    result = node.run("sh", "-c", script, tmp_path / "gone", "nvidia-runtime", "create", *words, "id")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b"")


# Beside others


def rewriting(node, atomically):
    """Writes the CDI file anew, with other devices, until the context ends."""
    ended = threading.Event()
    paths = [node.write_cdi(marked(mark, "a"), f"{mark}.json.new") for mark in ("one", "two")]
    target = node.write_cdi(marked("one", "a"), "file.json")

    def loop():
        while not ended.is_set():
            for path in paths:
                if atomically:
                    copy = path.with_suffix(".tmp")
                    copy.write_bytes(path.read_bytes())
                    copy.rename(target)
                else:
                    target.write_bytes(path.read_bytes())

    thread = threading.Thread(target=loop)

    class Rewriting:
        def __enter__(self):
            thread.start()

        def __exit__(self, *_):
            ended.set()
            thread.join()

    return Rewriting()


@pytest.mark.attack("X-11", "C-09")
@pytest.mark.parametrize("atomically", [True, False])
def test_many_at_once_with_cdi_files_rewritten(node, bundle, atomically):
    """64 bundles of their own and 8 starts on one: each gets the one file or the other, whole. Who writes in place,
    against the CDI specification, can have starts refused, and no more."""
    name = "vendor.example/device=a"
    own, one = [bundle(name) for _ in range(64)], bundle(name)
    texts = {}
    for mark in ("one", "two"):
        node.write_cdi(marked(mark, "a"), "file.json")
        texts[mark] = node.create(bundle(name)).passed().after
    with rewriting(node, atomically), ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda made: node.run(*made.create), own + [one] * 8))
    for made, result in zip(own, results):
        if atomically or result.returncode == 0:
            assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b""), result
            assert made.config.read_bytes() in texts.values()
        else:
            assert result.stderr.startswith(b"nvidia-runtime: NVR1501: "), result
            assert not gpus(made.spec) and "FROM=" not in made.config.read_text()
        assert made.leftovers() == []
    assert any(result.returncode == 0 for result in results[64:])
    # The second of two finds the first one's variable, and sets it to what it read.
    assert one.config.read_bytes() in texts.values() and one.leftovers() == []


# Limits

REQUESTS = {"native": "all", "cdi": "nvidia.com/gpu=0", "refused": "7", "none": None}
LIMITS = ["--stack=65536", "--nofile=4", "--nofile=8", f"--as={128 << 20}", f"--as={16 << 20}", f"--as={8 << 20}",
          "--nproc=1", "--fsize=0", f"--data={4 << 20}", "--memlock=0", "--cpu=1"]


@pytest.fixture(scope="session")
def small():
    """A low-level runtime that needs next to nothing, so that what fails is ours."""
    program = images.BUILD / "small"
    source = program.with_suffix(".c")
    source.write_text("int main(void) { return 0; }\n")
    images.run("gcc", "-O2", "-static", "-o", program, source)
    program.chmod(0o755)
    return program


@pytest.mark.attack("X-12")
@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("limit", LIMITS)
def test_limits(node, bundle, guard, small, request_, limit):
    """Done, or refused with the file as it was; the mode of the new one is the old one's in any case, whatever the
    umask."""
    node.write_cdi(cdi_specification(node))
    node.configure(f'[nvidia-container-runtime]\nruntimes = ["{small}"]\n')
    devices, made = REQUESTS[request_], bundle(REQUESTS[request_])
    reference, old, mode = bundle(devices), made.config.read_bytes(), made.config.stat().st_mode
    is_denied = node.run(*reference.create).returncode == 1
    wanted = reference.config.read_bytes()
    assert is_denied == (request_ == "refused") and (wanted == old) == (request_ in ("refused", "none"))
    command = ("nsenter", "--target", node.pid, "--mount", "--pid", "--cgroup", "--wdns=/", "sh", "-c",
               'umask 0777; exec "$@"', "-", "prlimit", limit, "--", *made.create)
    result = guard.run(*command, env={"PATH": PATH_VARIABLE})
    assert result.code in (0, 1), result
    assert made.config.read_bytes() == (wanted if result.code == 0 else old)
    assert made.config.stat().st_mode == mode and made.leftovers() == []
    assert result.code == 1 or not is_denied
    assert (result.code == 0) == (result.error == b""), result
    node.run(*made.create)
    assert made.config.read_bytes() == wanted


# Kernels and sandboxes

NEWER = ["openat2", "close_range", "mount_setattr", "clone3", "statx", "faccessat2", "open_tree", "renameat2",
         "memfd_create", "pidfd_open", "getrandom", "flock", "fgetxattr", "vfork"]


@pytest.mark.attack("X-13")
@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
@pytest.mark.parametrize("names", [*((name,) for name in NEWER), tuple(NEWER[:9])], ids=",".join)
def test_missing_system_calls(node, bundle, without, names, error):
    """Old kernels and gVisor say ENOSYS, old container sandboxes EPERM: the same is given, or it is refused; never
    less safe."""
    node.write_cdi(cdi_specification(node))
    probe = node.run(*without(names[0], error=error), "python3", "-c", "import ctypes; ctypes.CDLL(None).syscall(0)")
    assert probe.returncode in (0, 1, 120), probe
    for devices in ("0", "nvidia.com/gpu=0"):
        wanted = node.create(bundle(devices)).passed().after
        outcome = node.create(bundle(devices), prefix=without(*names, error=error))
        if outcome.status:
            outcome.denied(int(re.search(r"NVR(\d+)", outcome.stderr)[1]))
        else:
            assert outcome.passed().after == wanted
        node.create(bundle(), prefix=without(*names, error=error)).untouched()


@pytest.mark.attack("X-13", "P-08")
@pytest.mark.parametrize("kind", ["link out of the driver root", "node that is none"])
@pytest.mark.parametrize("error", ["ENOSYS", "EPERM"])
def test_checks_without_openat2(new_node, bundle, without, kind, error):
    """What is refused with openat2(2) is refused without it."""
    prefix = without("openat2", "statx", "faccessat2", error=error)
    node = new_node("--layout", "driver-container")
    node.configure('[nvidia-container-cli]\nroot = "/run/nvidia/driver"\n')
    if kind == "node that is none":
        node.path("/run/nvidia/driver/dev/nvidia0").unlink()
        node.path("/run/nvidia/driver/dev/nvidia0").symlink_to("/dev/null")
    else:
        outside = node.path("/var/outside")
        outside.mkdir()
        library = node.path("/run/nvidia/driver/usr/lib/x86_64-linux-gnu/libcuda.so.570.86.15")
        (outside / library.name).write_text("not ours")
        library.unlink()
        library.symlink_to("/proc/self/root/var/outside/" + library.name)
    for words in ((), prefix):
        outcome = node.create(bundle("0"), prefix=words)
        assert outcome.status == 1 and re.match(r"nvidia-runtime: NVR14\d\d: ", outcome.stderr), outcome


NAMESPACES = {
    "a user namespace": ("unshare", "--user", "--map-root-user"),
    "a user namespace of a user": ("unshare", "--user", "--map-users=0,1000,1", "--map-groups=0,1000,1", "--setuid=0",
                                   "--setgid=0"),
    "namespaces of a container": ("unshare", "--mount", "--uts", "--ipc", "--net", "--cgroup"),
    "no capabilities": ("setpriv", "--bounding-set=-all", "--inh-caps=-all"),
    "no new privileges": ("setpriv", "--no-new-privs"),
    "a user": ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
}


@pytest.mark.attack("X-13")
@pytest.mark.parametrize("kind", NAMESPACES)
def test_inside_of_a_sandbox(node, bundle, kind):
    """Rootless engines and engines in containers: the same, or refused; and no GPU asked starts as ever."""
    wanted = node.create(bundle("0")).passed().after
    made, plain = bundle("0"), bundle()
    for each in (made, plain):
        for folder in (each.folder.parent.parent, each.folder.parent, each.folder, each.folder / "rootfs"):
            folder.chmod(0o755)
    before = snapshot(made.config)
    result = node.run(*NAMESPACES[kind], *made.create)
    if result.returncode == 0 and result.stdout == b"recorder\n":
        assert made.config.read_bytes() == wanted
    else:
        assert snapshot(made.config) == before, result
    assert made.leftovers() == [] and SECRET.encode() not in result.stderr
    before = snapshot(plain.config)
    node.run(*NAMESPACES[kind], *plain.create)
    assert snapshot(plain.config) == before

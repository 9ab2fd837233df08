# SPDX-License-Identifier: Apache-2.0
"""`configure` on a root in a mount namespace of its own, as enroot, LXC, Apptainer and the prestart hook call it."""

import shutil
import signal
import subprocess

import driver_files
import pytest
from container_cli import COMMAND_LINES, images

PROBE = "/usr/bin/gpu-probe"
# A container that exists and has not been started: in the node's own cgroups, which nsenter(1) does not enter, its root
# mounted, with /dev and /proc in it.
PREPARE = """
for file in /sys/fs/cgroup/init/cgroup.procs /sys/fs/cgroup/*/init/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
    [ -e "$file" ] && echo 0 2>/dev/null >"$file"
done 2>/dev/null
mount --make-rprivate / && mount --bind "$1" "$1" && mount -t tmpfs -o mode=755 tmpfs "$1/dev" &&
    mount --rbind /proc "$1/proc" || exit 9
root=$1; shift
"""


class Container:
    """A root, and a process that holds the mount namespace in which it is mounted."""

    def __init__(self, node, root, kind="debian", unshare=("--mount",)):
        self.node, self.root = node, root
        shutil.copytree(images.root(kind), root, symlinks=True)
        enter = ("nsenter", "--target", str(node.pid), "--mount", "--pid", "--cgroup", "--wdns=/", "--")
        self.process = subprocess.Popen(
            [*enter, "unshare", *unshare, "sh", "-c", PREPARE + "echo $$; exec sleep infinity", "-", root],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        # Its number in the node's PID namespace, and in ours.
        self.pid = int(self.process.stdout.readline())
        self.initial = self.mounts()

    def close(self):
        self.node.run("kill", f"-{signal.SIGKILL:d}", self.pid)
        self.process.wait()

    def enter(self, *command, namespaces=("--mount",), **options):
        return self.node.run("nsenter", "--target", self.pid, *namespaces, "--", *command, **options)

    def configure(self, *arguments, namespaces=("--mount",), options=(), **settings):
        """Runs `configure` in the container's namespace: exit status and standard error."""
        result = self.enter(
            "nvidia-container-cli", *options, "configure", *arguments, self.root, namespaces=namespaces, **settings)
        assert result.stdout == b""
        return result.returncode, result.stderr.decode()

    def configured(self, *arguments, **settings):
        assert self.configure(*arguments, **settings) == (0, "")
        return self

    def mounts(self):
        """The mount points below the root with their options, by path in the container."""
        found = {}
        for line in self.node.run("cat", f"/proc/{self.pid}/mountinfo", text=True).stdout.splitlines():
            words = line.split(" ")
            path = words[4].encode().decode("unicode_escape")
            if path.startswith(f"{self.root}/"):
                found.setdefault(path.removeprefix(str(self.root)), []).append(set(words[5].split(",")))
        return found

    def added(self):
        return {path: options for path, options in self.mounts().items() if path not in self.initial}

    def files(self):
        """What was mounted of the driver's files, by kind."""
        return driver_files.kinds(path for path in self.added() if not path.startswith(("/dev/", "/proc/")))

    def nodes(self):
        """The numbers of NVIDIA's nodes, by path in the container."""
        # Not find -type: a folder says of a mount point what is below the mount.
        find = f"cd {self.root} && for path in $(find dev); do [ -L $path ] || [ ! -c $path ] || stat -c '/%n %t %T' $path; done"
        text = self.enter("sh", "-c", find, text=True).stdout
        lines = [line.split() for line in text.splitlines()]
        return {path: (int(major, 16), int(minor, 16)) for path, major, minor in lines}

    def probe(self, *minors):
        """A program in the container, which may not make nodes of its own, can use exactly these GPUs."""
        result = self.enter("setpriv", "--bounding-set=-mknod", "chroot", self.root, PROBE, *minors, text=True)
        assert result.returncode == 0 and result.stdout.endswith("ok\n"), result
        return result.stdout


@pytest.fixture
def container(node, tmp_path):
    made = []

    def make(kind="debian", on=None, **settings):
        made.append(Container(on or node, tmp_path / f"root-{len(made)}", kind, **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "line", [line for line in COMMAND_LINES if "configure" in line["arguments"]], ids=lambda line: line["caller"])
def test_callers(node, container, tmp_path, line):
    """Each of those who call the program gets what it asks for, without a word."""
    made = container()
    names = {"ROOT": made.root, "LOG": tmp_path / "log", "--debug=LOG": f"--debug={tmp_path}/log",
             "--pid=PID": f"--pid={made.pid}", "--device=GPU-UUID": f"--device={node.uuids[0]}"}
    words = [names.get(word, word) for word in line["arguments"]]
    if line.get("supervised"):
        result = node.run("nvidia-container-cli", *words)
    else:
        result = made.enter("nvidia-container-cli", *words)
    assert result.returncode == 0 and result.stdout == b"", result
    assert result.stderr == b"" or line.get("log"), result
    asked = [word.partition("=")[2] for word in line["arguments"] if word.startswith("--device=")] or ["0"][
        "-d0" not in line["arguments"]:]
    minors = {"all": [1, 0], "0": [1], "1": [0], "0,1": [1, 0], "GPU-UUID": [1]}[asked[0]] if asked else []
    assert {path for path in made.nodes() if path[-1:].isdigit() and path.startswith("/dev/nvidia")} == {
        f"/dev/nvidia{minor}" for minor in minors}


@pytest.mark.parametrize("capabilities", [(), ("utility",), ("compute", "utility"), driver_files.ALL], ids=str)
def test_capabilities(node, container, capabilities):
    """Exactly what they bring, read-only but for sockets."""
    made = container().configured(
        "--no-cgroups", "--device=1", *(f"--{name}" for name in capabilities if name != "compat32"))
    files = driver_files.expected(
        set(capabilities) - {"compat32"}, sockets=("persistenced", "fabricmanager"))
    if not capabilities:
        files["firmware"] = set()
    assert made.files() == files
    assert made.nodes() == node.numbers(
        *driver_files.devices(node, set(capabilities) - {"compat32"}, [node.gpus[1]]))
    for path, layers in made.added().items():
        if not path.startswith(("/dev/", "/proc/")):
            assert len(layers) == 1 and {"nosuid", "nodev"} <= layers[0], path
            assert ("ro" in layers[0]) != path.endswith("/socket"), path


@pytest.mark.parametrize("kind", ["debian", "rhel", "no-cache", "distroless"])
def test_programs_find_the_driver(node, container, kind):
    """The loader's cache and links are there, whatever the image has."""
    made = container(kind).configured("--no-cgroups", "--device=0", "--compute", "--utility")
    made.probe(node.gpus[0]["minor"])


def test_driver_only(node, container):
    """Without devices there are control nodes and files, and no GPU."""
    made = container().configured("--no-cgroups", "--compute", "--utility")
    assert set(made.nodes()) == {"/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"}
    assert "libcuda" in made.files()["libraries"]


def test_exclusions(container):
    made = container().configured(
        "--no-cgroups", "--device=0", "--utility", "--no-persistenced", "--no-fabricmanager", "--no-gsp-firmware",
        "--no-devbind")
    assert made.files()["sockets"] == made.files()["firmware"] == set()
    assert made.nodes() == {}


def test_second_run(node, container):
    """It changes nothing that a program could notice."""
    arguments = ("--no-cgroups", "--device=0", "--compute", "--utility")
    made = container().configured(*arguments)
    before = (set(made.mounts()), made.nodes())
    made.configured(*arguments)
    assert (set(made.mounts()), made.nodes()) == before
    made.probe(node.gpus[0]["minor"])


def test_procfs(node, container):
    """/proc/driver/nvidia has what the container was given, and no other GPU."""
    made = container().configured("--no-cgroups", "--device=0", "--utility")
    gpus = made.enter("ls", f"{made.root}/proc/driver/nvidia/gpus", text=True).stdout.split()
    assert gpus == [node.gpus[0]["address"]]
    parameters = made.enter("cat", f"{made.root}/proc/driver/nvidia/params", text=True).stdout
    assert "ModifyDeviceFiles: 0\n" in parameters


def test_mig(mig, container):
    """A partition comes with the nodes of its instances, and with those of no other."""
    made = container(on=mig).configured("--no-cgroups", "--device=0:1", "--compute")
    assert {path for path in made.nodes() if "caps" in path} == {
        "/dev/nvidia-caps/nvidia-cap66", "/dev/nvidia-caps/nvidia-cap67"}


def test_imex(mig, container):
    made = container(on=mig).configured("--no-cgroups", "--device=1", "--utility", "--imex-channel=0")
    assert "/dev/nvidia-caps-imex-channels/channel0" in made.nodes()


@pytest.mark.parametrize("break_root, area", [
    # Where a folder must be made there is a file.
    ("rm -rf usr/lib/firmware lib/firmware; touch usr/lib/firmware", "mount error: "),
    ("rm -rf usr/bin/nvidia-smi && mkdir -p usr/bin/nvidia-smi", "mount error: "),
    ("rm -rf run && touch run", "mount error: "),
])
def test_failure_leaves_nothing(container, break_root, area):
    """All or nothing: no mount is left, and no node."""
    made = container()
    made.enter("sh", "-c", f"cd {made.root} && {break_root}")
    status, errors = made.configure("--no-cgroups", "--device=0", "--compute", "--utility")
    assert status == 1 and errors.startswith("nvidia-container-cli: " + area), errors
    assert made.added() == {} and made.nodes() == {}


@pytest.mark.parametrize("arguments, start", [
    (("--device=9", "--compute"), "device error: 9: unknown device; "),
    (("--device=0", "--require=cuda>=99", "--compute"), "requirement error: unsatisfied condition: cuda>=99 "),
])
def test_refusal_touches_nothing(container, arguments, start):
    made = container()
    status, errors = made.configure(*arguments)
    assert status == 1 and errors.startswith("nvidia-container-cli: " + start), errors
    assert made.added() == {} and made.nodes() == {}


@pytest.mark.parametrize("root", ["/nowhere", "/etc/passwd"])
def test_root_that_is_none(node, root):
    assert node.error("configure", "--no-cgroups", "--utility", root).startswith("container error: ")


def test_process_that_is_gone(node, container):
    made = container()
    assert node.error("configure", "--no-cgroups", "--utility", "--pid=4000000", made.root).startswith(
        "container error: ")


def test_links_of_the_image(node, container):
    """A link in the image leads nowhere but into the image."""
    made = container()
    canary = node.path("/var/canary-cli")
    canary.mkdir()
    made.enter("sh", "-c", f"cd {made.root} && rm -rf usr/lib/firmware && ln -s /var/canary-cli usr/lib/firmware")
    made.configure("--no-cgroups", "--device=0", "--compute", "--utility")
    assert list(canary.iterdir()) == []
    canary.rmdir()


def test_user_namespace(node, container):
    """As enroot and Apptainer do it: root of a user namespace, whose nodes can only be bind mounts. That there is no
    power over cgroups needs no option."""
    made = container(unshare=("--user", "--map-root-user", "--mount"))
    made.configured(
        "--device=0", "--compute", "--utility", options=("--user",), namespaces=("--user", "--mount", "--preserve"))
    assert made.nodes() == node.numbers(*driver_files.devices(node, driver_files.DEFAULT, [node.gpus[0]]))
    assert "libcuda" in made.files()["libraries"]

# SPDX-License-Identifier: Apache-2.0
"""T: config.toml, by whomever it was written and whatever is in it. A container with a GPU is refused where the file
can't be trusted or understood; one without starts as ever."""

import os
import socket
import stat

import pytest
from injection import CONFIG, RECORDER, marker_mounts, snapshot

BOUNDED = ("prlimit", f"--as={64 << 20}", "--cpu=1", "--")
FOLDER = os.path.dirname(CONFIG)


def refused(node, bundle, *words, id=1151):
    """With a GPU it is refused in bounded time and memory; without, nothing happens at all."""
    outcome = node.create(bundle("0"), prefix=BOUNDED).denied(id, *words)
    node.create(bundle(), prefix=BOUNDED).untouched()
    return outcome


# Whose it is


@pytest.mark.attack("T-01")
@pytest.mark.parametrize("path", [CONFIG, FOLDER, "/etc"])
@pytest.mark.parametrize("change, words", [
    (lambda path: path.chmod(path.stat().st_mode | 0o002), "writable by group or others"),
    (lambda path: path.chmod(path.stat().st_mode | 0o020), "writable by group or others"),
    (lambda path: path.chmod(0o777), "writable by group or others"),
    (lambda path: os.chown(path, 12345, 0), "owned by uid 12345"),
    (lambda path: (os.chown(path, 12345, 0), path.chmod(0o600)), "owned by uid 12345"),
], ids=["others", "group", "0777", "owner", "owner alone"])
def test_who_can_change_it(new_node, bundle, path, change, words):
    node = new_node()
    node.configure("")
    node.create(bundle("0")).passed()
    change(node.path(path))
    refused(node, bundle, f"{path} is ", words)


@pytest.mark.attack("T-01")
@pytest.mark.parametrize("group", [0, 12345])
def test_readable_by_others_is_fine(new_node, bundle, group):
    """It is about who writes; and a file of root's group that the group may read is like any other."""
    node = new_node()
    node.configure("")
    os.chown(node.path(CONFIG), 0, group)
    node.path(CONFIG).chmod(0o444)
    node.create(bundle("0")).passed()


@pytest.mark.attack("T-01", "E-06")
@pytest.mark.parametrize("variable", ["NVIDIA_CTK_CONFIG_FILE_PATH", "XDG_CONFIG_HOME"])
def test_another_file(node, bundle, tmp_path, variable):
    """The engine's environment may name another file, under the same rules; the container's may not."""
    home = tmp_path / "home"
    other = home / "nvidia-container-runtime/config.toml"
    other.parent.mkdir(parents=True)
    other.write_text('[nvidia-container-runtime]\nmode = "fast"\n')
    value = str(other if variable.startswith("NVIDIA") else home)
    in_container = lambda document: document["process"]["env"].append(f"{variable}={value}")
    node.create(bundle("0", change=in_container)).passed()
    node.create(bundle("0"), env={variable: value}).denied(1151, "fast")
    other.parent.chmod(0o777)
    node.create(bundle("0"), env={variable: value}).denied(1151, "writable by group or others")


# What it is


@pytest.fixture
def config(node):
    """The file's path, for a test that puts something else there."""
    path = node.path(CONFIG)
    path.unlink()
    yield path
    path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _user_file(path):
    target = path.with_name("users.toml")
    target.write_text("")
    os.chown(target, 12345, 12345)
    path.symlink_to(target.name)


KINDS = {
    "link to a user's file": (_user_file, "owned by uid 12345"),
    "link to itself": (lambda path: path.symlink_to(path.name), ""),
    "FIFO": (os.mkfifo, "not a regular file"), "folder": (os.mkdir, "not a regular file"),
    "socket": (lambda path: socket.socket(socket.AF_UNIX).bind(str(path)), "No such device"),
    "endless device": (lambda path: os.mknod(path, stat.S_IFCHR | 0o644, os.makedev(1, 5)), "not a regular file"),
    "1 GiB": (lambda path: (path.write_text(""), os.truncate(path, 1 << 30)), "larger than"),
    "link into a folder of others": (lambda path: path.symlink_to("/tmp/config.toml"), ""),
}


@pytest.mark.attack("T-02")
@pytest.mark.parametrize("kind", KINDS)
def test_what_it_is(node, bundle, config, kind):
    make, words = KINDS[kind]
    make(config)
    if kind == "link into a folder of others":  # sticky: whoever owns the file decides, and that is not root
        shared = node.path("/tmp/config.toml")
        shared.write_text("")
        os.chown(shared, 12345, 12345)
        try:
            refused(node, bundle, "owned by uid 12345")
        finally:
            shared.unlink()
    else:
        refused(node, bundle, CONFIG, words)
    node.path(f"{FOLDER}/users.toml").unlink(missing_ok=True)


TEXTS = {
    "invalid UTF-8": b'x = "\xff\xfe"', "invalid UTF-8 in a comment": b"# \xff\xfe\n", "overlong": b'x = "\xc0\xaf"',
    "NUL": b'x = "\0"', "NUL in a path": b'[nvidia-container-cli]\nroot = "/\\u0000"\n',
    "key twice": b"x = 1\nx = 2\n", "table twice": b"[features]\n[features]\n",
    "table and key": b"features = 1\n[features]\n",
    "key twice by quotes": b'disable-require = true\n"disable-require" = false\n',
    "table twice by dots": b"nvidia-container-cli.root = '/'\n[nvidia-container-cli]\nroot = '/x'\n",
    "arrays": b"x = " + b"[" * 100_000, "inline tables": b"x = " + b"{a=" * 100_000, "dots": b"a." * 500_000 + b"a = 1",
    "no end": b'x = """', "no value": b"x =", "no table": b"[x", "other quotes": "x = \u201ca\u201d".encode(),
    "not ASCII outside of quotes": "\u00e9 = 1".encode(), "shell": b"$(id)\n", "JSON": b'{"disable-require": true}',
    "1 MiB and a byte": b"#" * ((1 << 20) + 1),
}
WRONG = {
    "disable-require": ["1", '"true"', "[]", "{}", "1979-05-27", "0.5"], "swarm-resource": ["true", '["A"]', "{}"],
    "accept-nvidia-visible-devices-envvar-when-unprivileged": ['"false"', "0", "[false]"],
    "accept-nvidia-visible-devices-as-volume-mounts": ['"true"', "1", "{a=true}"],
    "supported-driver-capabilities": ["7", '["compute"]', "false"], "nvidia-container-cli": ["1", '"x"', "[]"],
    "nvidia-container-cli.root": ["1", '["/"]', "true"], "nvidia-container-cli.ldconfig": ["1", "[]"],
    "nvidia-container-cli.load-kmods": ['"no"', "0"], "nvidia-container-runtime": ["1", "[]"],
    "nvidia-container-runtime.mode": ["1", '"AUTO"', '""', '"fast"'], "nvidia-container-runtime.debug": ["1", "{}"],
    "nvidia-container-runtime.hook-stage": ['"poststop"', "1"], "nvidia-container-runtime.modes": ["1", "[]"],
    "nvidia-container-runtime.modes.cdi.spec-dirs": ['"/etc/cdi"', "[1]"],
    "nvidia-container-runtime.policy": ["1", "[]"], "nvidia-container-runtime.policy.max-gpus": ['"1"', "-1", "1.0"],
    "nvidia-container-runtime.policy.channels": ['"all"', '["x"]'], "features": ["1", "true"],
    "features.ignore-imex-channel-requests": ['"true"', "1"], "nvidia-container-runtime-hook": ["[]"],
    "nvidia-container-runtime-hook.path": ["1", "[]"],
}


@pytest.mark.attack("T-02")
@pytest.mark.parametrize("kind", TEXTS)
def test_texts(node, bundle, kind):
    node.path(CONFIG).write_bytes(TEXTS[kind])
    refused(node, bundle, CONFIG)


@pytest.mark.attack("T-02")
@pytest.mark.parametrize("key", WRONG)
def test_values_of_another_type(node, bundle, key):
    """Named, with its place; and never taken for another value."""
    for value in WRONG[key]:
        node.configure(f"{key} = {value}\n")
        refused(node, bundle, f"{CONFIG}:1:", key.partition(".")[0])


@pytest.mark.attack("T-02")
def test_byte_order_mark(node, bundle):
    """As editors on Windows write it: the file means the same."""
    text = "\ufeffaccept-nvidia-visible-devices-envvar-when-unprivileged = false\n"
    node.path(CONFIG).write_bytes(text.encode())
    node.create(bundle("0")).passed_over("ignored NVIDIA_VISIBLE_DEVICES")


@pytest.mark.attack("T-02", "T-08")
@pytest.mark.parametrize("text, key", [
    ("accept-nvidia-visible-devices-envvar-when-unprivilege = false",
     "accept-nvidia-visible-devices-envvar-when-unprivilege"),
    ("[features]\nignore-imex-channel-request = true", "features.ignore-imex-channel-request"),
    ("[features]\nALLOW-LDCONFIG-FROM-CONTAINER = true", "features.ALLOW-LDCONFIG-FROM-CONTAINER"),
    ("[nvidia-container-cli]\nroots = '/x'", "nvidia-container-cli.roots"),
    ("[nvidia-container-runtime.modes.cdi]\nspec-dir = []", "nvidia-container-runtime.modes.cdi.spec-dir"),
    ('"new\\nline\\u001b[2J" = 1', r"new\nline\x1b[2J"),
])
def test_keys_that_are_misspelt(node, bundle, text, key):
    """No error, since a newer original may have them; but said, so that a restriction is not thought to be in force."""
    node.configure(text + "\n")
    node.create(bundle("0")).passed().warned(f"{key}: unknown key, ignored", CONFIG)
    node.create(bundle()).untouched()


@pytest.mark.attack("T-08")
@pytest.mark.parametrize("text", [
    "max-gpu = 1", "handler.x = {}", "handlers.x.max-gpu = 1", 'Capabilities = "compute"', "on-violations = 'ignore'"])
def test_policy_that_is_misspelt(node, bundle, text):
    """A limit is another matter: refused."""
    node.configure(f"[nvidia-container-runtime.policy]\n{text}\n")
    refused(node, bundle, f"{CONFIG}:2:", "unknown key")


@pytest.mark.attack("T-08", "T-03")
@pytest.mark.parametrize("flag",
                         ["allow-ldconfig-from-contaner", "allow_ldconfig_from_container",
                          "Allow-ldconfig-from-container"])
def test_flag_that_is_misspelt_opens_nothing(node, bundle, flag):
    node.configure(f'[features]\n{flag} = true\n[nvidia-container-cli]\nldconfig = "/sbin/ldconfig"\n')
    refused(node, bundle, "does not start with a '@'")


# What it says


@pytest.mark.attack("T-03")
@pytest.mark.parametrize("value, words", [
    ("/sbin/ldconfig", "host-relative"), ("sbin/ldconfig", "host-relative"), ("", "host-relative"),
    (" @/sbin/ldconfig", "host-relative"),
    ("@relative", "absolute"), ("@", "absolute"), ("@./ldconfig", "absolute"), ("@@/sbin/ldconfig", "absolute"),
    ("$(id)", "host-relative"),
])
def test_ldconfig_that_is_refused(node, bundle, value, words):
    """CVE-2024-0136, CVE-2024-0137: a program of the image can't be asked for."""
    node.configure(f'[nvidia-container-cli]\nldconfig = "{value}"\n')
    refused(node, bundle, words, value)


@pytest.mark.attack("T-03")
@pytest.mark.parametrize("value, flag", [
    ("@/sbin/ldconfig", False), ("@/var/users/ldconfig", False), ("@/sbin/ldconfig;id", False), ("@/nowhere", False),
    ("/sbin/ldconfig", True),
])
def test_ldconfig_is_never_run(node, bundle, tmp_path, value, flag):
    """Whatever it is, and whatever flag allows it: nothing but the low-level runtime is executed, and config.json is
    the same as without."""
    plain = node.create(bundle("0")).passed().after
    allow = "[features]\nallow-ldconfig-from-container = true\n" if flag else ""
    node.configure(f'[nvidia-container-cli]\nldconfig = "{value}"\n{allow}')
    log = tmp_path / "strace"
    prefix = ("strace", "-f", "-o", log, "-e", "trace=execve,execveat,fork,vfork,clone,clone3")
    assert node.create(bundle("0"), prefix=prefix).passed().after == plain
    calls = [line.partition(" ")[2].strip() for line in log.read_text().splitlines() if "exited" not in line]
    assert len(calls) == 2 and calls[1].startswith(f'execve("{RECORDER}"'), calls


LOGS = {  # that nothing may be written to
    "link to a file": lambda folder: (folder / "link").symlink_to(folder / "target"),
    "link to nowhere": lambda folder: (folder / "link").symlink_to(folder / "nowhere"),
    "second name": lambda folder: os.link(folder / "target", folder / "link"),
    "somebody's file": lambda folder: ((folder / "link").write_text(""), os.chown(folder / "link", 12345, 12345)),
    "FIFO": lambda folder: os.mkfifo(folder / "link"), "folder": lambda folder: (folder / "link").mkdir(),
    "/dev/stderr": None, "/dev/stdout": None, "/dev/kmsg": None, "/dev/full": None, "/dev/tty": None,
    "/proc/self/fd/1": None,
    "/proc/sysrq-trigger": None, "": None, "/": None, "/nowhere/": None,
}


@pytest.mark.attack("T-04")
@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize("devices, status", [("0", 0), ("7", 1)])
def test_debug_log_that_is_none(node, bundle, tmp_path, kind, devices, status):
    """Regular files of root's, without a link: anything else is not written, and nothing else changes by it. (That
    stdout has but the recorder's line, and stderr but the error, is for Node.create.)"""
    target = tmp_path / "target"
    target.write_text("before")
    path = kind
    if LOGS[kind]:
        path = tmp_path / "link"
        LOGS[kind](tmp_path)
    before = snapshot(target)
    node.configure(f'[nvidia-container-runtime]\ndebug = "{path}"\nlog-level = "debug"\n')
    outcome = node.create(bundle(devices))
    outcome.passed() if status == 0 else outcome.denied(1204)
    assert snapshot(target) == before and not (tmp_path / "nowhere").exists() and not node.path("/nowhere").exists()
    if kind == "somebody's file":
        assert path.read_text() == ""


@pytest.mark.attack("T-04")
def test_debug_log_appends(node, bundle, tmp_path):
    """What root's own config.toml names, such as /etc/passwd, keeps what is in it and its mode."""
    target = tmp_path / "target"
    target.write_text("root:x:0:0\n")
    target.chmod(0o600)
    node.configure(f'[nvidia-container-runtime]\ndebug = "{target}"\n')
    node.create(bundle("0")).passed()
    assert target.read_text().startswith("root:x:0:0\n{") and target.stat().st_mode & 0o777 == 0o600


@pytest.mark.attack("T-05")
@pytest.mark.parametrize("kind", [
    "missing", "empty", "link to /", "link to .", "relative", "file", "dangling", "a folder of others", "of a user",
    "another tree"])
def test_driver_root(new_node, bundle, kind):
    """The host has a driver of its own, and a root that is configured and has none never means the host's."""
    node = new_node()
    root = node.path("/run/nvidia/driver")
    root.parent.mkdir(parents=True, exist_ok=True)
    path, id = "/run/nvidia/driver", 1404
    if kind in ("empty", "a folder of others", "of a user", "another tree"):
        root.mkdir()
        id = 1408
    if kind == "link to /":
        root.symlink_to("/")
    elif kind == "link to .":
        root.symlink_to("../..")
    elif kind == "relative":
        path = "run/nvidia/driver"
    elif kind == "file":
        root.write_text("")
    elif kind == "dangling":
        root.symlink_to("/nowhere")
    elif kind == "a folder of others":
        root.chmod(0o777)
    elif kind == "of a user":
        os.chown(root, 12345, 12345)
    elif kind == "another tree":
        (root / "usr").symlink_to("/usr")
    node.configure(f'[nvidia-container-cli]\nroot = "{path}"\n')
    node.create(bundle("0")).denied(id, path)
    node.create(bundle()).untouched()
    node.configure("")
    node.create(bundle("0")).passed()


@pytest.mark.attack("T-06")
def test_missing_file(node, bundle):
    """The defaults as README.md has them: the environment counts, marker mounts don't, the hook is found, no log."""
    node.configure(None)
    assert not node.path(CONFIG).exists()
    node.create(bundle("0")).gave(node, [0])
    node.create(bundle(change=marker_mounts("1"))).untouched()
    node.configure("")
    with_file = node.create(bundle("0")).passed().after
    node.configure(None)
    assert node.create(bundle("0")).passed().after == with_file

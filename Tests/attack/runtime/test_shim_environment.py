# SPDX-License-Identifier: Apache-2.0
"""E, the shim's side: what the environment can make it do, and what it may be started as. The hook's side is beside
this folder."""

import json
import os
import re
import subprocess

import pytest
from injection import PATH_VARIABLE, PROGRAMS, RECORDER, SECRET, all_of
from test_inject_node import driver_container
from test_request_cdi import device, file

STATIC = [name for name in PROGRAMS if name != "nvidia-runtime-nvml"] + ["nvidia-container-cli"]


def readelf(name):
    variable = PROGRAMS.get(name, "NVIDIA_CONTAINER_CLI")
    return subprocess.run(["readelf", "-lhdW", os.environ[variable]], check=True, capture_output=True, text=True).stdout


@pytest.mark.attack("E-05", "B-05")
@pytest.mark.parametrize("name", STATIC)
def test_static_programs(name):
    """CVE-2025-23266, CVE-2019-14271: no loader, nothing to load, and no place to look for it; position-independent,
    and what can be written can't be executed."""
    text = readelf(name)
    for word in ("INTERP", "(NEEDED)", "RPATH", "RUNPATH", "TEXTREL"):
        assert word not in text, word
    assert re.search(r"Type: +DYN", text) and "GNU_RELRO" in text and re.search(r"GNU_STACK .* RW ", text)
    assert not re.search(r"LOAD .* RWE ", text) and not re.search(r"LOAD .* WE ", text)
    assert re.search(r"FLAGS_1\).*NOW.*PIE", text)


@pytest.mark.attack("E-05", "B-05")
def test_the_dynamic_program():
    """The one that loads NVML: by absolute path, without a folder of its own to look in."""
    text = readelf("nvidia-runtime-nvml")
    assert set(re.findall(r"\(NEEDED\).*\[(.*)\]", text)) == {"libc.so.6", "libdl.so.2"}
    assert "RPATH" not in text and "RUNPATH" not in text and "BIND_NOW" in text
    assert re.search(r"FLAGS_1\).*NOW.*PIE", text) and re.search(r"GNU_STACK .* RW ", text)


# The low-level runtime


def evil(node, folder, mode=0o755, owner=0):
    """A folder with a runc in it that leaves a mark."""
    path = node.path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / "runc").write_text("#!/bin/sh\ntouch /var/evil-ran\n")
    (path / "runc").chmod(0o755)
    os.chown(path, owner, 0)
    path.chmod(mode)
    return path


FOLDERS = {
    "writable by others": lambda node: evil(node, "/var/evil", 0o777),
    "writable by a group": lambda node: evil(node, "/var/evil", 0o775),
    "sticky": lambda node: os.chown(evil(node, "/var/evil", 0o1777) / "runc", 12345, 0),
    "of a user": lambda node: evil(node, "/var/evil", owner=12345),
    "in a folder of others": lambda node: (evil(node, "/var/evil/inner"), evil(node, "/var/evil", 0o777)),
    "by a link": lambda node: (evil(node, "/var/real", 0o777), node.path("/var/evil").symlink_to("real")),
}


@pytest.mark.attack("E-07")
@pytest.mark.parametrize("kind", FOLDERS)
@pytest.mark.parametrize("devices", [None, "0"])
def test_folders_of_path(new_node, bundle, kind, devices):
    """A folder in which somebody else could have put a runc is passed over."""
    node = new_node()
    FOLDERS[kind](node)
    folder = "/var/evil/inner" if kind == "in a folder of others" else "/var/evil"
    # The mark works: whoever trusts the folder runs it.
    node.run(f"{folder}/runc")
    assert node.path("/var/evil-ran").exists()
    node.path("/var/evil-ran").unlink()
    node.create(bundle(devices), env={"PATH": f"{folder}:{PATH_VARIABLE}"}).passed()
    assert not node.path("/var/evil-ran").exists()


@pytest.mark.attack("E-07")
@pytest.mark.parametrize("path", [".", "", "evil", "./", "..", ":", "~", "$HOME"])
def test_relative_entries_of_path(new_node, bundle, path):
    """They would be searched from wherever the engine stands."""
    node = new_node()
    evil(node, "/var/cwd/evil"), evil(node, "/var/cwd")
    made = bundle("0")
    words = ("nvidia-runtime", "create", "--bundle", made.folder, "id")
    result = node.run("env", f"PATH={path}:/usr/local/sbin:/usr/bin", "/usr/bin/nvidia-runtime", *words[1:],
                      cwd="/var/cwd")
    assert result.stdout == b"recorder\n" and not node.path("/var/evil-ran").exists()


FILES = {
    "of a user": lambda path: os.chown(path, 12345, 0), "writable by a group": lambda path: path.chmod(0o775),
    "writable by others": lambda path: path.chmod(0o757),
    "set-user-ID of a user": lambda path: (os.chown(path, 12345, 0), path.chmod(0o4755)),
    "link to a user's": lambda path: (path.rename(path.with_name("real")), os.chown(path.with_name("real"), 12345, 0),
                                      path.symlink_to("real")),
}


@pytest.mark.attack("E-08", "E-07")
@pytest.mark.parametrize("kind", FILES)
def test_runtimes_of_others(new_node, bundle, kind):
    """A program that somebody else can change is not run. In PATH it is passed over, as its folder would be; where
    config.toml names it, it stops the start: what would be run in its place is not what was meant."""
    node = new_node()
    FILES[kind](evil(node, "/var/good") / "runc")
    for devices in ("0", None):
        made = bundle(devices)
        result = node.run(*made.create, env={"PATH": f"/var/good:{PATH_VARIABLE}"})
        assert result.stdout == b"recorder\n", result
    node.configure('[nvidia-container-runtime]\nruntimes = ["/var/good/runc", "runc"]\n')
    for devices in ("0", None):
        result = node.run(*bundle(devices).create)
        assert result.returncode == 1 and re.match(rb"nvidia-runtime: NVR100\d: invalid path '/var/good/runc': ",
                                                   result.stderr), result
    assert not node.path("/var/evil-ran").exists()


@pytest.mark.attack("E-08")
@pytest.mark.parametrize("entry",
                         ["./runc", "runc;id", "", "runc ", " runc", "../runc", "bin/runc", "$(id)", "runc\\u0000x",
                          "/", "/etc/hostname"])
def test_strange_entries_of_runtimes(node, bundle, entry):
    """Names and absolute paths are all there is; nothing is split, joined or handed to a shell."""
    node.configure(f'[nvidia-container-runtime]\nruntimes = ["{entry}"]\n')
    result = node.run(*bundle("0").create)
    assert result.returncode == 1 and re.match(rb"nvidia-runtime: NVR1(00[1-3]|151): ", result.stderr), result


# Privileges


@pytest.mark.attack("E-09")
@pytest.mark.parametrize("kind", ["set-user-ID", "set-group-ID", "capabilities"])
@pytest.mark.parametrize("program", ["nvidia-runtime"])
def test_privileges_of_the_file(new_node, tmp_path, kind, program):
    """Installed so by mistake, it refuses before it reads anything that the caller chose."""
    node = new_node()
    path = f"/usr/bin/{program}"
    if kind == "capabilities":
        node.run("setcap", "cap_dac_override+ep", path)
        assert b"cap_dac_override" in node.run("getcap", path).stdout
    else:
        node.path(path).chmod(0o4755 if kind == "set-user-ID" else 0o2755)
    log, evil_config = tmp_path / "log", tmp_path / "evil.toml"
    evil_config.write_text("[broken")
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "--log", log, "create",
             "--bundle", tmp_path, "id")
    result = node.run(*words, env={"NVIDIA_CTK_CONFIG_FILE_PATH": str(evil_config)})
    assert (result.returncode, result.stdout) == (1, b""), result
    assert b"NVR1001: refusing to run set-user-ID or with file capabilities" in result.stderr and not log.exists()


# What the low-level runtime gets

EXECVE = """
import ctypes, sys
entries = open(sys.argv[1], "rb").read().split(b"\\0")[:-1]
words = [word.encode() for word in sys.argv[2:]]
libc = ctypes.CDLL(None)
libc.execve(words[0], (ctypes.c_char_p * (len(words) + 1))(*words, None),
            (ctypes.c_char_p * (len(entries) + 1))(*entries, None))
"""


@pytest.mark.attack("E-10")
@pytest.mark.parametrize("devices", [None, "0"])
def test_environment(node, bundle, tmp_path, devices):
    """Byte by byte and in its order: five thousand entries, the longest that the kernel takes, some without a name, a
    value or UTF-8, and some twice."""
    entries = [b"PATH=" + PATH_VARIABLE.encode(), b"A=1", b"A=2", b"NOVALUE", b"=x", b"B=\xff\xc3\x28", b"e\xcc\x81=1",
               b"C=a\nb",
               b"PATH=/nowhere", b"SWIFT_BACKTRACE=enable=yes", b"SWIFT_ROOT=/nowhere", b"LD_PRELOAD=/nowhere.so",
               b"LONG=" + b"x" * (131_072 - 6), b"LONGER=" + b"y" * (131_072 - 8)]
    entries += [b"V%d=%d" % (number, number) for number in range(5000)]
    (tmp_path / "environment").write_bytes(b"".join(entry + b"\0" for entry in entries))
    prefix = ("python3", "-c", EXECVE, tmp_path / "environment")
    outcome = node.create(bundle(devices), prefix=prefix, program="/usr/bin/nvidia-runtime").passed()
    assert outcome.record.environment == entries


HOSTILE_WORDS = ["a b", 'say "x"', "it's", "$(touch /var/evil-ran)", "`id`", "a\nb", ";id", "|id", "&&id", "*", "~",
                 "", "\\", "%s",
                 "\u00e9\u202e"]


@pytest.mark.attack("E-11")
def test_words_of_hooks(node, bundle, tmp_path):
    """From a CDI file into config.json as an array, and no shell anywhere."""
    hook = {"hookName": "createContainer", "path": "/usr/bin/true", "args": ["true", *HOSTILE_WORDS],
            "env": ["A=$(id) 'x'"]}
    node.write_cdi(file(device(hooks=[hook])))
    log = tmp_path / "strace"
    outcome = node.create(bundle("vendor.example/device=0"),
                          prefix=("strace", "-f", "-o", log, "-e", "trace=execve,fork,vfork,clone,clone3"))
    found, = outcome.passed().spec["hooks"]["createContainer"]
    assert (found["args"], found["env"]) == (hook["args"], hook["env"])
    calls = [line for line in log.read_text().splitlines() if "(" in line]
    assert len(calls) == 2 and f'"{RECORDER}"' in calls[1]


@pytest.mark.attack("E-11")
@pytest.mark.parametrize("name", ["dri ver", "$(touch .evil-ran)", "it's \"x\"", ";id", "a\nb", "\u00e9"])
def test_words_of_paths(new_node, bundle, name):
    """A driver root with such a name: its files are mounted from there, and our hook's words are the container's
    paths."""
    node, root = driver_container(new_node)
    plain = node.create(bundle("0")).passed()
    (root.parent / name).mkdir()
    node.run("mount", "--rbind", "/run/nvidia/driver", f"/run/nvidia/{name}")
    node.configure(f"[nvidia-container-cli]\nroot = {json.dumps('/run/nvidia/' + name)}\n")
    outcome = node.create(bundle("0"))
    if "\n" in name:
        outcome.denied(1409, "control characters")
        return
    moved = {target: source.replace("/run/nvidia/driver/", f"/run/nvidia/{name}/", 1)
             for target, source in plain.mounts().items()}
    assert outcome.passed().mounts() == moved and outcome.hook() == plain.hook()
    assert not node.path("/.evil-ran").exists()


@pytest.mark.attack("E-06")
def test_settings_by_the_image(node, bundle, tmp_path):
    """The container's variables are read for what they ask, and never for how we are to be."""
    trap = tmp_path / "evil.toml"
    trap.write_text('[nvidia-container-runtime]\nmode = "fast"\n')
    log = tmp_path / "strace"
    names = {"NVIDIA_CTK_CONFIG_FILE_PATH": str(trap), "XDG_CONFIG_HOME": str(tmp_path), "PATH": str(tmp_path),
             "HOME": str(tmp_path),
             "NVIDIA_CONTAINER_RUNTIME_LOG": str(trap), "TMPDIR": str(tmp_path), "NVIDIA_CTK_DEBUG": "true"}
    change = all_of(*(lambda document, name=name, value=value: document["process"]["env"].append(f"{name}={value}")
                      for name, value in names.items()))
    node.create(bundle("0", change=change),
                prefix=("strace", "-f", "-o", log, "-e", "trace=open,openat,openat2,stat,newfstatat")).passed()
    assert "evil.toml" not in log.read_text() and SECRET not in log.read_text()

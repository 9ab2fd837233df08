# SPDX-License-Identifier: Apache-2.0
"""What is in a config.json stays: with a GPU byte for byte around our additions (I6), without one the file itself."""

import json

import pytest
from injection import REPOSITORY, cdi_specification, snapshot

SPECS = {path.stem: path.read_bytes() for path in sorted((REPOSITORY / "testdata/ocispec").rglob("*.json"))}
LISTS = [
    ("mounts",), ("linux", "devices"), ("linux", "resources", "devices"), ("hooks", "createContainer"),
    ("hooks", "prestart"),
]


# To these containerd has given a GPU itself already, with all that a CDI specification says.
GIVEN = {name for name, text in SPECS.items() if b"NVIDIA_VISIBLE_DEVICES=void" in text}
# These ask by an annotation, of CDI devices.
ANNOTATED = {name for name, text in SPECS.items() if b'"cdi.k8s.io/' in text}


def asking(text):
    """`text` with a request for a GPU, put in by hand so that nothing else changes."""
    if b"NVIDIA_VISIBLE_DEVICES=" in text:
        return text.replace(b"NVIDIA_VISIBLE_DEVICES=void", b"NVIDIA_VISIBLE_DEVICES=0")
    for start in (b'"env":[', b'"env": ['):
        if start in text:
            return text.replace(start, start + b'"NVIDIA_VISIBLE_DEVICES=0",', 1)
    raise AssertionError("no environment")


def value(document, path):
    for name in path:
        document = (document or {}).get(name)
    return document


def only_additions(before, after):
    """`after` without what was added to the lists, which must be nothing but elements at their ends."""
    old, new = json.loads(before), json.loads(after)
    for path in LISTS:
        had, has = value(old, path), value(new, path)
        if has == had:
            continue
        assert has[:len(had or [])] == (had or [])
        text = b",".join(json.dumps(item, separators=(",", ":")).encode() for item in has[len(had or []):])
        if had:
            text = b"," + text
        elif had is None and value(old, path[:-1]) is not None:
            text = b',"%s":[%s]' % (path[-1].encode(), text)
        elif had is None:
            text = b',"%s":{"%s":[%s]}' % (path[0].encode(), path[1].encode(), text)
        assert after.count(text) == 1, text
        after = after.replace(text, b"")
    return after


@pytest.mark.parametrize("name", sorted(SPECS.keys() - GIVEN - ANNOTATED))
def test_only_additions(node, bundle, name):
    """J-11, J-12: of every engine's specification, and of one with every feature there is."""
    outcome = node.create(bundle(text=asking(SPECS[name]))).passed()
    assert only_additions(outcome.before, outcome.after) == outcome.before
    assert {"/dev/nvidiactl", "/dev/nvidia0"} <= outcome.devices().keys()
    assert "/usr/bin/nvidia-smi" in outcome.mounts()
    outcome.hook()


@pytest.mark.parametrize("name", sorted(ANNOTATED - GIVEN))
def test_only_additions_by_annotation(node, bundle, name):
    """J-11, C-04: of an engine that leaves the annotation to us."""
    node.write_cdi(cdi_specification(node, environment=False))
    outcome = node.create(bundle(text=SPECS[name])).passed()
    assert only_additions(outcome.before, outcome.after) == outcome.before
    assert outcome.devices() == node.numbers("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia1")


@pytest.mark.parametrize("name", sorted(GIVEN - ANNOTATED))
def test_what_an_engine_gave(node, bundle, name):
    """J-21: `void` says that it has its GPUs already. Where it asks for more, what would be there twice is ours
    afterwards, the rest stays, and so does the order."""
    node.create(bundle(text=SPECS[name])).untouched()
    outcome = node.create(bundle(text=asking(SPECS[name]))).passed()
    old, new = outcome.old, outcome.spec
    for members, key, ours in (
            (("linux", "devices"), "path", "/dev/nvidia0"), (("mounts",), "destination", "/usr/bin/nvidia-smi")):
        before, after = ([item[key] for item in value(document, members)] for document in (old, new))
        assert after[:len(before)] == before and len(set(after)) == len(after) and ours in after
    for members in (old, new):
        del members["linux"]["devices"], members["linux"]["resources"]["devices"], members["mounts"], members["hooks"]
    assert new == old


def test_unknown_members(node, bundle):
    """J-09, J-11: at every level, with numbers that no C or Go type holds, strange spacing and any order."""
    text = b"""{"zzz" :  [ 1e400 , -0, 18446744073709551616, 1.50, null,true ],"hooks"\t:{"x-new":[{"a":1}]},
 "linux":{"resources":{"x-limits" :{"a":0.10}, "devices":[ {"allow":false,"access":"rwm","x-why":9} ]}, "x":{}},
 "mounts":[{"destination":"/x","source":"/y","x-m":{"b":[]}}  ],
 "process":{"env":["NVIDIA_VISIBLE_DEVICES=0", "E=\\u00e9 \\/" ],"user":{"uid":0,"gid":0, "x-u":1},
 "args":["\\ud83d"],"x-p":[[[]]]},
 "root":{"path":"rootfs","x-r":""},"ociVersion":"1.0.2" }
"""
    outcome = node.create(bundle(text=text)).passed()
    assert only_additions(outcome.before, outcome.after) == text


def test_lists_that_are_missing_or_empty(node, bundle):
    process = {"env": ["NVIDIA_VISIBLE_DEVICES=0"], "args": ["a"], "user": {"uid": 0, "gid": 0}}
    for more in ({}, {"linux": {}}, {"mounts": []}, {"hooks": {}}, {"mounts": None, "linux": None, "hooks": None},
                 {"hooks": {"createContainer": []}, "linux": {"devices": [], "resources": {"devices": []}}}):
        made = bundle(text=json.dumps({"ociVersion": "1.0.2", "process": process, "root": {"path": "rootfs"}} | more))
        outcome = node.create(made).passed()
        assert "/dev/nvidia0" in outcome.devices() and outcome.mounts() and outcome.hook()
        assert node.create(made).passed().is_untouched


@pytest.mark.parametrize("name", SPECS)
def test_twice(node, bundle, name):
    """J-20: the second run, as of a `docker restart`, finds all there and leaves the file alone."""
    node.write_cdi(cdi_specification(node))
    made = bundle(text=asking(SPECS[name]))
    first = node.create(made).passed()
    second = node.create(made).passed()
    assert second.is_untouched and second.before == first.after


def test_restart_with_another_request(node, bundle):
    """J-20: what a bundle was given once it has still, each thing once."""
    made = bundle("0")
    first = node.create(made).passed()
    made.config.write_bytes(first.after.replace(b"NVIDIA_VISIBLE_DEVICES=0", b"NVIDIA_VISIBLE_DEVICES=0,1"))
    second = node.create(made).passed()
    assert second.added("linux", "devices") == [
        {"path": "/dev/nvidia1", "type": "c", "major": 195, "minor": 1, "fileMode": 0o666, "uid": 0, "gid": 0}]
    assert len(second.spec["hooks"]["createContainer"]) == 1


@pytest.mark.parametrize("path", [
    "/usr/bin/nvidia-container-runtime-hook", "/usr/bin/nvidia-container-toolkit", "/opt/nvidia-container-runtime-hook",
])
def test_hook_of_docker_gpus(node, bundle, path):
    """Docker's --gpus adds a prestart hook that does our work again: it goes, and the others stay."""
    other = {"path": "/usr/bin/other", "args": ["other"], "x-mine": 1}
    superseded = {"path": path, "args": [path.rpartition("/")[2], "prestart"]}
    for before in ([superseded], [other, superseded], [superseded, other, superseded]):
        after = [hook for hook in before if hook is other]
        made = bundle("0", change=lambda document: document.update(hooks={"prestart": before}))
        outcome = node.create(made).passed()
        assert outcome.spec["hooks"]["prestart"] == after
        assert len(outcome.spec["hooks"]["createContainer"]) == 1
        assert node.create(made).passed().is_untouched
        plain = bundle(change=lambda document: document.update(hooks={"prestart": before}))
        assert node.create(plain).untouched().spec["hooks"]["prestart"] == before  # no GPU asked: not ours to judge


@pytest.mark.parametrize("name", [
    name for name, text in SPECS.items() if b"NVIDIA_VISIBLE_DEVICES" not in text and name not in ANNOTATED])
def test_engines_specification_without_gpu(node, bundle, name):
    node.create(bundle(text=SPECS[name])).untouched()


WEIRD = [
    b"", b"{", b"null", b"[]", b'"x"', b"{}", b"\xff\xfe\x00", b'{"process":null}', b'{"process":{"env":"A=b"}}',
    b'{"process":{"env":[1,null,{}]}}', b'{"a":1,"a":2,"A":3}', b"[" * 100_000, b'{"x":"\\ud800"}', b" " * (1 << 20),
    b'{"linux":[],"mounts":{},"hooks":7,"ociVersion":[]}',
    b'{"process":{"env":["NVIDIA_VISIBLE_DEVICES=void"]},"x":1e999}',
    b'{"process":{"env":["A=NVIDIA_VISIBLE_DEVICES=all"]}}', b'{"annotations":{"a":"NVIDIA_VISIBLE_DEVICES=all"}}',
    b'{"process":{"args":["NVIDIA_VISIBLE_DEVICES=all"]}}', b'{"process":{"env":["NVIDIA_VISIBLE_DEVICES"]}}',
]


@pytest.mark.parametrize("text", WEIRD, ids=range(len(WEIRD)))
def test_no_gpu_whatever_is_broken(nodes, bundle, text):
    """Without a request nothing is read but the request: no driver, a config.toml that is none, a strange file (J-01,
    J-10): the low-level runtime says what is wrong."""
    node = nodes("--no-driver", "--gpus", "1")  # another one than elsewhere: it loses its hook
    node.configure("this is [[[ no TOML\n")
    node.path("/usr/bin/nvidia-runtime-hook").unlink(missing_ok=True)
    node.create(bundle(text=text)).untouched()


def test_no_gpu_whatever_kind_of_file(nodes, bundle, tmp_path):
    """A link or a second name of config.json is the low-level runtime's business where no GPU is asked for."""
    node, made = nodes("--no-driver"), bundle()
    made.config.rename(tmp_path / "elsewhere.json")
    made.config.symlink_to(tmp_path / "elsewhere.json")
    assert node.run(*made.create).stdout == b"recorder\n"
    made.config.unlink()
    assert node.run(*made.create).stdout == b"recorder\n"


def test_other_commands_touch_nothing(nodes, bundle):
    """Only create and run look at the bundle at all."""
    node, made = nodes("--no-driver"), bundle("all")
    before = snapshot(made.config)
    for words in (("start", "id"), ("delete", "--force", "id"), ("state", "create"), ("kill", "run", "9"),
                  ("--version",), ("exec", "-b", "create", "id"), ("spec",), ()):
        result = node.run("nvidia-runtime", *words, cwd=made.folder)
        assert (result.returncode, result.stdout, result.stderr) == (0, b"recorder\n", b"")
    assert snapshot(made.config) == before

# SPDX-License-Identifier: Apache-2.0
"""containerd 2.3's own CDI injection as an oracle: testdata/ocispec/real has what its CRI plugin handed to runc without
CDI, after the field CDIDevices and after an annotation, for the CDI file testdata/cdi/specs/root-flat-typeindex.yaml
(there its devices had other names: 1 for gpu1)."""

import json

import cdi_files
import pytest
import yaml
from spec_comparison import anonymous, differences
from support import REPOSITORY, run

REAL = REPOSITORY / "testdata/ocispec/real"
FILE = REPOSITORY / "testdata/cdi/specs/root-flat-typeindex.yaml"
BASE, APPLIED, ANNOTATED = (
    f"containerd-2.3-cri-container{suffix}.json" for suffix in ("", "-native-cdi-applied", "-cdi-annotation")
)
DEVICE = {APPLIED: "gpu2", ANNOTATED: "gpu1"}


@pytest.fixture(scope="module")
def host():
    """The machine that the CDI file is about."""
    document = yaml.safe_load(FILE.read_text())
    with cdi_files.host_of(document), cdi_files.written({"/etc/cdi/nvidia.yaml": document}):
        yield


@pytest.fixture
def create(folder, configured, host):
    """Runs the runtime on a bundle with a config.json and gives what the low-level runtime would have read."""

    def create(text, mode):
        configured(runtimes=["/bin/true"], more=f'mode = "{mode}"')
        path = folder / "config.json"
        path.write_text(text)
        result = run("/usr/bin/nvidia-container-runtime", "create", "--bundle", folder, "id")
        assert result.code == 0, result
        return path.read_text()

    return create


def captured(name):
    return anonymous((REAL / name).read_text())


def with_annotation(text, device):
    document = json.loads(text)
    document["annotations"]["cdi.k8s.io/test"] = f"nvidia.com/gpu={device}"
    return document


def is_our_limit(difference):
    """containerd leaves a hook without a time limit as it is; ours sets one."""
    name, there, here = difference
    return name[0] == "hook" and name[-1] == "timeout" and (there, here) == (None, 30)


@pytest.mark.parametrize("mode", ["auto", "cdi"])
@pytest.mark.parametrize("name", [APPLIED, ANNOTATED])
def test_same_injection(create, name, mode):
    """From the container without CDI, ours makes what containerd made."""
    base = with_annotation(captured(BASE), DEVICE[name])
    base["process"]["env"].remove("NVIDIA_VISIBLE_DEVICES=0")  # the captures come from containers without
    there = with_annotation(captured(name), DEVICE[name])
    here = json.loads(create(json.dumps(base), mode))
    found = differences(there, here)
    hooks = len(there["hooks"]["createContainer"])
    assert [one for one in found if not is_our_limit(one)] == [] and len(found) == hooks == 6


@pytest.mark.parametrize("mode", ["auto", "cdi", "jit-cdi", "legacy"])
def test_applied_by_containerd(create, mode):
    """--device-list-strategy=cdi-cri: containerd has done it all, and NVIDIA_VISIBLE_DEVICES=void says so. The file
    stays as it is, to the byte."""
    text = (REAL / APPLIED).read_text()
    assert create(text, mode) == text


@pytest.mark.parametrize("mode", ["jit-cdi", "legacy"])
def test_annotation_of_another_mode(create, mode):
    text = (REAL / ANNOTATED).read_text()
    assert create(text, mode) == text


@pytest.mark.parametrize("mode", ["auto", "cdi"])
def test_applied_twice(create, mode):
    """An annotation that containerd has followed and handed on: nothing is there twice, only time limits are new."""
    text = with_annotation((REAL / ANNOTATED).read_text(), "gpu1")
    first = json.loads(create(json.dumps(text), mode))
    found = differences(text, first)
    assert [one for one in found if not is_our_limit(one)] == [] and len(found) == 6
    for path in ("mounts", "linux.devices", "linux.resources.devices", "hooks.createContainer", "process.env"):
        assert len(value(first, path)) == len(value(text, path)), path
    again = create(json.dumps(first), mode)
    assert again == json.dumps(first)


def value(document, path):
    for name in path.split("."):
        document = document[name]
    return document

# SPDX-License-Identifier: Apache-2.0
"""podman with the runtime under test in runc's place, and with runc and crun and the prestart hook by a file in
hooks.d, which CRI-O reads in the same way (containers/common, pkg/hooks)."""

import json

import pytest

from engines import PROBE_IMAGE as IMAGE
from engines import words
from support import CAPABILITIES, CGROUP_VIEW, PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe, check_refusal


def start(podman, *options, **settings):
    return podman(*words(*options, **settings))


def output_of(result):
    assert result.code == 0, result
    return result.output


def test_one_gpu(podman, node):
    check_probe(output_of(start(podman, IMAGE, PROBE, *node.minors(0), request="0")))


def test_nvidia_smi(podman, node):
    output = output_of(start(podman, IMAGE, "nvidia-smi", request="0,3", capabilities="utility"))
    check_nvidia_smi(output, node, node.minors(0, 3))


def test_no_request(podman):
    check_probe(output_of(start(podman, IMAGE, PROBE)), libraries=False)


def test_readonly_and_user(podman, node):
    check_probe(
        output_of(start(podman, "--read-only", "--user", "1000:1000", IMAGE, PROBE, *node.minors(1), request="1"))
    )


def test_unknown_gpu(podman):
    check_refusal(start(podman, IMAGE, PROBE, request=UNKNOWN_GPU))


def test_exec(podman, node):
    result = podman(
        "run",
        "--detach",
        "--name",
        "later",
        "--network",
        "none",
        "-e",
        "NVIDIA_VISIBLE_DEVICES=2",
        "-e",
        f"NVIDIA_DRIVER_CAPABILITIES={CAPABILITIES}",
        IMAGE,
        "sleep",
        "1000",
    )
    assert result.code == 0, result
    try:
        check_probe(output_of(podman("exec", "later", PROBE, *node.minors(2))))
    finally:
        assert podman("rm", "--force", "--time", "0", "later").code == 0


class TestHookFile:
    """The file that the original's packages installed: for all containers, whatever they ask for."""

    HOOK = {
        "version": "1.0.0",
        "hook": {
            "path": "/usr/bin/nvidia-container-runtime-hook",
            "args": ["nvidia-container-runtime-hook", "prestart"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "when": {"always": True, "commands": [".*"]},
        "stages": ["prestart"],
    }

    @pytest.fixture(params=["runc", "crun"])
    def hooked(self, podman, folder, request):
        """podman with the file, and a low-level runtime."""
        hooks = folder / "hooks.d"
        hooks.mkdir(exist_ok=True)
        (hooks / "oci-nvidia-hook.json").write_text(json.dumps(self.HOOK))
        runtime, options = f"/usr/bin/{request.param}", ("--hooks-dir", hooks)
        prefix = (CGROUP_VIEW, "v1")  # crun knows no machine that has both versions
        return lambda *words: podman(*words, runtime=runtime, options=options, prefix=prefix)

    def test_one_gpu(self, hooked, node):
        check_probe(output_of(start(hooked, IMAGE, PROBE, *node.minors(1), request="1")))

    def test_nvidia_smi(self, hooked, node):
        output = output_of(start(hooked, IMAGE, "nvidia-smi", request="0,3", capabilities="utility"))
        check_nvidia_smi(output, node, node.minors(0, 3))

    def test_no_request(self, hooked):
        check_probe(output_of(start(hooked, IMAGE, PROBE)), libraries=False)

    def test_unknown_gpu(self, hooked, folder):
        """crun says which hook failed, and what the hook says only in a file that an annotation names."""
        said = folder / "said"
        options = ("--annotation", f"run.oci.hooks.stderr={said}")
        result = start(hooked, *options, IMAGE, PROBE, request=UNKNOWN_GPU)
        assert result.code != 0, result
        text = result.errors + (said.read_text() if said.exists() else "")
        assert UNKNOWN_GPU in text and "NVR1204" in text, (result, text)

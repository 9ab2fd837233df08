# SPDX-License-Identifier: Apache-2.0
"""A node with the runtime in every engine's configuration and without a driver, as the CPU nodes of a cluster: what
asks for a GPU softly starts without one, and what asks for one in earnest learns what is missing."""

import pytest
from engines import CUDA_IMAGE, PROBE_IMAGE, words
from support import PROBE, check_probe

SOFTLY = "nvidia-runtime/optional"


def check_started(result):
    assert result.code == 0, result
    check_probe(result.output, libraries=False)


def check_refused(result):
    """The message names the driver, in one line with an id."""
    assert result.code != 0 and not result.output, result
    assert "nvidia-runtime: NVR" in result.errors and "driver" in result.errors, result


class TestDocker:
    @pytest.mark.parametrize("value", ["all,optional", "0,optional", "optional"])
    def test_softly(self, docker, value):
        check_started(docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request=value)))

    def test_softly_by_index_and_uuid(self, docker, node):
        value = f"{node.gpus[1]['uuid']},0,optional"
        check_started(docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request=value)))

    def test_softly_as_default_runtime(self, default_docker):
        check_started(default_docker.attempt(*words(CUDA_IMAGE, PROBE, request="all,optional")))

    def test_softly_in_mode_cdi(self, docker):
        """There is no CDI file either."""
        check_started(docker.attempt(*words("--runtime", "nvidia-cdi", PROBE_IMAGE, PROBE, request="all,optional")))

    def test_malformed(self, docker):
        """A request that could not be met on any node is an error on this one too."""
        result = docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request="gpu0,optional"))
        assert result.code != 0 and '"gpu0"' in result.errors, result

    @pytest.mark.parametrize("value", ["all", "0", "none"])
    def test_in_earnest(self, docker, value):
        check_refused(docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request=value)))

    def test_image_in_earnest(self, docker):
        check_refused(docker.attempt("run", "--rm", "--network", "none", "--runtime", "nvidia", CUDA_IMAGE, PROBE))

    @pytest.mark.parametrize("value", [None, "", "void"])
    def test_no_request(self, default_docker, value):
        check_started(default_docker.attempt(*words(PROBE_IMAGE, PROBE, request=value)))


class TestPodman:
    def test_softly(self, podman):
        check_started(podman(*words(PROBE_IMAGE, PROBE, request="all,optional")))

    def test_softly_by_annotation(self, podman):
        check_started(podman(*words(f"--annotation={SOFTLY}=true", PROBE_IMAGE, PROBE, request="all")))

    def test_in_earnest(self, podman):
        check_refused(podman(*words(PROBE_IMAGE, PROBE, request="all")))


class TestKubernetes:
    @pytest.mark.parametrize(
        "image, environment, annotations",
        [
            ("probe", {"NVIDIA_VISIBLE_DEVICES": "all,optional"}, {}),
            ("probe", {"NVIDIA_VISIBLE_DEVICES": "all"}, {SOFTLY: "true"}),
            ("cuda", {}, {SOFTLY: "true"}),
        ],
        ids=["value", "annotation", "annotation of an image's container"],
    )
    def test_softly(self, client, pod, image, environment, annotations):
        container = pod("softly", environment, image, annotations=annotations)
        check_probe(client.output_of(container, PROBE), libraries=False)

    def test_in_earnest(self, pod):
        with pytest.raises(Exception, match="NVR"):
            pod("earnest", {}, "cuda", annotations={SOFTLY: "false"})

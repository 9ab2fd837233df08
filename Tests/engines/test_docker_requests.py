# SPDX-License-Identifier: Apache-2.0
"""What `docker run --runtime=nvidia` can ask for by its environment, beside whole GPUs."""

import cdi_files
import pytest
from cdi_files import gate_file, gpu_file
from engines import CUDA_IMAGE, PROBE_IMAGE, words
from support import PROBE, check_devices, check_probe, probe, shown_nodes

RESOURCE = 'swarm-resource = "DOCKER_RESOURCE_GPU"'


def started(docker, *command, request=None, runtime="nvidia", environment=(), image=PROBE_IMAGE):
    """A container of the runtime, attempted."""
    variables = [f"--env={entry}" for entry in environment]
    return docker.attempt(*words("--runtime", runtime, *variables, image, *command, request=request))


def output_of(result):
    assert result.code == 0, result
    return result.output


def shortest_start(node, name):
    """As much of a MIG device's UUID as no other MIG device's starts with."""
    uuids = [device["uuid"] for device in node.mig_devices]
    wanted = node.device(name)["uuid"]
    starts = (wanted[:length] for length in range(len(wanted)))
    return next(start for start in starts if sum(uuid.startswith(start) for uuid in uuids) == 1)


class TestMIG:
    @pytest.mark.parametrize(
        "names", [["3:0"], ["3:0", "3:2"], ["3:1", "1"]], ids=["one", "two", "beside a whole GPU"]
    )
    def test_by_index(self, docker, node, names):
        result = started(docker, *probe(node, *names), request=",".join(names))
        check_devices(output_of(result), node, *names)

    def test_by_uuid(self, docker, node):
        uuid = node.device("3:1")["uuid"]
        check_devices(output_of(started(docker, *probe(node, "3:1"), request=uuid)), node, "3:1")

    def test_by_start_of_uuid(self, docker, node):
        start = shortest_start(node, "3:2")
        check_devices(output_of(started(docker, *probe(node, "3:2"), request=start)), node, "3:2")
        ambiguous = start[:-3]
        refused = started(docker, PROBE, request=ambiguous)
        assert refused.code != 0 and ambiguous in refused.errors, refused

    def test_by_instances(self, docker, node):
        """As drivers before 470 name them."""
        device = node.device("3:0")
        name = f"MIG-{node.gpus[3]['uuid']}/{device['gpu_instance']}/{device['compute_instance']}"
        check_devices(output_of(started(docker, *probe(node, "3:0"), request=name)), node, "3:0")

    def test_whole_gpu(self, docker, node):
        """A GPU that is partitioned comes with its parts."""
        parts = [f"3:{device['index']}" for device in node.mig_devices]
        check_devices(output_of(started(docker, *probe(node, "3"), request="3")), node, *parts)

    def test_gpus_option(self, docker, node):
        """With runc, by the prestart hook."""
        names = ["3:0", "1"]
        option = '"device=3:0,1"'
        result = docker.attempt("run", "--rm", "--network", "none", "--gpus", option, PROBE_IMAGE, *probe(node, *names))
        check_devices(output_of(result), node, *names)

    def test_image(self, docker, node):
        names = ["0", "1", "2", *(f"3:{device['index']}" for device in node.mig_devices)]
        check_devices(output_of(started(docker, *probe(node, *names), image=CUDA_IMAGE)), node, *names)

    def test_unknown(self, docker):
        result = started(docker, PROBE, request="3:7")
        assert result.code != 0 and "3:7" in result.errors, result


class TestCDINames:
    """Devices of CDI files. Mode auto takes qualified names, mode cdi takes others too, for its default kind."""

    @pytest.fixture(autouse=True)
    def files(self, node):
        gds = gate_file(node, "nvidia.com/gds", {"all": cdi_files.GATES["gds"]})
        with cdi_files.written({"/etc/cdi/nvidia.yaml": gpu_file(node), "/var/run/cdi/gds.json": gds}):
            yield

    @pytest.mark.parametrize("runtime", ["nvidia", "nvidia-cdi"])
    def test_qualified(self, docker, node, runtime):
        names = ["1", "3:1"]
        request = ",".join(f"nvidia.com/gpu={name}" for name in names)
        result = started(docker, *probe(node, *names), request=request, runtime=runtime)
        check_devices(output_of(result), node, *names, cache=False)
        assert len(cdi_files.hook_calls()) == 1

    def test_of_two_files(self, docker, node):
        result = started(docker, *probe(node, "0"), request="nvidia.com/gds=all,nvidia.com/gpu=0")
        check_devices(output_of(result), node, "0", cache=False)
        assert shown_nodes(result.output, "/dev/nvidia-fs") == set(cdi_files.GATES["gds"])

    def test_default_kind(self, docker, node):
        result = started(docker, *probe(node, "2"), request="2", runtime="nvidia-cdi")
        check_devices(output_of(result), node, "2", cache=False)

    def test_all(self, docker, node):
        names = cdi_files.all_devices(node)
        result = started(docker, *probe(node, *names), image=CUDA_IMAGE, runtime="nvidia-cdi")
        check_devices(output_of(result), node, *names, cache=False)

    def test_none(self, docker):
        """In mode cdi, nothing at all."""
        check_probe(output_of(started(docker, PROBE, request="none", runtime="nvidia-cdi")), libraries=False)

    def test_unknown(self, docker):
        result = started(docker, PROBE, request="nvidia.com/gpu=3:9")
        assert result.code != 0 and "nvidia.com/gpu has no device 3:9" in result.errors, result

    def test_native_beside_broken_file(self, docker, node):
        """Who names no CDI device is not hurt by a file that is wrong."""
        with cdi_files.written({"/etc/cdi/broken.json": "not an object"}):
            check_devices(output_of(started(docker, *probe(node, "1"), request="1")), node, "1")
            result = started(docker, *probe(node, "1"), request="nvidia.com/gpu=1")
            check_devices(output_of(result), node, "1", cache=False)


class TestSwarm:
    """A swarm's generic resource: the variable that dockerd sets and config.toml names, with what a node advertises."""

    @pytest.fixture(autouse=True)
    def resource(self, configured):
        configured(general=RESOURCE)

    def test_uuid(self, docker, node):
        result = started(docker, *probe(node, "2"), environment=[f"DOCKER_RESOURCE_GPU={node.gpus[2]['uuid']}"])
        check_devices(output_of(result), node, "2")

    def test_start_of_uuid(self, docker, node):
        """Docker's documents advertise the start of it."""
        start = shortest_start(node, "3:0")
        result = started(docker, *probe(node, "3:0"), environment=[f"DOCKER_RESOURCE_GPU={start}"])
        check_devices(output_of(result), node, "3:0")

    def test_several(self, docker, node):
        uuids = ",".join(node.gpus[index]["uuid"] for index in (0, 1))
        result = started(docker, *probe(node, "0", "1"), environment=[f"DOCKER_RESOURCE_GPU={uuids}"])
        check_devices(output_of(result), node, "0", "1")

    def test_before_the_image(self, docker, node):
        """The task gets what the swarm gave it, and not the image's NVIDIA_VISIBLE_DEVICES=all."""
        environment = [f"DOCKER_RESOURCE_GPU={node.gpus[1]['uuid']}"]
        result = started(docker, *probe(node, "1"), image=CUDA_IMAGE, environment=environment)
        check_devices(output_of(result), node, "1")

    def test_not_configured(self, docker, node, configured):
        configured()
        environment = [f"DOCKER_RESOURCE_GPU={node.gpus[1]['uuid']}"]
        check_probe(output_of(started(docker, PROBE, environment=environment)), libraries=False)

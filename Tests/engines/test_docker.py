# SPDX-License-Identifier: Apache-2.0
"""dockerd with the runtime under test as "nvidia" and as the default, and with runc and the prestart hook by
`--gpus`."""

import json
import time

import pytest
from engines import CUDA_IMAGE, PROBE_IMAGE, words
from support import PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe, check_refusal


def kept(name, *options, **settings):
    """`docker run --detach` of a container that stays until it is removed."""
    return ["run", "--detach", "--name", name, *words(*options, **settings)[2:]]


def test_runtime_option(docker, node):
    check_probe(docker(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, *node.minors(0), request="0")))


def test_nvidia_smi(docker, node):
    output = docker(*words("--runtime", "nvidia", PROBE_IMAGE, "nvidia-smi", request="1,2", capabilities="utility"))
    check_nvidia_smi(output, node, node.minors(1, 2))


def test_image_environment(docker, node):
    check_probe(
        docker("run", "--rm", "--network", "none", "--runtime", "nvidia", CUDA_IMAGE, PROBE, *node.all_minors())
    )


def test_readonly_and_user(docker, node):
    check_probe(
        docker(
            *words(
                "--runtime",
                "nvidia",
                "--read-only",
                "--user",
                "1000:1000",
                PROBE_IMAGE,
                PROBE,
                *node.minors(0),
                request="0",
            )
        )
    )


@pytest.mark.needs("CAP_SYS_RESOURCE")
def test_privileged(docker):
    """A privileged container has every node of the host anyway; the libraries come with the request."""
    output = docker(*words("--runtime", "nvidia", "--privileged", PROBE_IMAGE, "nvidia-smi", "-L", request="all"))
    assert output.startswith("GPU 0: "), output


def test_no_request(docker):
    check_probe(docker(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE)), libraries=False)


def test_other_runtime(docker):
    """Asking runc for GPUs gives none: the option is what calls our runtime."""
    check_probe(docker(*words(PROBE_IMAGE, PROBE, request="all")), libraries=False)


def test_unknown_gpu(docker):
    check_refusal(docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request=UNKNOWN_GPU)))


def test_exec_and_restart(docker, node):
    """A GPU survives `docker exec` and `docker restart`, which makes the container anew from the same settings."""
    name, probe = "restarted", [PROBE, *node.minors(3)]
    docker(*kept(name, "--runtime", "nvidia", PROBE_IMAGE, "sleep", "1000", request="3"))
    try:
        check_probe(docker("exec", name, *probe))
        docker("restart", "--time", "0", name)
        check_probe(docker("exec", name, *probe))
        check_nvidia_smi(docker("exec", name, "nvidia-smi"), node, node.minors(3))
    finally:
        docker("rm", "--force", name)


def test_many_at_once(docker, node):
    names = [f"at-once-{number}" for number in range(8)]
    try:
        for number, name in enumerate(names):
            minors = node.minors(number % len(node.gpus))
            request = str(number % len(node.gpus))
            docker(*kept(name, "--runtime", "nvidia", PROBE_IMAGE, PROBE, *minors, request=request))
        for name in names:
            assert docker("wait", name).strip() == "0", docker("logs", name)
            check_probe(docker("logs", name))
    finally:
        docker("rm", "--force", *names)


def test_gpus_option_beside_the_runtime(docker, node):
    """Docker adds its own hook for --gpus; with our runtime it goes, and the devices come once."""
    check_probe(docker(*words("--gpus", "device=2", "--runtime", "nvidia", PROBE_IMAGE, PROBE, *node.minors(2))))


def gpus(option, *command, image=PROBE_IMAGE, options=()):
    """`docker run --gpus` with runc."""
    return ["run", "--rm", "--network", "none", "--gpus", option, *options, image, *command]


class TestGPUsOption:
    """dockerd tells the container what it asked for by variables, and adds the prestart hook that it found at its
    start."""

    def test_all(self, docker, node):
        check_probe(docker(*gpus("all", PROBE, *node.all_minors())))

    def test_devices(self, docker, node):
        check_probe(docker(*gpus('"device=0,1"', PROBE, *node.minors(0, 1))))
        check_probe(docker(*gpus(f"device={node.gpus[3]['uuid']}", PROBE, *node.minors(3), image=CUDA_IMAGE)))

    def test_count(self, docker, node):
        check_probe(docker(*gpus("2", PROBE, *node.minors(0, 1))))

    def test_capabilities(self, docker, node):
        """Without `compute` there is no libcuda."""
        command = "nvidia-smi && ! ls /usr/lib/*/libcuda.so.1 && echo end"
        output = docker(*gpus('"device=2","capabilities=utility"', "sh", "-c", command))
        check_nvidia_smi(output, node, node.minors(2))
        assert output.endswith("end\n")

    def test_user_and_read_only(self, docker, node):
        options = ("--user", "1000:1000", "--read-only")
        check_probe(docker(*gpus("device=1", PROBE, *node.minors(1), options=options)))

    def test_unknown_gpu(self, docker):
        """docker shows the hook's line, and how to find out what there is."""
        result = docker.attempt(*gpus(f"device={UNKNOWN_GPU}", PROBE))
        check_refusal(result)
        assert "NVR1204" in result.errors

    def test_exec_and_restart(self, docker, node):
        name, probe = "gpus", [PROBE, *node.minors(2)]
        docker("run", "--detach", "--name", name, *gpus("device=2", "sleep", "1000")[2:])
        try:
            for _ in range(2):
                check_probe(docker("exec", name, *probe))
                docker("restart", "--time", "0", name)
            check_probe(docker("exec", name, *probe))
        finally:
            docker("rm", "--force", name)

    def test_update(self, docker, node):
        """runc sets a running container's cgroup anew, and leaves the device rules alone."""
        name = "updated"
        docker("run", "--detach", "--name", name, *gpus("device=1", "sleep", "1000")[2:])
        try:
            docker("update", "--cpu-shares", "512", name)
            check_probe(docker("exec", name, PROBE, *node.minors(1)))
        finally:
            docker("rm", "--force", name)

    def test_at_once(self, docker, node):
        """Each has its own."""
        names = [f"gpus-{index}" for index in range(4)]
        try:
            for index, name in enumerate(names):
                command = gpus(f"device={index}", PROBE, *node.minors(index))
                docker("run", "--detach", "--name", name, *command[2:])
            for name in names:
                assert docker("wait", name).strip() == "0", docker("logs", name)
        finally:
            docker("rm", "--force", *names)


def test_mode_legacy(docker, node, configured):
    """The runtime leaves it to the prestart hook; also beside --gpus there is one."""
    configured(more='mode = "legacy"')
    check_probe(docker(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, *node.minors(1), request="1")))
    check_probe(docker(*gpus("device=2", PROBE, *node.minors(2), options=("--runtime", "nvidia"))))
    check_refusal(docker.attempt(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE, request=UNKNOWN_GPU)))
    check_probe(docker(*words("--runtime", "nvidia", PROBE_IMAGE, PROBE)), libraries=False)


class TestDefaultRuntime:
    def test_one_gpu(self, default_docker, node):
        check_probe(default_docker(*words(PROBE_IMAGE, PROBE, *node.minors(0), request="0")))

    def test_image_environment(self, default_docker, node):
        check_probe(default_docker("run", "--rm", "--network", "none", CUDA_IMAGE, PROBE, *node.all_minors()))

    def test_no_request(self, default_docker):
        check_probe(default_docker(*words(PROBE_IMAGE, PROBE)), libraries=False)

    def test_restart_policy(self, default_docker, node):
        """A container that restarts by policy comes back with its GPU."""
        command = f"{PROBE} {' '.join(node.minors(0))} && test -e /again || {{ : > /again; exit 1; }}"
        default_docker(*kept("again", "--restart", "on-failure:1", PROBE_IMAGE, "sh", "-c", command, request="0"))
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                state = json.loads(default_docker("inspect", "again"))[0]
                if state["RestartCount"] == 1 and state["State"]["Status"] == "exited":
                    break
                time.sleep(0.1)
            assert state["RestartCount"] == 1 and state["State"]["ExitCode"] == 0, default_docker("logs", "again")
            assert default_docker("logs", "again").splitlines().count("ok") == 2
        finally:
            default_docker("rm", "--force", "again")

# SPDX-License-Identifier: Apache-2.0
"""runc and crun, called by hand on a bundle: kinds of roots and requests, cgroup v1 and v2."""

import json
import os
import shutil
import time

import cdi_files
import images
import pytest
from support import CAPABILITIES, CGROUP_VIEW, PROBE, UNKNOWN_GPU, check_nvidia_smi, check_probe, check_refusal, run

LOW_LEVEL = [
    pytest.param(("runc", "v1"), id="runc-cgroup1"),
    pytest.param(("runc", "v2"), id="runc-cgroup2"),
    pytest.param(("crun", "v1"), id="crun-cgroup1"),
    pytest.param(("crun", "v2"), id="crun-cgroup2", marks=pytest.mark.needs("CAP_SYS_RESOURCE")),
]
RUNC = [pytest.param(("runc", "v1"), id="runc")]


@pytest.fixture
def runtime(request, folder, installed, node):
    """Calls the runtime under test on a low-level runtime and a cgroup version."""
    low_level, cgroup = request.param
    configuration = folder / f"{low_level}.toml"
    configuration.write_text(node.configuration(runtimes=[low_level]))

    def call(*arguments):
        return run(
            CGROUP_VIEW,
            cgroup,
            installed,
            "--root",
            folder / f"state-{low_level}-{cgroup}",
            *arguments,
            environment={"NVIDIA_CTK_CONFIG_FILE_PATH": str(configuration)},
        )

    return call


@pytest.fixture
def bundle(folder):
    """Makes bundles that are gone after the test."""
    made = []

    def make(kind, *arguments, request=None, **settings):
        environment = {"NVIDIA_DRIVER_CAPABILITIES": CAPABILITIES}
        if request is not None:
            environment["NVIDIA_VISIBLE_DEVICES"] = request
        made.append(folder / f"bundle{len(made)}")
        return images.bundle(images.root(kind), made[-1], arguments, environment, **settings)

    yield make
    for path in made:
        shutil.rmtree(path)


def output_of(result):
    assert result.code == 0, result
    return result.output


@pytest.mark.parametrize("runtime", LOW_LEVEL, indirect=True)
def test_run(runtime, bundle, node):
    path = bundle("debian", PROBE, *node.minors(0), request="0")
    check_probe(output_of(runtime("run", "--bundle", path, "run")))


@pytest.mark.parametrize("runtime", LOW_LEVEL, indirect=True)
def test_create_start_exec(runtime, bundle, node):
    """The steps in which engines start a container, and a process that joins it later."""
    minors = node.minors(1, 3)
    path = bundle("debian", "/usr/bin/bash", "-c", f"{PROBE} {' '.join(minors)} > /out; sleep 60", request="1,3")
    output_of(runtime("create", "--bundle", path, "--pid-file", path / "pid", "steps"))
    try:
        assert json.loads(output_of(runtime("state", "steps")))["status"] == "created"
        output_of(runtime("start", "steps"))
        output, deadline = path / "rootfs/out", time.monotonic() + 10
        while time.monotonic() < deadline and not (output.exists() and output.read_text().endswith("ok\n")):
            time.sleep(0.02)
        check_probe(output.read_text())
        check_probe(output_of(runtime("exec", "steps", PROBE, *minors)))
    finally:
        runtime("delete", "--force", "steps")


@pytest.mark.parametrize("runtime", LOW_LEVEL, indirect=True)
def test_no_request(runtime, bundle):
    """Without a request there is nothing of NVIDIA's in the container, and its config.json is what the engine wrote."""
    path = bundle("debian", PROBE)
    before = (path / "config.json").read_bytes(), (path / "config.json").stat()
    check_probe(output_of(runtime("run", "--bundle", path, "without")), libraries=False)
    after = (path / "config.json").read_bytes(), (path / "config.json").stat()
    assert (
        before[0] == after[0] and before[1].st_ino == after[1].st_ino and before[1].st_mtime_ns == after[1].st_mtime_ns
    )


@pytest.mark.parametrize("runtime", RUNC, indirect=True)
@pytest.mark.parametrize("value", ["", "void"])
def test_request_for_nothing(runtime, bundle, value):
    check_probe(
        output_of(runtime("run", "--bundle", bundle("debian", PROBE, request=value), "nothing")), libraries=False
    )


@pytest.mark.parametrize("runtime", RUNC, indirect=True)
def test_nvidia_smi(runtime, bundle, node):
    path = bundle("debian", "nvidia-smi", request="all")
    check_nvidia_smi(output_of(runtime("run", "--bundle", path, "smi")), node, node.all_minors())


@pytest.mark.parametrize("runtime", RUNC, indirect=True)
def test_by_uuid(runtime, bundle, node):
    path = bundle("debian", PROBE, *node.minors(2, 0), request=f"{node.gpus[2]['uuid']},{node.gpus[0]['uuid']}")
    check_probe(output_of(runtime("run", "--bundle", path, "uuid")))


@pytest.mark.parametrize("runtime", RUNC, indirect=True)
@pytest.mark.parametrize("value", [UNKNOWN_GPU, f"0,{UNKNOWN_GPU}"])
def test_unknown_gpu(runtime, bundle, value):
    """One line says which GPU is missing, and nothing ran."""
    result = runtime("run", "--bundle", bundle("debian", PROBE, request=value), "unknown")
    check_refusal(result)
    assert not result.output and len(result.errors.splitlines()) == 1, result


@pytest.mark.parametrize("runtime", RUNC, indirect=True)
class TestRoots:
    """Images of other makes. The library is found through ld.so.cache where the image has a loader that reads one."""

    @pytest.mark.parametrize("kind", ["debian", "no-cache", "rhel", "distroless"])
    def test_glibc(self, runtime, bundle, node, kind):
        path = bundle(kind, PROBE, *node.minors(0), request="0")
        check_probe(output_of(runtime("run", "--bundle", path, "root")))

    def test_musl(self, runtime, bundle, node):
        """musl reads no cache: the library is there, and loads from the folder that it is in."""
        path = bundle(
            "alpine",
            "/bin/sh",
            "-c",
            'LD_LIBRARY_PATH=$(dirname $(find / -xdev -name libcuda.so.1 | head -n 1)) exec "$@"',
            "sh",
            PROBE,
            *node.minors(0),
            request="0",
        )
        check_probe(output_of(runtime("run", "--bundle", path, "musl")), cache=False)

    def test_static(self, runtime, bundle, node):
        path = bundle("busybox", PROBE, *node.minors(0), request="0")
        check_probe(output_of(runtime("run", "--bundle", path, "static")), libraries=False)

    def test_readonly(self, runtime, bundle, node):
        path = bundle("debian", PROBE, *node.minors(0), request="0", readonly=True)
        check_probe(output_of(runtime("run", "--bundle", path, "readonly")))

    def test_user(self, runtime, bundle, node):
        """Nodes of mode 666 are for every user of the container."""
        path = bundle("debian", PROBE, *node.minors(0), request="0", user=(1000, 1000))
        check_probe(output_of(runtime("run", "--bundle", path, "user")))


@pytest.mark.parametrize("runtime", LOW_LEVEL, indirect=True)
def test_unusual_cdi_nodes(runtime, bundle):
    """Nodes for which a device cgroup has no rule of their type, or none at all."""
    nodes = [
        {"path": "/dev/forbidden", "hostPath": "/dev/zero", "permissions": "none"},
        {"path": "/dev/unbuffered", "hostPath": "/dev/zero", "type": "u"},
        {"path": "/dev/fifo", "hostPath": "/dev/unusual-fifo"},
    ]
    devices = [{"name": "one", "containerEdits": {"deviceNodes": nodes}}]
    os.mkfifo("/dev/unusual-fifo")
    try:
        with cdi_files.written({"/etc/cdi/x.json": {"cdiVersion": "0.5.0", "kind": "a.example/b", "devices": devices}}):
            look = "stat -c '%n %F' /dev/{forbidden,unbuffered,fifo}; : </dev/unbuffered && echo open"
            path = bundle("debian", "bash", "-c", look, request="a.example/b=one")
            output = output_of(runtime("run", "--bundle", path, "unusual"))
    finally:
        os.unlink("/dev/unusual-fifo")
    special = [f"/dev/{name} character special file" for name in ("forbidden", "unbuffered")]
    assert output.splitlines() == [*special, "/dev/fifo fifo", "open"]
    rules = json.loads((path / "config.json").read_text())["linux"]["resources"]["devices"]
    assert [rule["type"] for rule in rules[-1:]] == ["c"] and all(rule["access"] for rule in rules)


def test_rootless(folder, installed, bundle, node):
    """An ordinary user's container, in a user namespace of its own. runc binds the nodes, as it may not make any."""
    path = bundle("debian", PROBE, *node.minors(2), request="2")
    document = json.loads((path / "config.json").read_text())
    document["linux"]["namespaces"].append({"type": "user"})
    document["linux"]["uidMappings"] = document["linux"]["gidMappings"] = [
        {"containerID": 0, "hostID": 1000, "size": 1}
    ]
    del document["linux"]["resources"]  # there is no cgroup to put it in
    for mount in document["mounts"]:
        mount["options"] = [option for option in mount["options"] if not option.startswith("gid=")]  # one id is mapped
    (path / "config.json").write_text(json.dumps(document))
    home = folder / "home"
    home.mkdir(mode=0o700)
    folder.chmod(0o711)
    for entry in (home, path, *path.rglob("*")):
        os.chown(entry, 1000, 1000, follow_symlinks=False)
    configuration = folder / "rootless.toml"
    configuration.write_text(node.configuration())
    result = run(
        "setpriv",
        "--reuid",
        "1000",
        "--regid",
        "1000",
        "--clear-groups",
        installed,
        "--root",
        home / "state",
        "run",
        "--bundle",
        path,
        "rootless",
        environment={
            "NVIDIA_CTK_CONFIG_FILE_PATH": str(configuration),
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
        },
    )
    if node.layout == "driver-container":
        # runc binds a node from the host's /dev by the name that it has in the container; this host has none there.
        assert result.code != 0 and "/dev/nvidia" in result.errors, result
    else:
        check_probe(output_of(result))

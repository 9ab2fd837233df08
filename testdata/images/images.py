# SPDX-License-Identifier: Apache-2.0
"""Container roots, OCI bundles and engine images made from this machine's own files: no registry, no network."""

import copy
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parent
sys.path.insert(0, str(SOURCES.parent / "simulated-node"))
import building  # noqa: E402
from building import TRIPLET, built, copy_base, run  # noqa: E402

BUILD = Path(os.environ.get("IMAGES_BUILD", SOURCES.parents[1] / "build/images"))
PROGRAMS = (
    "bash",
    "cat",
    "chmod",
    "dash",
    "env",
    "id",
    "ln",
    "ls",
    "mkdir",
    "mknod",
    "mount",
    "readlink",
    "rm",
    "sleep",
    "stat",
    "true",
)
KINDS = {
    "busybox": "static busybox and gpu-probe; no C library at all",
    "debian": "glibc in the multiarch folder, bash, coreutils, ldconfig and ld.so.cache",
    "no-cache": "the same without ld.so.cache",
    "rhel": "glibc in /usr/lib64 only, found through ld.so.cache",
    "distroless": "glibc and gpu-probe alone: no shell, no ldconfig, no ld.so.cache",
    "alpine": "musl with a dynamic gpu-probe, and static busybox",
}
# Engine images: the root they are made of, environment and command.
CUDA_ENVIRONMENT = {
    "CUDA_VERSION": "12.2.0",
    "NVIDIA_REQUIRE_CUDA": "cuda>=12.0",
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
}
IMAGES = {
    "busybox": ("busybox", {}, ["/bin/sh"]),
    "probe": ("debian", {}, ["/usr/bin/gpu-probe"]),
    "cuda": ("debian", CUDA_ENVIRONMENT, ["/usr/bin/gpu-probe"]),
    "pause": ("busybox", {}, ["/bin/sleep", "1000000000"]),
}
PATH_VARIABLE = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def fingerprint():
    digest = hashlib.sha256()
    for source in (*sorted(SOURCES.glob("*.c")), Path(__file__), Path(building.__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def probes():
    """The folder with gpu-probe in its three builds: `glibc`, `musl` (where musl-gcc is installed) and `static`."""

    def build(to):
        flags, source = ("-std=gnu17", "-O2", "-Wall", "-Wextra"), SOURCES / "gpu-probe.c"
        run("gcc", *flags, "-o", to / "glibc", source)
        run("gcc", *flags, "-static", "-DWITHOUT_LOADER", "-o", to / "static", source)
        if shutil.which("musl-gcc"):
            run("musl-gcc", *flags, "-o", to / "musl", source)

    return built(BUILD / f"probes-{fingerprint()}", build)


def root(kind):
    """The folder with a root of that kind. It is shared: take a copy to run a container on it."""
    made = probes()
    return built(BUILD / f"root-{kind}-{fingerprint()}", lambda to: ROOT_BUILDERS[kind](to, made))


def _common(to, name):
    for folder in ("dev", "proc", "sys", "run", "tmp", "etc", "root", "var", "usr/bin", "usr/lib"):
        (to / folder).mkdir(parents=True, exist_ok=True)
    (to / "tmp").chmod(0o1777)
    (to / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n")
    (to / "etc/group").write_text("root:x:0:\nvideo:x:44:\nuser:x:1000:\n")
    (to / "etc/os-release").write_text(f'ID={name}\nPRETTY_NAME="{name} (simulated)"\n')


def _busybox_links(to):
    (to / "bin").mkdir(exist_ok=True)
    shutil.copy2("/bin/busybox", to / "bin/busybox")
    for applet in run("/bin/busybox", "--list").split():
        if applet != "busybox" and not (to / "bin" / applet).exists():
            (to / "bin" / applet).symlink_to("busybox")


def _busybox(to, made):
    _common(to, "busybox")
    _busybox_links(to)
    shutil.copy2(made / "static", to / "usr/bin/gpu-probe")


def _glibc(to, made, name, folder=f"usr/lib/{TRIPLET}"):
    programs = [Path(shutil.which(program)) for program in PROGRAMS]
    copy_base(to, programs, folder)
    _common(to, name)
    for path in programs:
        shutil.copy2(path, to / "usr/bin" / path.name)
    (to / "usr/bin/sh").symlink_to("dash")
    shutil.copy2("/sbin/ldconfig", to / "usr/sbin/ldconfig")
    shutil.copy2(made / "glibc", to / "usr/bin/gpu-probe")


def _debian(to, made, cache=True):
    _glibc(to, made, "debian")
    (to / "etc/debian_version").write_text("12.0\n")
    (to / "etc/ld.so.conf").write_text("include /etc/ld.so.conf.d/*.conf\n")
    (to / "etc/ld.so.conf.d").mkdir()
    (to / f"etc/ld.so.conf.d/{TRIPLET}.conf").write_text(
        f"/usr/local/lib/{TRIPLET}\n/lib/{TRIPLET}\n/usr/lib/{TRIPLET}\n"
    )
    _ldconfig(to, cache)


def _rhel(to, made):
    _glibc(to, made, "rhel", "usr/lib64")
    (to / "etc/redhat-release").write_text("Simulated Enterprise Linux release 9\n")
    # RHEL's loader and ldconfig have /usr/lib64 built in, Debian's need to be told.
    (to / "etc/ld.so.conf").write_text("include ld.so.conf.d/*.conf\n/usr/lib64\n")
    (to / "etc/ld.so.conf.d").mkdir()
    _ldconfig(to, True)


def _ldconfig(to, cache):
    if cache:
        run("/sbin/ldconfig", "-X", "-r", to)
    shutil.rmtree(to / "var/cache", ignore_errors=True)


def _distroless(to, made):
    copy_base(to, [made / "glibc"])
    _common(to, "distroless")
    shutil.copy2(made / "glibc", to / "usr/bin/gpu-probe")


def _alpine(to, made):
    if not (made / "musl").exists():
        sys.exit("the alpine root needs musl-gcc (Debian's musl-tools)")
    _common(to, "alpine")
    _busybox_links(to)
    (to / "lib").mkdir()
    shutil.copy2("/lib/ld-musl-x86_64.so.1", to / "lib/ld-musl-x86_64.so.1")
    shutil.copy2(made / "musl", to / "usr/bin/gpu-probe")
    (to / "etc/alpine-release").write_text("3.20.0\n")


ROOT_BUILDERS = {
    "busybox": _busybox,
    "debian": _debian,
    "no-cache": lambda to, made: _debian(to, made, cache=False),
    "rhel": _rhel,
    "distroless": _distroless,
    "alpine": _alpine,
}


def configuration(arguments, environment, root_path="rootfs", readonly=False, user=(0, 0), seccomp=False):
    """A config.json as an engine writes it: config.json beside this file, filled in."""
    document = copy.deepcopy(json.loads((SOURCES / "config.json").read_text()))
    document["process"]["args"] = list(arguments)
    document["process"]["env"] += [f"{name}={value}" for name, value in environment.items()]
    document["process"]["user"] = {"uid": user[0], "gid": user[1]}
    document["root"] = {"path": str(root_path), "readonly": readonly}
    if seccomp:
        header = Path(f"/usr/include/{TRIPLET}/asm/unistd_64.h").read_text()
        names = [
            name
            for name in re.findall(r"__NR_(\w+)", header)
            if name not in ("kexec_load", "init_module", "delete_module")
        ]
        document["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": [{"names": names, "action": "SCMP_ACT_ALLOW"}],
        }
    return document


def bundle(root_folder, to, arguments, environment, **settings):
    """An OCI bundle in `to` with a copy of the root, so that a hook may write into it."""
    to.mkdir(parents=True, exist_ok=True)
    run("cp", "-a", "--reflink=auto", root_folder, to / "rootfs")
    (to / "config.json").write_text(json.dumps(configuration(arguments, environment, **settings), indent=1) + "\n")
    return to


def image(name):
    """The docker-archive of one of IMAGES, tagged localhost/NAME:latest."""
    kind, environment, command = IMAGES[name]
    folder = root(kind)
    return (
        built(
            BUILD / f"image-{name}-{fingerprint()}",
            lambda to: archive(folder, to / f"{name}.tar", f"localhost/{name}:latest", environment, command),
        )
        / f"{name}.tar"
    )


def archive(root_folder, to, reference, environment, command):
    """A docker-archive (`docker load`, `podman load`, `ctr images import`, skopeo) with one layer."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for path in sorted(root_folder.rglob("*")):
            tar.add(path, arcname=str(path.relative_to(root_folder)), recursive=False, filter=_anonymous)
    layer = layer.getvalue()
    settings = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {
                "Env": [PATH_VARIABLE] + [f"{k}={v}" for k, v in environment.items()],
                "Cmd": command,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "testdata/images"}],
        }
    ).encode()
    settings_name = hashlib.sha256(settings).hexdigest() + ".json"
    manifest = json.dumps([{"Config": settings_name, "RepoTags": [reference], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(to, "w") as tar:
        for name, contents in (("layer.tar", layer), (settings_name, settings), ("manifest.json", manifest)):
            entry = tarfile.TarInfo(name)
            entry.size = len(contents)
            tar.addfile(entry, io.BytesIO(contents))


def _anonymous(entry):
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry

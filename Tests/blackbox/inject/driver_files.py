# SPDX-License-Identifier: Apache-2.0
"""What a container gets of the driver for each capability, by name: the lists of libnvidia-container (src/nvc_info.c),
and what a CDI specification of nvidia-container-toolkit (pkg/nvcdi) adds to them.

Written down here once more, and not taken from the program, which is tested against it."""

# From libnvidia-container, of what the simulated driver has. "Video" has all of compute's libraries, "display" all of
# graphics'. With the toolkit's: nvvm70, the egl-* platforms, vksc-core and api.
UTILITY = {"libnvidia-ml", "libnvidia-cfg"}
COMPUTE = {
    "libcuda", "libcudadebugger", "libnvidia-opencl", "libnvidia-gpucomp", "libnvidia-ptxjitcompiler",
    "libnvidia-allocator", "libnvidia-pkcs11", "libnvidia-pkcs11-openssl3", "libnvidia-nvvm", "libnvidia-nvvm70",
}
VIDEO = COMPUTE | {"libvdpau_nvidia", "libnvidia-encode", "libnvidia-opticalflow", "libnvcuvid"}
GRAPHICS = {
    "libnvidia-eglcore", "libnvidia-glcore", "libnvidia-tls", "libnvidia-glsi", "libnvidia-fbc", "libnvidia-rtcore",
    "libnvoptix", "libGLX_nvidia", "libEGL_nvidia", "libGLESv2_nvidia", "libGLESv1_CM_nvidia", "libnvidia-glvkspirv",
    "libnvidia-egl-gbm", "libnvidia-egl-wayland", "libnvidia-egl-xcb", "libnvidia-egl-xlib", "libnvidia-vksc-core",
    "libnvidia-api", "libnvidia-allocator", "libnvidia-gpucomp",
}
NGX = {"libnvidia-ngx"}
LIBRARIES = {
    "utility": UTILITY, "compute": COMPUTE, "video": VIDEO, "graphics": GRAPHICS, "display": GRAPHICS, "ngx": NGX,
}

BINARIES = {
    "utility": {
        "nvidia-smi", "nvidia-debugdump", "nvidia-persistenced", "nv-fabricmanager", "nvidia-imex", "nvidia-imex-ctl",
    },
    "compute": {"nvidia-cuda-mps-control", "nvidia-cuda-mps-server"},
    "graphics": {"nvidia-xconfig"},
    "display": {"nvidia-xconfig"},
}
# Of the container's configuration files, by path; `V` in a name is the driver's version.
OPENCL = {"/etc/OpenCL/vendors/nvidia.icd"}
DRAWING = OPENCL | {
    "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
    "/usr/share/egl/egl_external_platform.d/15_nvidia_gbm.json",
    "/usr/share/egl/egl_external_platform.d/10_nvidia_wayland.json",
    "/usr/share/egl/egl_external_platform.d/20_nvidia_xcb.json",
    "/usr/share/egl/egl_external_platform.d/20_nvidia_xlib.json",
    "/usr/share/nvidia/nvoptix.bin",
    "/usr/share/X11/xorg.conf.d/nvidia-drm-outputclass.conf",
    "/etc/vulkan/icd.d/nvidia_icd.json",
    "/etc/vulkan/implicit_layer.d/nvidia_layers.json",
}
CONFIGURATION = {"compute": OPENCL, "graphics": DRAWING, "display": DRAWING}

CONTROL_NODES = {
    "compute": {"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"},
    "video": {"/dev/nvidia-uvm", "/dev/nvidia-uvm-tools"},
    "graphics": {"/dev/nvidia-modeset"},
    "display": {"/dev/nvidia-modeset"},
}
DEFAULT, ALL = ("utility", "compute"), ("utility", "compute", "video", "graphics", "display", "ngx", "compat32")


def union(table, capabilities):
    return set().union(*(table.get(name, set()) for name in capabilities))


def kinds(mounts):
    """The mounts by kind: library names (32-bit ones apart), program names, Xorg module names, all other paths."""
    kinds = ("libraries", "libraries32", "binaries", "xorg", "firmware", "sockets", "configuration")
    found = {kind: set() for kind in kinds}
    for path in mounts:
        name = path.rpartition("/")[2]
        if path.startswith("/usr/bin/"):
            found["binaries"].add(name)
        elif "/firmware/" in path:
            found["firmware"].add(name)
        elif path.endswith("/socket"):
            found["sockets"].add(path)
        elif name.partition(".so")[0] in ("nvidia_drv", "libglxserver_nvidia"):
            found["xorg"].add(name.partition(".so")[0])
        elif ".so" in name:
            found["libraries32" if "/i386-linux-gnu/" in path else "libraries"].add(name.partition(".so")[0])
        else:
            found["configuration"].add(path)
    return found


def expected(capabilities, sockets=("persistenced",)):
    """What `kinds` must give for a container with these capabilities."""
    draws = bool({"graphics", "display"} & set(capabilities))
    return {
        "libraries": union(LIBRARIES, capabilities),
        "libraries32": set(),
        "binaries": union(BINARIES, capabilities),
        "xorg": {"nvidia_drv", "libglxserver_nvidia"} if draws else set(),
        "firmware": {"gsp_ga10x.bin", "gsp_tu10x.bin"},
        "sockets": {f"/run/nvidia-{name}/socket" for name in sockets} if "utility" in capabilities else set(),
        "configuration": union(CONFIGURATION, capabilities),
    }


def devices(node, capabilities, gpus):
    """The nodes that a container with `capabilities` and these GPUs of the node's description gets."""
    paths = {"/dev/nvidiactl"} | union(CONTROL_NODES, capabilities)
    for gpu in gpus:
        paths.add(f"/dev/nvidia{gpu['minor']}")
        if {"graphics", "display"} & set(capabilities):
            paths |= {f"/dev/dri/{gpu['card']}", f"/dev/dri/{gpu['render']}"}
    return paths

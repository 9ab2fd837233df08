// SPDX-License-Identifier: Apache-2.0
// The options of nvidia-container-cli read by glibc's argp(3): what our own reader is compared with, and what the texts
// of --help and --usage in Sources/nvidia-container-cli/Pages were printed with. Exits with 0 and prints nothing where the
// command line is understood.
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

error_t argp_err_exit_status = 1;

static void print_version(FILE *stream, struct argp_state *state) {
    (void)state;
    fputs("version\n", stream);
}
void (*argp_program_version_hook)(FILE *, struct argp_state *) = print_version;

static const struct argp_option info_options[] = {
    {0, 0, 0, 0, "Options:", -1},
    {"csv", 0x80, 0, 0, "Print CSV", -1},
    {"json", 0x81, 0, 0, "Print JSON", -1},
    {0},
};

static const struct argp_option list_options[] = {
    {0, 0, 0, 0, "Options:", -1},
    {"device", 'd', "ID", 0, "GPUs and MIG devices to list", -1},
    {"libraries", 'l', 0, 0, "List the driver's libraries", -1},
    {"binaries", 'b', 0, 0, "List the driver's programs", -1},
    {"ipcs", 'i', 0, 0, "List sockets of the driver's daemons", -1},
    {"firmwares", 'f', 0, 0, "List firmware", -1},
    {"compat32", 0x80, 0, 0, "List 32-bit libraries too", -1},
    {"mig-config", 0x81, "ID", 0, "List what it takes to partition GPUs (all)", -1},
    {"mig-monitor", 0x82, "ID", 0, "List what it takes to monitor partitions (all)", -1},
    {"imex-channel", 0x83, "CHANNEL", 0, "IMEX channels to list", -1},
    {"no-persistenced", 0x84, 0, 0, "Leave out the socket of nvidia-persistenced", -1},
    {"no-fabricmanager", 0x85, 0, 0, "Leave out the socket of the fabric manager", -1},
    {"no-gsp-firmware", 0x86, 0, 0, "Leave out firmware", -1},
    {"json", 0x87, 0, 0, "Print JSON", -1},
    {0},
};

static const struct argp_option configure_options[] = {
    {0, 0, 0, 0, "Options:", -1},
    {"pid", 'p', "PID", 0, "A process of the container, whose namespaces are entered", -1},
    {"device", 'd', "ID", 0, "GPUs and MIG devices to give to the container", -1},
    {"require", 'r', "EXPR", 0, "What the host must be", -1},
    {"ldconfig", 'l', "PATH", 0, "Ignored: no ldconfig is run", -1},
    {"compute", 'c', 0, 0, "Give CUDA and OpenCL", -1},
    {"utility", 'u', 0, 0, "Give nvidia-smi and NVML", -1},
    {"video", 'v', 0, 0, "Give the video codecs", -1},
    {"graphics", 'g', 0, 0, "Give OpenGL and Vulkan", -1},
    {"display", 'D', 0, 0, "Give displays", -1},
    {"ngx", 'n', 0, 0, "Give NGX", -1},
    {"compat32", 0x80, 0, 0, "Give 32-bit libraries too", -1},
    {"mig-config", 0x81, "ID", 0, "Let the container partition its GPUs (all)", -1},
    {"mig-monitor", 0x82, "ID", 0, "Let the container monitor all partitions (all)", -1},
    {"no-cgroups", 0x83, 0, 0, "Leave the container's cgroup as it is", -1},
    {"no-devbind", 0x84, 0, 0, "Make no device nodes", -1},
    {"imex-channel", 0x85, "CHANNEL", 0, "IMEX channels to give to the container", -1},
    {"no-persistenced", 0x86, 0, 0, "Leave out the socket of nvidia-persistenced", -1},
    {"no-fabricmanager", 0x87, 0, 0, "Leave out the socket of the fabric manager", -1},
    {"no-gsp-firmware", 0x88, 0, 0, "Leave out firmware", -1},
    {"no-cntlibs", 0x89, 0, 0, "Never prefer CUDA libraries of the image", -1},
    {"cuda-compat-mode", 0x8a, "MODE", 0, "ldconfig, mount or disabled, which is --no-cntlibs", -1},
    {0},
};

static const struct argp_option main_options[] = {
    {0, 0, 0, 0, "Options:", -1},
    {"debug", 'd', "FILE", 0, "Write a log", -1},
    {"load-kmods", 'k', 0, 0, "Load kernel modules and make their device nodes", -1},
    {"no-pivot", 'n', 0, 0, "Ignored: no root is switched", -1},
    {"user", 'u', "UID[:GID]", OPTION_ARG_OPTIONAL, "Ignored: there is no privileged helper", -1},
    {"root", 'r', "PATH", 0, "The driver root", -1},
    {"ldcache", 'l', "FILE", 0, "The loader's cache in the driver root", -1},
    {"no-create-imex-channels", 0x80, 0, 0, "Ignored: IMEX channels are never made", -1},
    {0, 0, 0, 0, "Commands:", 0},
    {"info", 0, 0, OPTION_DOC | OPTION_NO_USAGE, "Tell of the driver and its GPUs", 0},
    {"list", 0, 0, OPTION_DOC | OPTION_NO_USAGE, "List what a container with GPUs gets", 0},
    {"configure", 0, 0, OPTION_DOC | OPTION_NO_USAGE, "Give GPUs to a container", 0},
    {0},
};

static error_t read_option(int key, char *argument, struct argp_state *state) {
    (void)argument;
    (void)state;
    if (key == ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    return key > 0 && key < 0x100 ? 0 : ARGP_ERR_UNKNOWN;
}

static error_t read_configure(int key, char *argument, struct argp_state *state) {
    switch (key) {
    case ARGP_KEY_ARG:
        if (state->arg_num > 0)
            argp_usage(state);
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 1)
            argp_usage(state);
        return 0;
    default: return read_option(key, argument, state);
    }
}

static const struct {
    const char *name;
    struct argp argp;
} commands[] = {
    {"info", {info_options, read_option, 0, "Tells of the driver and its GPUs."}},
    {"list",
     {list_options, read_option, 0,
      "Lists what a container with GPUs gets of the host, one path a line; all of it without options."}},
    {"configure",
     {configure_options, read_configure, "ROOTFS",
      "Gives GPUs to a container that exists and has not been started: makes device nodes, mounts and the loader's cache "
      "below ROOTFS, in our own namespaces or in those of PID."}},
};

static error_t read_main(int key, char *argument, struct argp_state *state) {
    switch (key) {
    case ARGP_KEY_ARGS: {
        char **rest = state->argv + state->next;
        for (size_t index = 0; index < sizeof commands / sizeof *commands; index++) {
            if (strcmp(rest[0], commands[index].name) != 0)
                continue;
            static char name[256];
            snprintf(name, sizeof name, "%s %s", state->name, rest[0]);
            rest[0] = name;
            argp_parse(&commands[index].argp, state->argc - state->next, rest, 0, NULL, NULL);
            exit(0);
        }
        argp_usage(state);
        return 0;
    }
    case ARGP_KEY_END: argp_usage(state); return 0;
    default: return read_option(key, argument, state);
    }
}

int main(int count, char **arguments) {
    static const struct argp main_argp = {
        main_options, read_main, "COMMAND [ARG...]", "Gives NVIDIA GPUs to containers, and tells what there is to give."};
    argp_parse(&main_argp, count, arguments, ARGP_IN_ORDER, NULL, NULL);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Looks at NVIDIA GPUs from inside a container:
//   gpu-probe [MINOR...]     exactly these GPUs must be usable, or with no argument nothing of NVIDIA's may be there
// Prints a line per finding and "ok", or "FAILED: ..." lines and exit code 1. Built against glibc, against musl, and
// static (WITHOUT_LOADER: then the libraries aren't looked at).
//
// On the simulated node no kernel module owns the device numbers: ENXIO says that the device cgroup let the open
// pass, EPERM that it did not.
#ifndef WITHOUT_LOADER
#define _GNU_SOURCE
#include <dlfcn.h>
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { NVIDIA_MAJOR = 195, CONTROL_MINOR = 255, MAXIMUM_GPUS = 16 };

static int wanted[MAXIMUM_GPUS], wanted_count, failures;

__attribute__((format(printf, 1, 2))) static void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("FAILED: ", stdout);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
    failures++;
}

// 0 if this process may open the node, else the error.
static int refusal(const char *path) {
    int descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (descriptor >= 0) close(descriptor);
    return descriptor >= 0 || errno == ENXIO ? 0 : errno;
}

static const char *answer(int error) { return error ? strerror(error) : "allowed"; }

// Prints a node and gives what opening it says, or ENOENT.
static int look(const char *path, unsigned minor_wanted) {
    struct stat status;
    if (lstat(path, &status)) return errno;
    int error = refusal(path);
    printf("node %s %u:%u mode %o owner %u:%u %s\n", path, major(status.st_rdev), minor(status.st_rdev),
           status.st_mode & 07777, status.st_uid, status.st_gid, answer(error));
    if (!S_ISCHR(status.st_mode)) fail("%s is no character device", path);
    else if (minor_wanted <= CONTROL_MINOR && status.st_rdev != makedev(NVIDIA_MAJOR, minor_wanted))
        fail("%s is not %d:%u", path, NVIDIA_MAJOR, minor_wanted);
    return error;
}

// A node of our own making must not open the way to a GPU.
static void try_own_node(unsigned minor_number) {
    const char *folders[] = {"/dev", "/tmp"};
    int made = 0;
    for (unsigned i = 0; i < sizeof folders / sizeof *folders && !made; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/own-nvidia%u", folders[i], minor_number);
        unlink(path);
        if (mknod(path, S_IFCHR | 0666, makedev(NVIDIA_MAJOR, minor_number))) continue;
        made = 1;
        int error = refusal(path);
        printf("own node %d:%u %s\n", NVIDIA_MAJOR, minor_number, answer(error));
        if (error != EPERM && error != EACCES) fail("an own node %d:%u opens", NVIDIA_MAJOR, minor_number);
        unlink(path);
    }
    if (!made) printf("own node %d:%u cannot be made: %s\n", NVIDIA_MAJOR, minor_number, strerror(errno));
}

static void check_nodes(void) {
    for (int gpu = 0; gpu < MAXIMUM_GPUS; gpu++) {
        char path[32];
        snprintf(path, sizeof path, "/dev/nvidia%d", gpu);
        int error = look(path, (unsigned)gpu);
        if (wanted[gpu] && error) fail("%s: %s", path, strerror(error));
        if (!wanted[gpu] && error != ENOENT) fail("%s is there, and was not asked for", path);
        if (!wanted[gpu]) try_own_node((unsigned)gpu);
    }
    int error = look("/dev/nvidiactl", CONTROL_MINOR);
    if (wanted_count && error) fail("/dev/nvidiactl: %s", strerror(error));
    if (!wanted_count) try_own_node(CONTROL_MINOR);
}

// The nodes that only come with a capability, and anything else of NVIDIA's: all in folders of NVIDIA's.
static void check_other_nodes(const char *folder) {
    DIR *listing = opendir(folder);
    if (!listing) return;
    int is_top = !strcmp(folder, "/dev");
    for (struct dirent *entry; (entry = readdir(listing));) {
        if (is_top ? strncmp(entry->d_name, "nvidia", 6) : *entry->d_name == '.') continue;
        const char *rest = entry->d_name + 6;
        if (is_top && (!strcmp(rest, "ctl") || (*rest && strspn(rest, "0123456789") == strlen(rest))))
            continue; // check_nodes
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct stat status;
        if (!lstat(path, &status) && S_ISDIR(status.st_mode)) {
            check_other_nodes(path);
            continue;
        }
        int error = look(path, CONTROL_MINOR + 1);
        if (error == EPERM) fail("%s: the device cgroup refuses it", path);
        if (!wanted_count) fail("%s is there, and nothing was asked for", path);
    }
    closedir(listing);
}

#ifndef WITHOUT_LOADER
// Whether the loader's cache names libcuda.so.1: "yes", "no" or "none" without a cache.
static const char *in_cache(void) {
    static const char name[] = "libcuda.so.1";
    static char contents[4 << 20];
    FILE *file = fopen("/etc/ld.so.cache", "re");
    if (!file) return "none";
    size_t length = fread(contents, 1, sizeof contents, file);
    fclose(file);
    for (size_t i = 0; i + sizeof name <= length; i++)
        if (!memcmp(contents + i, name, sizeof name)) return "yes";
    return "no";
}

static void check_libraries(void) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library) {
        const char *reason = dlerror();
        printf("libcuda absent: %s\n", reason);
        if (wanted_count) fail("libcuda.so.1 cannot be loaded: %s", reason);
        return;
    }
    int (*initialize)(unsigned) = (int (*)(unsigned))dlsym(library, "cuInit");
    int (*get_count)(int *) = (int (*)(int *))dlsym(library, "cuDeviceGetCount");
    Dl_info information = {0};
    if (!initialize || !get_count || !dladdr((void *)initialize, &information)) {
        fail("libcuda.so.1 is no CUDA driver library");
        return;
    }
    int count = 0, result = initialize(0);
    if (!result) result = get_count(&count);
    printf("libcuda %s cache %s devices %d\n", information.dli_fname, in_cache(), count);
    if (!wanted_count) fail("%s is there, and nothing was asked for", information.dli_fname);
    else if (result || count != wanted_count)
        fail("libcuda: error %d, %d devices instead of %d", result, count, wanted_count);
}
#endif

int main(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        char *end;
        long gpu = strtol(arguments[i], &end, 10);
        if (end == arguments[i] || *end || gpu < 0 || gpu >= MAXIMUM_GPUS) {
            fprintf(stderr, "gpu-probe: %s: not a minor number below %d\n", arguments[i], MAXIMUM_GPUS);
            return 2;
        }
        wanted_count += !wanted[gpu];
        wanted[gpu] = 1;
    }
    check_nodes();
    check_other_nodes("/dev");
#ifndef WITHOUT_LOADER
    check_libraries();
#endif
    if (!failures) puts("ok");
    return failures ? 1 : 0;
}

// SPDX-License-Identifier: Apache-2.0
// nvidia-runtime-nvml LIBRARY: asks the NVML library at the absolute path LIBRARY for what /proc does not tell, and
// prints the answer. NVMLReport in Sources/LibContainer reads it.
//
//     nvidia-runtime-nvml 1
//     driver 550.54.14
//     cuda 12.4
//     gpu <index> <bus id> <uuid> <compute capability> <brand> <name>
//     mig <gpu index> <index> <gpu instance> <compute instance> <uuid>
//     failed <gpu index> <MIG device index> <reason>
//     end
//
// Fields are separated by one blank, the last one of a line may have blanks in it; what is not known is "-". The lines of
// a GPU's MIG devices follow it. A GPU or MIG device that does not answer is a `failed` line, and the others are asked
// nevertheless. An error is one line on standard error and exit code 1.
//
// A program of its own since our others are static and can't load a library, and since whatever NVML does (it can hang
// for ever on a broken GPU, or crash) stays in here. In C, not Swift: it has to be dynamic, start in a millisecond and run
// with the C library of any host, however old. It takes nothing from its environment.
#define _GNU_SOURCE
#include "glibc.h"
#include "nvml.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "nvidia-runtime-nvml"

enum { MAXIMUM_GPUS = 128, MAXIMUM_MIG_DEVICES = 64, MAXIMUM_ANSWER = 256 << 10 };

/// A text from the library and the NUL behind the longest one.
typedef char text[NVML_TEXT_SIZE + 1];

static struct nvml nvml;
static char answer[MAXIMUM_ANSWER];
static size_t answer_length;

/// Replaces what is not printable ASCII.
static void clean(char *string) {
    for (; *string != 0; string++)
        if (*string < 0x20 || *string > 0x7E)
            *string = '?';
}

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    clean(line);
    (void)dprintf(STDERR_FILENO, PROGRAM ": %s\n", line);
    // Without the library's destructors.
    _exit(1);
}

/// Adds a line to the answer.
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t room = sizeof answer - answer_length;
    int length = vsnprintf(answer + answer_length, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length + 1 >= room)
        fail("the answer is longer than %d bytes", MAXIMUM_ANSWER);
    clean(answer + answer_length);
    answer_length += (size_t)length;
    answer[answer_length++] = '\n';
}

/// What `result` means, in NVML's words.
static const char *reason(nvml_result result) {
    static char words[128];
    const char *known = result == NVML_FUNCTION_NOT_FOUND || nvml.error_text == NULL ? NULL : nvml.error_text(result);
    if (known != NULL && *known != 0)
        (void)snprintf(words, sizeof words, "%s", known);
    else
        (void)snprintf(words, sizeof words, "NVML error %d", result);
    return words;
}

/// Whether it looks like one; the slash is for MIG-GPU-<uuid>/<gpu instance>/<compute instance>, from before driver 470.
static bool is_uuid(const char *string) {
    size_t length = strspn(string, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-/");
    return length > 0 && string[length] == 0;
}

/// The UUID of a GPU or MIG device; if there is none, a `failed` line says so.
static bool get_uuid(nvml_device device, unsigned int gpu, const char *mig, text uuid) {
    memset(uuid, 0, sizeof(text));
    nvml_result result = nvml.uuid(device, uuid, NVML_TEXT_SIZE);
    if (result != NVML_SUCCESS)
        say("failed %u %s no UUID: %s", gpu, mig, reason(result));
    else if (uuid[NVML_TEXT_SIZE - 1] != 0 || !is_uuid(uuid))
        say("failed %u %s no UUID: NVML's text is none", gpu, mig);
    else
        return true;
    return false;
}

static const char *brand_name(nvml_device device) {
    // nvmlBrandType_t, by the words that requirements use (NVIDIA_REQUIRE_CUDA has brand=quadrortx).
    static const char *const names[] = {
        "Unknown", "Quadro", "Tesla", "NVS", "GRID", "GeForce", "TITAN", "vApps", "vPC", "vCS", "vWS", "CloudGaming",
        "QuadroRTX", "NvidiaRTX", "Nvidia", "GeForceRTX", "TitanRTX",
    };
    unsigned int brand = 0;
    if (nvml.brand == NULL || nvml.brand(device, &brand) != NVML_SUCCESS || brand >= sizeof names / sizeof *names)
        return "-";
    return names[brand];
}

static void report_gpu(nvml_device device, unsigned int index, const char *uuid) {
    char bus_id[32] = "-", capability[16] = "-";
    text name = "";
    struct nvml_pci pci = {0};
    int major = 0, minor = 0;
    // An integrated GPU is not on the bus.
    if (nvml.pci != NULL && nvml.pci(device, &pci) == NVML_SUCCESS && pci.bus <= 0xFF && pci.device <= 0x1F)
        (void)snprintf(bus_id, sizeof bus_id, "%04x:%02x:%02x.0", pci.domain, pci.bus, pci.device);
    if (nvml.compute_capability != NULL && nvml.compute_capability(device, &major, &minor) == NVML_SUCCESS &&
        major >= 0 && major < 100 && minor >= 0 && minor < 100)
        (void)snprintf(capability, sizeof capability, "%d.%d", major, minor);
    if (nvml.name == NULL || nvml.name(device, name, NVML_TEXT_SIZE) != NVML_SUCCESS || name[0] == 0)
        strcpy(name, "-");
    name[NVML_TEXT_SIZE - 1] = 0;
    say("gpu %u %s %s %s %s %s", index, bus_id, uuid, capability, brand_name(device), name);
}

static void report_mig_device(nvml_device gpu, unsigned int gpu_index, unsigned int index) {
    char number[16];
    text uuid;
    nvml_device device = NULL;
    unsigned int gpu_instance = 0, compute_instance = 0;
    (void)snprintf(number, sizeof number, "%u", index);
    nvml_result result = nvml.mig_device(gpu, index, &device);
    // Where no device is; there may be one behind.
    if (result == NVML_NOT_FOUND || result == NVML_INVALID_ARGUMENT)
        return;
    if (result == NVML_SUCCESS)
        result = nvml.gpu_instance(device, &gpu_instance);
    if (result == NVML_SUCCESS)
        result = nvml.compute_instance(device, &compute_instance);
    if (result != NVML_SUCCESS)
        say("failed %u %u %s", gpu_index, index, reason(result));
    else if (get_uuid(device, gpu_index, number, uuid))
        say("mig %u %u %u %u %s", gpu_index, index, gpu_instance, compute_instance, uuid);
}

static void report_mig_devices(nvml_device gpu, unsigned int index) {
    if (nvml.mig_mode == NULL || nvml.mig_limit == NULL || nvml.mig_device == NULL || nvml.gpu_instance == NULL ||
        nvml.compute_instance == NULL)
        return;
    unsigned int current = 0, pending = 0, limit = 0;
    nvml_result result = nvml.mig_mode(gpu, &current, &pending);
    if (result == NVML_NOT_SUPPORTED || (result == NVML_SUCCESS && current != NVML_MIG_ENABLED))
        return;
    if (result == NVML_SUCCESS)
        result = nvml.mig_limit(gpu, &limit);
    if (result != NVML_SUCCESS)
        say("failed %u - no MIG devices: %s", index, reason(result));
    else if (limit > MAXIMUM_MIG_DEVICES)
        say("failed %u - no MIG devices: NVML has %u of them", index, limit);
    else
        for (unsigned int mig = 0; mig < limit; mig++)
            report_mig_device(gpu, index, mig);
}

static void report(void) {
    nvml_result result = nvml.initialize_with_flags != NULL ? nvml.initialize_with_flags(NVML_NO_GPUS) : nvml.initialize();
    if (result != NVML_SUCCESS)
        fail("NVML does not start: %s", reason(result));
    text version = "";
    result = nvml.driver_version(version, NVML_TEXT_SIZE);
    if (result != NVML_SUCCESS)
        fail("no driver version: %s", reason(result));
    version[NVML_TEXT_SIZE - 1] = 0;
    say(PROGRAM " 1");
    say("driver %s", version);
    int cuda = 0;
    if (nvml.cuda_version != NULL && nvml.cuda_version(&cuda) == NVML_SUCCESS && cuda > 0)
        say("cuda %d.%d", cuda / 1000, cuda % 1000 / 10);
    else
        say("cuda -");
    unsigned int count = 0;
    result = nvml.gpu_count(&count);
    if (result != NVML_SUCCESS)
        fail("no GPUs: %s", reason(result));
    if (count > MAXIMUM_GPUS)
        fail("NVML has %u GPUs, more than %d", count, MAXIMUM_GPUS);
    for (unsigned int index = 0; index < count; index++) {
        nvml_device gpu = NULL;
        text uuid;
        result = nvml.gpu(index, &gpu);
        if (result != NVML_SUCCESS)
            say("failed %u - %s", index, reason(result));
        else if (get_uuid(gpu, index, "-", uuid)) {
            report_gpu(gpu, index, uuid);
            report_mig_devices(gpu, index);
        }
    }
    say("end");
}

/// Ends with who asked. That may have ended before: then nobody is at the other end of the pipe.
static void end_with_parent(void) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    struct pollfd output = {.fd = STDOUT_FILENO};
    if (poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0)
        _exit(1);
}

/// Keeps to itself: nothing of the environment, no core file, no life of its own.
static void isolate(void) {
    (void)clearenv();
    end_with_parent();
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)umask(077);
    if (chdir("/") != 0)
        fail("chdir /: %s", strerror(errno));
}

int main(int count, char **arguments) {
    if (count != 2 || arguments[1][0] != '/')
        fail("usage: " PROGRAM " LIBRARY, the absolute path of libnvidia-ml.so.1");
    isolate();
    // What the library prints, or a program that it starts, is no part of the answer.
    int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (output < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fail("duplicate standard output: %s", strerror(errno));
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        const char *error = dlerror();
        fail("can't load the library: %s", error == NULL ? arguments[1] : error);
    }
    const char *missing = nvml_look_up(&nvml, library);
    if (missing != NULL)
        fail("%s is not NVML: there is no %s in it", arguments[1], missing);
    report();
    for (size_t written = 0; written < answer_length;) {
        ssize_t length = write(output, answer + written, answer_length - written);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            fail("write: %s", strerror(errno));
        written += (size_t)length;
    }
    // Without nvmlShutdown and the library's destructors: a GPU that answered may still hang in them.
    _exit(0);
}

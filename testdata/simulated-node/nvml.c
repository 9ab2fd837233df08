// SPDX-License-Identifier: Apache-2.0
// libnvidia-ml: the queries a container tool makes. It answers from the device nodes it may open and, where
// /proc/driver/nvidia is there, from the files the kernel module would serve; without them (in a container) UUIDs and
// names follow from the minor number by the same rule that kernel.py uses.
// DRIVER_VERSION and CUDA_VERSION come from the command line.
// nvml-behaviour.h says how it is told to misbehave.
#include "freestanding.h"

typedef int Return;
typedef struct GPU *Device;
enum {
    SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9, GPU_IS_LOST = 15, UNKNOWN_ERROR = 999,
};
enum { MAXIMUM_INSTANCES = 7, GPU_INSTANCES = 15, COMPUTE_INSTANCES = 8, NAME_SIZE = 96 };

struct GPU {
    int index, minor, instance; // `instance` is -1 for a whole GPU, else the MIG device's index
    int instances;              // MIG devices of a whole GPU; 0 when MIG is off
    int lost;                   // whether it has fallen off the bus
    int gpu_instance, compute_instance; // of a MIG device
    struct { int gpu_instance, compute_instance; } found[MAXIMUM_INSTANCES]; // of a whole GPU
    char uuid[48], name[NAME_SIZE], address[16];
    struct GPU *parent;
};

static struct GPU gpus[MAXIMUM_GPUS], instances[MAXIMUM_GPUS][MAXIMUM_INSTANCES];
static int count, uses;
static char text[4096], folder[4096];

static void set_uuid(char *to, const char *prefix, int minor, int gpu_instance, int compute_instance) {
    to = append(append(to, prefix), "5171a7ed-0000-4000-8000-0000000");
    *to++ = (char)('0' + gpu_instance / 10);
    *to++ = (char)('0' + gpu_instance % 10);
    *to++ = (char)('0' + compute_instance);
    *to++ = (char)('0' + minor / 10);
    *to++ = (char)('0' + minor % 10);
    *to = 0;
}

// The value after `key` and its colon in a file of "Key: \t value" lines, cut at the end of the line.
static const char *field(char *lines, const char *key, char *to, int size) {
    for (char *line = lines; *line;) {
        const char *k = key;
        char *p = line;
        while (*k && *p == *k) p++, k++;
        if (!*k && *p == ':') {
            for (p++; *p == ' ' || *p == '\t';) p++;
            int n = 0;
            while (*p && *p != '\n' && n < size - 1) to[n++] = *p++;
            to[n] = 0;
            return to;
        }
        while (*line && *line++ != '\n') {}
    }
    return 0;
}

static int number(const char *digits) {
    unsigned value = 0; // wraps for what no int holds
    while (*digits >= '0' && *digits <= '9') value = value * 10 + (unsigned)(*digits++ - '0');
    return (int)value;
}

#include "nvml-behaviour.h"

static int later(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return (unsigned char)*a > (unsigned char)*b;
}

static void add_gpu(int minor, const char *address, char *information) {
    if (count == MAXIMUM_GPUS || gpu_answer((unsigned)minor)) return;
    struct GPU gpu = {.minor = minor, .instance = -1};
    set_uuid(gpu.uuid, "GPU-", minor, 0, 0);
    append(gpu.name, "NVIDIA simulated GPU");
    append(gpu.address, address);
    if (information) {
        gpu.lost = !field(information, "GPU UUID", gpu.uuid, sizeof gpu.uuid);
        field(information, "Model", gpu.name, sizeof gpu.name);
    }
    for (int outer = 0; outer < GPU_INSTANCES; outer++)
        for (int inner = 0; inner < COMPUTE_INSTANCES && gpu.instances < MAXIMUM_INSTANCES; inner++) {
            char path[96], ignored[2];
            char *end = append_number(append(path, "/proc/driver/nvidia/capabilities/gpu"), (unsigned)minor);
            end = append_number(append(end, "/mig/gi"), (unsigned)outer);
            append(append_number(append(end, "/ci"), (unsigned)inner), "/access");
            if (read_file(path, ignored, sizeof ignored) < 0) break;
            gpu.found[gpu.instances].gpu_instance = outer;
            gpu.found[gpu.instances++].compute_instance = inner;
        }
    int at = count++; // NVML's order is that of the PCI addresses
    for (; at > 0 && later(gpus[at - 1].address, gpu.address); at--) gpus[at] = gpus[at - 1];
    gpus[at] = gpu;
}

static void find_gpus(void) {
    struct Entry { unsigned long long inode, offset; unsigned short length; unsigned char type; char name[]; };
    count = 0;
    int descriptor = open_file("/proc/driver/nvidia/gpus", OPEN_READ);
    for (long n; descriptor >= 0 && (n = system_call(SYS_GETDENTS64, descriptor, (long)folder, sizeof folder, 0)) > 0;)
        for (long at = 0; at < n; at += ((struct Entry *)(folder + at))->length) {
            const char *name = ((struct Entry *)(folder + at))->name;
            char path[96], minor[12];
            if (name[0] == '.') continue;
            append(append(append(path, "/proc/driver/nvidia/gpus/"), name), "/information");
            if (read_file(path, text, sizeof text) > 0 && field(text, "Device Minor", minor, sizeof minor))
                add_gpu(number(minor), name, text);
        }
    if (descriptor >= 0) close_file(descriptor);
    else for (int minor = 0; minor < MAXIMUM_GPUS; minor++) {
        char address[16] = "0000:00:00.0";
        address[5] = (char)('0' + minor / 10), address[6] = (char)('0' + minor % 10);
        add_gpu(minor, address, 0);
    }
    for (int g = 0; g < count; g++) {
        gpus[g].index = g;
        for (int i = 0; i < gpus[g].instances; i++) {
            struct GPU *device = &instances[g][i];
            int outer = gpus[g].found[i].gpu_instance, inner = gpus[g].found[i].compute_instance;
            *device = (struct GPU){.index = i, .minor = gpus[g].minor, .instance = i, .gpu_instance = outer,
                                   .compute_instance = inner, .parent = &gpus[g]};
            set_uuid(device->uuid, "MIG-", gpus[g].minor, outer, inner);
            append(append(append(device->name, gpus[g].name), " MIG "),
                   outer == 0 ? "7g.40gb" : outer < 3 ? "3g.20gb" : outer < 7 ? "2g.10gb" : "1g.5gb");
        }
    }
}

static Return put(char *to, unsigned size, const char *value) {
    unsigned length = 0;
    while (value[length]) length++;
    if (length + 1 > size) return INSUFFICIENT_SIZE;
    append(to, value);
    return SUCCESS;
}

// A text of a device, unless another one is set for all.
static Return put_text(char *to, unsigned size, const char *key, const char *text) {
    const char *other = setting(key);
    if (!other) return put(to, size, text);
    if (!same(other, "unterminated")) return put(to, size, other);
    for (unsigned i = 0; i < size; i++) to[i] = 'A';
    return SUCCESS;
}

EXPORT Return nvmlInit_v2(void) {
    count_call();
    BEHAVE("nvmlInit");
    int answer = node_answer("/dev/nvidiactl");
    if (answer) return answer == NO_ENTRY ? DRIVER_NOT_LOADED : UNKNOWN_ERROR;
    if (!uses++) find_gpus();
    return SUCCESS;
}
EXPORT Return nvmlInit(void) { return nvmlInit_v2(); }
EXPORT Return nvmlInitWithFlags(unsigned flags) { return flags > 3 ? INVALID_ARGUMENT : nvmlInit_v2(); }
EXPORT Return nvmlShutdown(void) { return uses ? (uses--, SUCCESS) : UNINITIALIZED; }

EXPORT const char *nvmlErrorString(Return code) {
    switch (code) {
    case SUCCESS: return "Success";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case GPU_IS_LOST: return "GPU is lost";
    default: return "Unknown Error";
    }
}

EXPORT Return nvmlSystemGetDriverVersion(char *to, unsigned size) {
    BEHAVE("nvmlSystemGetDriverVersion");
    return uses ? put(to, size, DRIVER_VERSION) : UNINITIALIZED;
}
EXPORT Return nvmlSystemGetNVMLVersion(char *to, unsigned size) { return put(to, size, "12." DRIVER_VERSION); }
EXPORT Return nvmlSystemGetCudaDriverVersion_v2(int *version) {
    BEHAVE("nvmlSystemGetCudaDriverVersion_v2");
    return *version = CUDA_VERSION, SUCCESS;
}
EXPORT Return nvmlSystemGetCudaDriverVersion(int *version) { return nvmlSystemGetCudaDriverVersion_v2(version); }

EXPORT Return nvmlDeviceGetCount_v2(unsigned *result) {
    BEHAVE("nvmlDeviceGetCount_v2");
    if (!uses) return UNINITIALIZED;
    const char *other = setting("count");
    *result = other ? (unsigned)number(other) : (unsigned)count;
    return SUCCESS;
}
EXPORT Return nvmlDeviceGetCount(unsigned *result) { return nvmlDeviceGetCount_v2(result); }

EXPORT Return nvmlDeviceGetHandleByIndex_v2(unsigned index, Device *device) {
    BEHAVE("nvmlDeviceGetHandleByIndex_v2");
    if (!uses) return UNINITIALIZED;
    if (index >= (unsigned)count) return INVALID_ARGUMENT;
    const char *lost = setting("lost");
    if (lost && (unsigned)number(lost) == index) return GPU_IS_LOST;
    if (gpus[index].lost) return GPU_IS_LOST;
    *device = &gpus[index];
    return SUCCESS;
}
EXPORT Return nvmlDeviceGetHandleByIndex(unsigned index, Device *device) {
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

EXPORT Return nvmlDeviceGetHandleByUUID(const char *uuid, Device *device) {
    if (!uses) return UNINITIALIZED;
    for (int g = 0; g < count; g++) {
        if (same(gpus[g].uuid, uuid)) return *device = &gpus[g], SUCCESS;
        for (int i = 0; i < gpus[g].instances; i++)
            if (same(instances[g][i].uuid, uuid)) return *device = &instances[g][i], SUCCESS;
    }
    return NOT_FOUND;
}

EXPORT Return nvmlDeviceGetName(Device device, char *to, unsigned size) {
    BEHAVE("nvmlDeviceGetName");
    return put_text(to, size, "name", device->name);
}
EXPORT Return nvmlDeviceGetUUID(Device device, char *to, unsigned size) {
    BEHAVE("nvmlDeviceGetUUID");
    return put_text(to, size, "uuid", device->uuid);
}
EXPORT Return nvmlDeviceGetIndex(Device device, unsigned *index) { return *index = (unsigned)device->index, SUCCESS; }
EXPORT Return nvmlDeviceGetMinorNumber(Device device, unsigned *minor) {
    return device->parent ? NOT_SUPPORTED : (*minor = (unsigned)device->minor, SUCCESS);
}
EXPORT Return nvmlDeviceGetBrand(Device device, unsigned *brand) {
    BEHAVE("nvmlDeviceGetBrand");
    return (void)device, *brand = 14, SUCCESS; // "NVIDIA"
}
EXPORT Return nvmlDeviceGetArchitecture(Device device, unsigned *arch) { return (void)device, *arch = 7, SUCCESS; }
EXPORT Return nvmlDeviceGetCudaComputeCapability(Device device, int *major, int *minor) {
    BEHAVE("nvmlDeviceGetCudaComputeCapability");
    return (void)device, *major = 8, *minor = 0, SUCCESS;
}

typedef struct {
    char legacy[16];
    unsigned domain, bus, device, identity, subsystem;
    char address[32];
} PCIInformation;
EXPORT Return nvmlDeviceGetPciInfo_v3(Device device, PCIInformation *to) {
    BEHAVE("nvmlDeviceGetPciInfo_v3");
    if (device->parent) return NOT_SUPPORTED;
    *to = (PCIInformation){.identity = 0x20b010de};
    for (const char *p = device->address + 5; *p && *p != ':'; p++)
        to->bus = to->bus * 16 + (unsigned)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    append(to->legacy, device->address);
    append(append(to->address, "0000"), device->address);
    return SUCCESS;
}

EXPORT Return nvmlDeviceGetMigMode(Device device, unsigned *current, unsigned *pending) {
    BEHAVE("nvmlDeviceGetMigMode");
    return *current = *pending = device->instances > 0, SUCCESS;
}
EXPORT Return nvmlDeviceGetMaxMigDeviceCount(Device device, unsigned *maximum) {
    BEHAVE("nvmlDeviceGetMaxMigDeviceCount");
    const char *other = setting("mig limit");
    return (void)device, *maximum = other ? (unsigned)number(other) : MAXIMUM_INSTANCES, SUCCESS;
}
EXPORT Return nvmlDeviceGetMigDeviceHandleByIndex(Device device, unsigned index, Device *result) {
    BEHAVE("nvmlDeviceGetMigDeviceHandleByIndex");
    if (device->parent || index >= (unsigned)device->instances) return NOT_FOUND;
    *result = &instances[device->index][index];
    return SUCCESS;
}
EXPORT Return nvmlDeviceIsMigDeviceHandle(Device device, unsigned *answer) {
    return *answer = device->parent != 0, SUCCESS;
}
EXPORT Return nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device device, Device *parent) {
    return device->parent ? (*parent = device->parent, SUCCESS) : INVALID_ARGUMENT;
}
EXPORT Return nvmlDeviceGetGpuInstanceId(Device device, unsigned *identifier) {
    BEHAVE("nvmlDeviceGetGpuInstanceId");
    return device->parent ? (*identifier = (unsigned)device->gpu_instance, SUCCESS) : NOT_SUPPORTED;
}
EXPORT Return nvmlDeviceGetComputeInstanceId(Device device, unsigned *identifier) {
    BEHAVE("nvmlDeviceGetComputeInstanceId");
    return device->parent ? (*identifier = (unsigned)device->compute_instance, SUCCESS) : NOT_SUPPORTED;
}

// SPDX-License-Identifier: Apache-2.0
// A small nvidia-smi on whatever libnvidia-ml.so.1 the loader finds: it says what a container really has. Exit codes
// are those of the real one: 6 no device, 9 driver not loaded, 12 library not found, 15 GPU lost, 18 versions differ.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void *library;

#define FUNCTION(type, name) __typeof__(type) name = (__typeof__(type))dlsym(library, #name)

// The kernel module's version, if this process can see it: the first word like "570.86.15" of the version file.
static int kernel_version(char *to, size_t size) {
    FILE *file = fopen("/proc/driver/nvidia/version", "re");
    char line[512];
    if (!file) return 0;
    char *read = fgets(line, sizeof line, file);
    fclose(file);
    for (char *word = read ? strtok(line, " \t\n") : NULL; word; word = strtok(NULL, " \t\n"))
        if (strspn(word, "0123456789.") == strlen(word) && strchr(word, '.')) return snprintf(to, size, "%s", word) > 0;
    return 0;
}

int main(int count, char **arguments) {
    int list = count == 2 && (!strcmp(arguments[1], "-L") || !strcmp(arguments[1], "--list-gpus"));
    if (count > 1 && !list) {
        fprintf(stderr, "nvidia-smi (simulated): only -L is known\n");
        return 2;
    }
    library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
    if (!library) {
        printf("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system: %s\n", dlerror());
        return 12;
    }
    FUNCTION(int (*)(void), nvmlInit_v2);
    FUNCTION(const char *(*)(int), nvmlErrorString);
    FUNCTION(int (*)(char *, unsigned), nvmlSystemGetDriverVersion);
    FUNCTION(int (*)(int *), nvmlSystemGetCudaDriverVersion_v2);
    FUNCTION(int (*)(unsigned *), nvmlDeviceGetCount_v2);
    FUNCTION(int (*)(unsigned, void **), nvmlDeviceGetHandleByIndex_v2);
    FUNCTION(int (*)(void *, char *, unsigned), nvmlDeviceGetName);
    FUNCTION(int (*)(void *, char *, unsigned), nvmlDeviceGetUUID);
    FUNCTION(int (*)(void *, unsigned *), nvmlDeviceGetMinorNumber);
    char version[64] = "", kernel[64];
    int cuda = 0, result = nvmlInit_v2();
    unsigned gpus = 0;
    int lost = 0;
    if (result) {
        printf("NVIDIA-SMI has failed: %s\n", nvmlErrorString(result));
        return result == 9 ? 9 : 255;
    }
    nvmlSystemGetDriverVersion(version, sizeof version);
    nvmlSystemGetCudaDriverVersion_v2(&cuda);
    nvmlDeviceGetCount_v2(&gpus);
    if (kernel_version(kernel, sizeof kernel) && strcmp(kernel, version)) {
        printf("Failed to initialize NVML: Driver/library version mismatch\nNVML library version: %s\n", version);
        return 18;
    }
    if (!list)
        printf("NVIDIA-SMI %s (simulated)   Driver Version: %s   CUDA Version: %d.%d\n", version, version, cuda / 1000,
               cuda % 1000 / 10);
    for (unsigned i = 0; i < gpus; i++) {
        void *device;
        char name[96], uuid[96];
        unsigned minor = 0;
        if ((result = nvmlDeviceGetHandleByIndex_v2(i, &device))) {
            printf("Unable to determine the device handle for GPU %u: %s\n", i, nvmlErrorString(result));
            lost = result;
            continue;
        }
        nvmlDeviceGetName(device, name, sizeof name);
        nvmlDeviceGetUUID(device, uuid, sizeof uuid);
        nvmlDeviceGetMinorNumber(device, &minor);
        if (list) printf("GPU %u: %s (UUID: %s)\n", i, name, uuid);
        else printf("GPU %u  /dev/nvidia%u  %s  %s\n", i, minor, name, uuid);
    }
    if (!gpus) printf("No devices were found\n");
    return gpus ? lost : 6;
}

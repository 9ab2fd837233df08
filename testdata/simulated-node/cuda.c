// SPDX-License-Identifier: Apache-2.0
// libcuda: as much of the CUDA driver interface as shows whether a container can reach its GPUs.
// DRIVER_VERSION and CUDA_VERSION (1000 * major + 10 * minor) come from the command line.
#include "freestanding.h"

enum { SUCCESS = 0, NOT_INITIALIZED = 3, INVALID_VALUE = 1, NO_CUDA_DEVICE = 100, INVALID_DEVICE = 101 };

static int count = -1;

EXPORT int cuInit(unsigned flags) {
    if (flags) return INVALID_VALUE;
    if (node_answer("/dev/nvidiactl")) return NO_CUDA_DEVICE;
    int found = 0;
    for (unsigned minor = 0; minor < MAXIMUM_GPUS; minor++) found += gpu_answer(minor) == 0;
    if (!found) return NO_CUDA_DEVICE;
    count = found;
    return SUCCESS;
}

EXPORT int cuDriverGetVersion(int *version) {
    if (!version) return INVALID_VALUE;
    *version = CUDA_VERSION;
    return SUCCESS;
}

EXPORT int cuDeviceGetCount(int *result) {
    if (!result) return INVALID_VALUE;
    if (count < 0) return NOT_INITIALIZED;
    *result = count;
    return SUCCESS;
}

EXPORT int cuDeviceGet(int *device, int ordinal) {
    if (!device) return INVALID_VALUE;
    if (count < 0) return NOT_INITIALIZED;
    if (ordinal < 0 || ordinal >= count) return INVALID_DEVICE;
    *device = ordinal;
    return SUCCESS;
}

EXPORT const char *nvidia_simulated_library(void) { return "simulated libcuda " DRIVER_VERSION; }

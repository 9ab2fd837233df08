// SPDX-License-Identifier: Apache-2.0
// The part of NVML's binary interface that is asked for, written down from its documentation (docs.nvidia.com/deploy/
// nvml-api). The library keeps it stable: what changes gets another suffix (_v2).
#pragma once

#include <stdbool.h>

/// nvmlReturn_t.
typedef int nvml_result;
enum {
    NVML_SUCCESS = 0,
    NVML_INVALID_ARGUMENT = 2,
    NVML_NOT_SUPPORTED = 3,
    NVML_NOT_FOUND = 6,
    NVML_FUNCTION_NOT_FOUND = 13,
};

/// nvmlDevice_t: a GPU, or a MIG device on one.
typedef struct nvml_device *nvml_device;

/// The start of nvmlPciInfo_t, the same in all its versions; the longest has 68 bytes.
struct nvml_pci {
    char legacy_bus_id[16];
    unsigned int domain, bus, device, device_id, subsystem_id;
    char rest[128];
};

/// NVML_DEVICE_UUID_V2_BUFFER_SIZE, NVML_DEVICE_NAME_V2_BUFFER_SIZE; no text that NVML gives is longer.
enum { NVML_TEXT_SIZE = 96 };
/// NVML_INIT_FLAG_NO_GPUS: a node without GPUs is no error.
enum { NVML_NO_GPUS = 1 };
/// NVML_DEVICE_MIG_ENABLE
enum { NVML_MIG_ENABLED = 1 };

/// The functions of a loaded library; NULL where it lacks one.
struct nvml {
    nvml_result (*initialize)(void);
    nvml_result (*initialize_with_flags)(unsigned int flags);
    const char *(*error_text)(nvml_result);
    nvml_result (*driver_version)(char *text, unsigned int size);
    nvml_result (*cuda_version)(int *version);
    nvml_result (*gpu_count)(unsigned int *count);
    nvml_result (*gpu)(unsigned int index, nvml_device *);
    nvml_result (*uuid)(nvml_device, char *text, unsigned int size);
    nvml_result (*pci)(nvml_device, struct nvml_pci *);
    nvml_result (*name)(nvml_device, char *text, unsigned int size);
    nvml_result (*brand)(nvml_device, unsigned int *brand);
    nvml_result (*compute_capability)(nvml_device, int *major, int *minor);
    nvml_result (*mig_mode)(nvml_device, unsigned int *current, unsigned int *pending);
    nvml_result (*mig_limit)(nvml_device, unsigned int *count);
    nvml_result (*mig_device)(nvml_device, unsigned int index, nvml_device *);
    nvml_result (*gpu_instance)(nvml_device, unsigned int *id);
    nvml_result (*compute_instance)(nvml_device, unsigned int *id);
};

/// Looks the functions up in a library that dlopen(3) gave. The name of a function without which nothing can be asked
/// and that is not there, or NULL.
const char *nvml_look_up(struct nvml *, void *library);

// SPDX-License-Identifier: Apache-2.0
#include "nvml.h"

#include "glibc.h"

#include <dlfcn.h>
#include <stddef.h>

#define LOOK_UP(function, name) (nvml->function = (__typeof__(nvml->function))dlsym(library, name))

const char *nvml_look_up(struct nvml *nvml, void *library) {
    // What old drivers lack, and what only enriches the answer.
    LOOK_UP(initialize_with_flags, "nvmlInitWithFlags");
    LOOK_UP(cuda_version, "nvmlSystemGetCudaDriverVersion_v2");
    if (!LOOK_UP(pci, "nvmlDeviceGetPciInfo_v3"))
        LOOK_UP(pci, "nvmlDeviceGetPciInfo_v2");
    LOOK_UP(mig_mode, "nvmlDeviceGetMigMode");
    LOOK_UP(mig_limit, "nvmlDeviceGetMaxMigDeviceCount");
    LOOK_UP(mig_device, "nvmlDeviceGetMigDeviceHandleByIndex");
    LOOK_UP(gpu_instance, "nvmlDeviceGetGpuInstanceId");
    LOOK_UP(compute_instance, "nvmlDeviceGetComputeInstanceId");
    LOOK_UP(error_text, "nvmlErrorString");
    LOOK_UP(name, "nvmlDeviceGetName");
    LOOK_UP(brand, "nvmlDeviceGetBrand");
    LOOK_UP(compute_capability, "nvmlDeviceGetCudaComputeCapability");
    if (!LOOK_UP(initialize, "nvmlInit_v2"))
        return "nvmlInit_v2";
    if (!LOOK_UP(driver_version, "nvmlSystemGetDriverVersion"))
        return "nvmlSystemGetDriverVersion";
    if (!LOOK_UP(gpu_count, "nvmlDeviceGetCount_v2"))
        return "nvmlDeviceGetCount_v2";
    if (!LOOK_UP(gpu, "nvmlDeviceGetHandleByIndex_v2"))
        return "nvmlDeviceGetHandleByIndex_v2";
    if (!LOOK_UP(uuid, "nvmlDeviceGetUUID"))
        return "nvmlDeviceGetUUID";
    return NULL;
}

// SPDX-License-Identifier: Apache-2.0
#include "CLinux.h"

#include <sys/xattr.h>

int64_t clx_fgetxattr(int descriptor, const char *name, void *value, uint64_t size) {
    return fgetxattr(descriptor, name, value, size);
}

int clx_fsetxattr(int descriptor, const char *name, const void *value, uint64_t size, int flags) {
    return fsetxattr(descriptor, name, value, size, flags);
}

// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/magic.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/vfs.h>

int clx_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int clx_join_mount_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNS); }

int clx_is_procfs(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0)
        return -1;
    return status.f_type == PROC_SUPER_MAGIC;
}

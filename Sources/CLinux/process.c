// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

int clx_set_no_new_privileges(void) { return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); }

int clx_end_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int clx_join_mount_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNS); }

int clx_join_user_namespace(int descriptor) { return setns(descriptor, CLONE_NEWUSER); }

int clx_fork(void) { return fork(); }

int clx_is_procfs(int descriptor) {
    struct statfs status;
    if (fstatfs(descriptor, &status) != 0)
        return -1;
    return status.f_type == PROC_SUPER_MAGIC;
}

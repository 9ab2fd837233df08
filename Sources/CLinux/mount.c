// SPDX-License-Identifier: Apache-2.0
// The mount calls by number: glibc has wrappers for the newer ones since 2.36 only, and its <sys/mount.h> can't be used
// together with <linux/mount.h> there.
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The same numbers on every architecture (include/uapi/asm-generic/unistd.h, arch/x86/entry/syscalls/syscall_64.tbl).
#ifndef SYS_open_tree
#define SYS_open_tree 428
#endif
#ifndef SYS_move_mount
#define SYS_move_mount 429
#endif
#ifndef SYS_fsopen
#define SYS_fsopen 430
#endif
#ifndef SYS_fsconfig
#define SYS_fsconfig 431
#endif
#ifndef SYS_fsmount
#define SYS_fsmount 432
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif

_Static_assert(CLX_AT_RECURSIVE == AT_RECURSIVE, "AT_RECURSIVE");
_Static_assert(CLX_OPEN_TREE_CLONE == OPEN_TREE_CLONE, "OPEN_TREE_CLONE");
_Static_assert(CLX_MOVE_MOUNT_F_EMPTY_PATH == MOVE_MOUNT_F_EMPTY_PATH, "MOVE_MOUNT_F_EMPTY_PATH");
_Static_assert(CLX_MOVE_MOUNT_T_EMPTY_PATH == MOVE_MOUNT_T_EMPTY_PATH, "MOVE_MOUNT_T_EMPTY_PATH");
_Static_assert(CLX_MOUNT_ATTR_RDONLY == MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY");
_Static_assert(CLX_MOUNT_ATTR_NOSUID == MOUNT_ATTR_NOSUID, "MOUNT_ATTR_NOSUID");
_Static_assert(CLX_MOUNT_ATTR_NODEV == MOUNT_ATTR_NODEV, "MOUNT_ATTR_NODEV");
_Static_assert(CLX_MOUNT_ATTR_NOEXEC == MOUNT_ATTR_NOEXEC, "MOUNT_ATTR_NOEXEC");
_Static_assert(CLX_MS_RDONLY == MS_RDONLY && CLX_MS_NOSUID == MS_NOSUID && CLX_MS_NODEV == MS_NODEV, "MS_*");
_Static_assert(CLX_MS_NOEXEC == MS_NOEXEC && CLX_MS_REMOUNT == MS_REMOUNT && CLX_MS_BIND == MS_BIND, "MS_*");
_Static_assert(CLX_MS_MOVE == MS_MOVE && CLX_MS_REC == MS_REC && CLX_MS_PRIVATE == MS_PRIVATE, "MS_*");

int clx_fsopen(const char *type) { return (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC); }

int clx_fsconfig_string(int context, const char *key, const char *value) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, value, 0);
}

int clx_fsconfig_create(int context) {
    return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int clx_fsmount(int context, uint32_t attributes) {
    return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
}

int clx_open_tree(int directory, const char *path, uint32_t flags) {
    return (int)syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLOEXEC);
}

int clx_move_mount(int from_directory, const char *from_path, int to_directory, const char *to_path, uint32_t flags) {
    return (int)syscall(SYS_move_mount, from_directory, from_path, to_directory, to_path, flags);
}

int clx_mount_setattr(
    int directory, const char *path, uint32_t flags, uint64_t set, uint64_t clear, uint64_t propagation) {
    // struct mount_attr of Linux 5.12; older headers don't have it.
    struct {
        uint64_t set, clear, propagation, user_namespace;
    } attributes = {.set = set, .clear = clear, .propagation = propagation};
    return (int)syscall(SYS_mount_setattr, directory, path, flags, &attributes, sizeof attributes);
}

uint64_t clx_mount_id(int descriptor) {
    // STATX_MNT_ID and the member are not in older headers: it is behind stx_dev_minor.
    enum { mount_id = 0x1000 };
    struct {
        uint32_t mask;
        uint32_t before[35];
        uint64_t mount_id;
        uint64_t behind[13];
    } status = {0};
    _Static_assert(sizeof status == 256, "struct statx");
    if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, mount_id, &status) != 0 || !(status.mask & mount_id))
        return 0;
    return status.mount_id;
}

int clx_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
    return (int)syscall(SYS_mount, source, target, type, (unsigned long)flags, data);
}

bool clx_is_mount_root(int descriptor) {
    struct statx status;
    if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, 0, &status) != 0)
        return false;
    return status.stx_attributes & status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT;
}

int clx_umount(const char *target, int flags) { return (int)syscall(SYS_umount2, target, flags); }

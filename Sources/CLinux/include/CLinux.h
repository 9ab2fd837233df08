// SPDX-License-Identifier: Apache-2.0
// What Swift's Glibc module does not show: calls and constants that glibc hides behind _GNU_SOURCE, macros, variadic
// calls. One thin function per call; no policy here.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Constants; linux.c asserts that they equal the kernel's.
#define CLX_O_PATH 010000000
#define CLX_AT_EMPTY_PATH 0x1000
#define CLX_RESOLVE_NO_XDEV 0x01
#define CLX_RESOLVE_NO_MAGICLINKS 0x02
#define CLX_RESOLVE_NO_SYMLINKS 0x04
#define CLX_RESOLVE_BENEATH 0x08
#define CLX_RESOLVE_IN_ROOT 0x10

/// openat2(2) by number, so that an old glibc does not matter. Returns a descriptor, or -1 with errno.
int clx_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/// openat(2) with a fixed signature (the C one is variadic).
int clx_openat(int directory, const char *path, int flags, uint32_t mode);

/// getdents64(2). Returns bytes, 0 at the end, or -1 with errno.
int64_t clx_getdents64(int directory, void *buffer, uint64_t size);

/// Sets no_new_privs (prctl(2)). Returns 0, or -1 with errno.
int clx_set_no_new_privileges(void);

/// Has the kernel kill this process when its parent ends (PR_SET_PDEATHSIG of prctl(2)). Returns 0, or -1 with errno.
int clx_end_with_parent(void);

/// setns(2) with CLONE_NEWNS and CLONE_NEWUSER. Return 0, or -1 with errno.
int clx_join_mount_namespace(int descriptor);
int clx_join_user_namespace(int descriptor);

/// fork(2), which Swift does not offer, for a process with one thread. Returns 0 in the child, its number in the parent,
/// or -1 with errno.
int clx_fork(void);

/// Whether the file is in a procfs: 1 or 0, or -1 with errno.
int clx_is_procfs(int descriptor);

unsigned int clx_major(uint64_t device);
unsigned int clx_minor(uint64_t device);
uint64_t clx_makedev(unsigned int major, unsigned int minor);

/// mknodat(2) of a character device with all of `mode`, whatever the process's umask is. Returns 0, or -1 with errno.
int clx_make_character_device(int directory, const char *name, uint32_t mode, uint64_t device);

/// fgetxattr(2), fsetxattr(2): <sys/xattr.h> is not in Swift's Glibc module.
int64_t clx_fgetxattr(int descriptor, const char *name, void *value, uint64_t size);
int clx_fsetxattr(int descriptor, const char *name, const void *value, uint64_t size, int flags);

/// Whether the kernel started the process in secure-execution mode: set-user-ID, file capabilities and the like
/// (AT_SECURE of getauxval(3)).
bool clx_is_secure_execution(void);

/// pipe2(2) with O_CLOEXEC: the end to read and the end to write. Returns 0, or -1 with errno.
int clx_pipe(int ends[2]);

/// Starts `program` with posix_spawn(3), apart from us: in a session of its own, with an empty environment, every signal
/// at its default and none blocked, and with no descriptors but /dev/null, `output` and `errors` as 0, 1 and 2. These two
/// are the ends to write of two pipes made one after the other, so that none of them has a number that another one is to
/// get. Returns 0 and the process in `child`, or errno.
int clx_spawn_apart(const char *program, char *const arguments[], int output, int errors, int *child);

// Mounts; mount.c asserts that the constants equal the kernel's, MNT_DETACH apart, which its headers do not have.
#define CLX_AT_RECURSIVE 0x8000
#define CLX_OPEN_TREE_CLONE 1
#define CLX_MOVE_MOUNT_F_EMPTY_PATH 0x04
#define CLX_MOVE_MOUNT_T_EMPTY_PATH 0x40
#define CLX_MOUNT_ATTR_RDONLY 0x01
#define CLX_MOUNT_ATTR_NOSUID 0x02
#define CLX_MOUNT_ATTR_NODEV 0x04
#define CLX_MOUNT_ATTR_NOEXEC 0x08
#define CLX_MS_RDONLY 0x01
#define CLX_MS_NOSUID 0x02
#define CLX_MS_NODEV 0x04
#define CLX_MS_NOEXEC 0x08
#define CLX_MS_REMOUNT 0x20
#define CLX_MS_BIND 0x1000
#define CLX_MS_MOVE 0x2000
#define CLX_MS_REC 0x4000
#define CLX_MS_PRIVATE 0x40000
#define CLX_MNT_DETACH 2

/// Whether the descriptor is of the root of a mount (statx(2), STATX_ATTR_MOUNT_ROOT, Linux 5.8); false where that can't be
/// told.
bool clx_is_mount_root(int descriptor);

/// fsopen(2) with FSOPEN_CLOEXEC (Linux 5.2). Returns the descriptor of a file system to be configured, or -1 with errno.
int clx_fsopen(const char *type);

/// fsconfig(2), FSCONFIG_SET_STRING and FSCONFIG_CMD_CREATE. Return 0, or -1 with errno.
int clx_fsconfig_string(int context, const char *key, const char *value);
int clx_fsconfig_create(int context);

/// fsmount(2) with FSMOUNT_CLOEXEC; `attributes` are CLX_MOUNT_ATTR_*. Returns the root of a mount that is nowhere yet, as
/// an O_PATH descriptor whose last close unmounts it, or -1 with errno.
int clx_fsmount(int context, uint32_t attributes);

/// open_tree(2) with OPEN_TREE_CLOEXEC (Linux 5.2). Returns an O_PATH descriptor, or -1 with errno.
int clx_open_tree(int directory, const char *path, uint32_t flags);

/// move_mount(2) (Linux 5.2). Returns 0, or -1 with errno.
int clx_move_mount(int from_directory, const char *from_path, int to_directory, const char *to_path, uint32_t flags);

/// mount_setattr(2) (Linux 5.12); `propagation` is 0 or CLX_MS_PRIVATE. Returns 0, or -1 with errno.
int clx_mount_setattr(
    int directory, const char *path, uint32_t flags, uint64_t set, uint64_t clear, uint64_t propagation);

/// The ID of the mount that `descriptor` is in (statx(2), Linux 5.8), or 0 where the kernel does not tell.
uint64_t clx_mount_id(int descriptor);

/// mount(2) and umount2(2); flags are CLX_MS_* and CLX_MNT_*. Return 0, or -1 with errno.
int clx_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data);
int clx_umount(const char *target, int flags);

/// The version of the cgroup file system that a file is in: 1 or 2, 0 where it is in another one, or -1 with errno.
int clx_cgroup_version(int descriptor);

// Flags of BPF_PROG_ATTACH; bpf.c asserts that they equal the kernel's.
#define CLX_BPF_ALLOW_OVERRIDE 0x1
#define CLX_BPF_ALLOW_MULTI 0x2
#define CLX_BPF_REPLACE 0x4

// bpf(2), for programs of cgroups that decide on devices (BPF_CGROUP_DEVICE). `cgroup` is a directory open for reading. All
// return -1 with errno where they fail.

/// BPF_PROG_QUERY: the programs attached to the cgroup itself. `count` is the room in `ids`, and then how many there are
/// (with ENOSPC, too); `flags` is what they are attached with.
int clx_bpf_query_device_programs(int cgroup, uint32_t *ids, uint32_t *count, uint32_t *flags);

/// BPF_PROG_GET_FD_BY_ID. Returns a descriptor, close-on-exec as all of bpf(2)'s are.
int clx_bpf_open_program(uint32_t id);

/// BPF_OBJ_GET_INFO_BY_FD: a program's number and its instructions as the verifier left them. `size` is the room in bytes,
/// and then the program's size; `hidden` is whether the kernel kept the instructions back.
int clx_bpf_read_program(int program, uint64_t *instructions, uint32_t *size, uint32_t *id, bool *hidden);

/// BPF_PROG_LOAD. Returns a descriptor.
int clx_bpf_load_device_program(const uint64_t *instructions, uint32_t count, const char *license);

/// BPF_PROG_ATTACH; `replaced` counts with CLX_BPF_REPLACE only.
int clx_bpf_attach_device_program(int cgroup, int program, uint32_t flags, int replaced);

/// BPF_PROG_DETACH of one of several programs.
int clx_bpf_detach_device_program(int cgroup, int program);

/// Where the running program lies, for one that was started from another place than that (CSeal); NULL for one that was
/// not, whose path /proc/self/exe names. Borrowed for the life of the process.
const char *clx_program_path(void);
void clx_set_program_path(const char *path);

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

/// setns(2) with CLONE_NEWNS. Returns 0, or -1 with errno.
int clx_join_mount_namespace(int descriptor);

/// Whether the file is in a procfs: 1 or 0, or -1 with errno.
int clx_is_procfs(int descriptor);

unsigned int clx_major(uint64_t device);
unsigned int clx_minor(uint64_t device);
uint64_t clx_makedev(unsigned int major, unsigned int minor);

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

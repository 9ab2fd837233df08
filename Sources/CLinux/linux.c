// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

_Static_assert(CLX_O_PATH == O_PATH, "O_PATH");
_Static_assert(CLX_AT_EMPTY_PATH == AT_EMPTY_PATH, "AT_EMPTY_PATH");
_Static_assert(CLX_RESOLVE_NO_XDEV == RESOLVE_NO_XDEV, "RESOLVE_NO_XDEV");
_Static_assert(CLX_RESOLVE_NO_MAGICLINKS == RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS");
_Static_assert(CLX_RESOLVE_NO_SYMLINKS == RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS");
_Static_assert(CLX_RESOLVE_BENEATH == RESOLVE_BENEATH, "RESOLVE_BENEATH");
_Static_assert(CLX_RESOLVE_IN_ROOT == RESOLVE_IN_ROOT, "RESOLVE_IN_ROOT");

int clx_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int clx_openat(int directory, const char *path, int flags, uint32_t mode) { return openat(directory, path, flags, mode); }

int64_t clx_getdents64(int directory, void *buffer, uint64_t size) { return syscall(SYS_getdents64, directory, buffer, size); }

unsigned int clx_major(uint64_t device) { return major(device); }
unsigned int clx_minor(uint64_t device) { return minor(device); }
uint64_t clx_makedev(unsigned int major, unsigned int minor) { return makedev(major, minor); }

int clx_make_character_device(int directory, const char *name, uint32_t mode, uint64_t device) {
    // The umask is the whole process's: two threads that take it away and put it back must not meet.
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&lock);
    mode_t mask = umask(0);
    int result = mknodat(directory, name, S_IFCHR | (mode_t)mode, (dev_t)device);
    int error = errno;
    (void)umask(mask);
    (void)pthread_mutex_unlock(&lock);
    errno = error;
    return result;
}

bool clx_is_secure_execution(void) { return getauxval(AT_SECURE) != 0; }

static const char *program_path;

void clx_set_program_path(const char *path) { program_path = path; }
const char *clx_program_path(void) { return program_path; }

// SPDX-License-Identifier: Apache-2.0
// A process in a container that can see us can open our file through /proc/PID/exe, keep it, and write to it once we have
// ended: then the host's next container runs what it wrote (CVE-2019-5736, CVE-2024-0135). So the program first starts
// itself again from a file that can't be written, whoever opens it. The best way that the kernel has:
//
// 1. the file itself, through a mount of its own that is read-only and attached nowhere (Linux 5.12);
// 2. the file itself, if it lies on a read-only mount already;
// 3. a copy in memory, sealed (Linux 3.17);
// 4. before that, a copy in /dev/shm that has no name and that nothing else is started from.
//
// If none works the program ends: it never goes on from the file as it is.
//
// The second start has an empty environment, for ours can come from a container image (CStart). That libc has not seen the
// foreign one either (GLIBC_TUNABLES, LD_LIBRARY_PATH) is why this runs before libc; besides, none of the program's other
// pages is touched yet, which makes the second start cheap. So there is no libc here: no function of it, no errno, no
// thread-local data, and no pointer in a constant, as the program is not relocated.
#define _GNU_SOURCE
#include "CLinux.h"
#include "CSeal.h"

#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

// Newer than the C libraries that this is built with may be. The numbers are the same on all architectures.
#define NR_OPEN_TREE 428
#define NR_MOUNT_SETATTR 442
#define OPEN_TREE_CLONE_CLOEXEC (1 | O_CLOEXEC)
#define MOUNT_READ_ONLY 1
#define MEMORY_FILE_CLOEXEC 1
#define MEMORY_FILE_ALLOW_SEALING 2
#define MEMORY_FILE_EXECUTABLE 0x10
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define SEAL_EXECUTABLE 0x20
#define STATFS_READ_ONLY 1

struct mount_attributes {
    unsigned long long set, clear, propagation, user_namespace;
};

/// Longer than the kernel makes any path.
static char path[4097];

#define OWN_FILE "/proc/self/exe"

static bool is_equal(const char *left, const char *right) {
    while (*left != 0 && *left == *right)
        left++, right++;
    return *left == *right;
}

static long open_file(const char *name, long flags, long mode) {
    return call(SYS_openat, AT_FDCWD, (long)name, flags | O_CLOEXEC, mode, 0);
}

static void close_file(long file) { (void)call(SYS_close, file, 0, 0, 0, 0); }

/// Adds `number` in decimal, and a NUL; returns the new end.
static char *add_number(char *end, long number) {
    char digits[24];
    int count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count > 0)
        *end++ = digits[--count];
    *end = 0;
    return end;
}

static char *add(char *end, const char *text) {
    while ((*end = *text++) != 0)
        end++;
    return end;
}

// Each of the following returns a descriptor of a file to start from, or an errno with the sign changed.

static long clone_mount(void) {
    long mount = call(NR_OPEN_TREE, AT_FDCWD, (long)OWN_FILE, OPEN_TREE_CLONE_CLOEXEC, 0, 0);
    if (mount < 0)
        return mount;
    struct mount_attributes attributes;
    attributes.set = MOUNT_READ_ONLY;
    attributes.clear = attributes.propagation = attributes.user_namespace = 0;
    long result = call(NR_MOUNT_SETATTR, mount, (long)"", AT_EMPTY_PATH, (long)&attributes, sizeof attributes);
    if (result == 0)
        return mount;
    close_file(mount);
    return result;
}

static long open_if_read_only(void) {
    long file = open_file(OWN_FILE, O_RDONLY, 0);
    if (file < 0)
        return file;
    struct statfs status;
    long result = call(SYS_fstatfs, file, (long)&status, 0, 0, 0);
    if (result == 0 && (status.f_flags & STATFS_READ_ONLY) != 0)
        return file;
    close_file(file);
    return result < 0 ? result : -EROFS;
}

/// Copies the program into `target`.
static long copy(long target) {
    long file = open_file(OWN_FILE, O_RDONLY, 0);
    if (file < 0)
        return file;
    long count;
    do
        count = call(SYS_sendfile, target, file, 0, 1 << 30, 0);
    while (count > 0 || count == -EINTR);
    close_file(file);
    return count;
}

static long make_memory_file(void) {
    long flags = MEMORY_FILE_CLOEXEC | MEMORY_FILE_ALLOW_SEALING;
    // Before Linux 6.3 there is no such flag, and every one can be executed.
    long file = call(SYS_memfd_create, (long)"nvidia-runtime", flags | MEMORY_FILE_EXECUTABLE, 0, 0, 0);
    if (file == -EINVAL)
        file = call(SYS_memfd_create, (long)"nvidia-runtime", flags, 0, 0, 0);
    if (file < 0)
        return file;
    long result = copy(file);
    if (result == 0)
        result = call(SYS_fchmod, file, 0500, 0, 0, 0);
    if (result == 0)
        result = call(SYS_fcntl, file, F_ADD_SEALS, SEALS | SEAL_EXECUTABLE, 0, 0);
    // Before Linux 6.3 the mode can't be sealed.
    if (result == -EINVAL)
        result = call(SYS_fcntl, file, F_ADD_SEALS, SEALS, 0, 0);
    if (result == 0)
        return file;
    close_file(file);
    return result;
}

/// Not sealed, but nobody's program: who writes to it changes a file that goes away with this process.
static long make_nameless_file(void) {
    char name[64], *end = add(name, "/dev/shm/.nvidia-runtime-");
    end = add_number(end, call(SYS_getpid, 0, 0, 0, 0, 0));
    long file = open_file(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0500);
    if (file < 0)
        return file;
    long result = call(SYS_unlinkat, AT_FDCWD, (long)name, 0, 0, 0);
    if (result == 0)
        result = copy(file);
    // A file that somebody could write can't be executed.
    (void)add_number(add(name, "/proc/self/fd/"), file);
    long reopened = result == 0 ? open_file(name, O_RDONLY, 0) : result;
    close_file(file);
    return reopened;
}

/// Starts `file`, which may be an error of one of the above. Returns an errno with the sign changed.
static long execute(long file, char **arguments) {
    if (file < 0)
        return file;
    char *environment[1] = {NULL};
    long result = call(SYS_execveat, file, (long)"", (long)arguments, (long)environment, AT_EMPTY_PATH);
    // Before Linux 3.19.
    if (result == -ENOSYS) {
        char name[64];
        (void)add_number(add(name, "/proc/self/fd/"), file);
        result = call(SYS_execve, (long)name, (long)arguments, (long)environment, 0, 0);
    }
    close_file(file);
    return result;
}

static void complain(const char *text) {
    long length = 0;
    while (text[length] != 0)
        length++;
    (void)call(SYS_write, 2, (long)text, length, 0, 0);
}

/// Ends the program with the line "NAME: `message`".
__attribute__((noreturn)) static void fail(const char *program, const char *message) {
    const char *name = program;
    for (const char *byte = program; *byte != 0; byte++)
        if (*byte == '/')
            name = byte + 1;
    complain(name);
    complain(": ");
    complain(message);
    complain("\n");
    for (;;)
        (void)call(SYS_exit_group, 1, 0, 0, 0, 0);
}

/// Starts the program again, from a file that can't be written, with the mark and the path before its own arguments.
__attribute__((noreturn)) static void seal(char **arguments, long count) {
    long length = call(SYS_readlinkat, AT_FDCWD, (long)OWN_FILE, (long)path, sizeof path - 1, 0);
    if (length <= 0)
        fail(arguments[0], "/proc is not mounted; mount proc on /proc and try again");
    path[length] = 0;

    char mark[] = CSEAL_MARK;
    char *marked[count + 3];
    marked[0] = arguments[0];
    marked[1] = mark;
    marked[2] = path;
    // With the NULL at the end.
    for (long index = 1; index <= count; index++)
        marked[index + 2] = arguments[index];

    char message[256];
    char *end = add(message, "NVR1806: can't make its own program unwritable: mount: errno ");
    end = add_number(end, -execute(clone_mount(), marked));
    (void)execute(open_if_read_only(), marked);
    long error = execute(make_memory_file(), marked);
    end = add_number(add(end, ", memory file: errno "), -error);
    // Only where memory files are not known. Where they are forbidden, that is not got round.
    if (error == -ENOSYS)
        end = add_number(add(end, ", file in /dev/shm: errno "), -execute(make_nameless_file(), marked));
    (void)add(end, "; it needs Linux 5.12 with CAP_SYS_ADMIN, or memfd_create(2)");
    fail(arguments[0], message);
}

/// Called by cseal_start with the stack as execve(2) leaves it: the number of arguments, then the arguments and a NULL, then
/// the environment. Returns where the stack begins for the C library.
long *cseal_enter(long *stack);

long *cseal_enter(long *stack) {
    long count = stack[0];
    char **arguments = (char **)(stack + 1);
    if (count < 1)
        fail("nvidia-runtime", "NVR1801: started without a name");
    if (count < 3 || !is_equal(arguments[1], CSEAL_MARK))
        seal(arguments, count);
    clx_set_program_path(arguments[2]);
    // It would be the number of a descriptor.
    (void)call(SYS_prctl, PR_SET_NAME, (long)"nvidia-runtime", 0, 0, 0);
    // The first argument takes the place of the path, and the number that of the mark.
    stack[3] = (long)arguments[0];
    stack[2] = count - 2;
    return stack + 2;
}

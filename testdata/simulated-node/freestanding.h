// SPDX-License-Identifier: Apache-2.0
// What the simulated libraries need of a C library, so that they need none: they can then be loaded by glibc and by
// musl, for 64 and for 32 bit, and are built without 32-bit headers.
#ifndef FREESTANDING_H
#define FREESTANDING_H

#define EXPORT __attribute__((visibility("default")))
#define PERMISSION_DENIED 1 // EPERM: what the device cgroup answers
#define NO_ENTRY 2          // ENOENT
#define NO_DEVICE 6         // ENXIO: the open was allowed, but no kernel module owns the node

#if defined(__x86_64__)
enum {
    SYS_READ = 0, SYS_WRITE = 1, SYS_CLOSE = 3, SYS_PAUSE = 34, SYS_FORK = 57, SYS_GETDENTS64 = 217, SYS_OPENAT = 257,
};
static inline long system_call(long number, long a, long b, long c, long d) {
    long result;
    register long fourth __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__i386__)
enum {
    SYS_FORK = 2, SYS_READ = 3, SYS_WRITE = 4, SYS_CLOSE = 6, SYS_PAUSE = 29, SYS_GETDENTS64 = 220, SYS_OPENAT = 295,
};
static inline long system_call(long number, long a, long b, long c, long d) {
    long result;
    __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
    return result;
}
#else
#error "the simulated node is for x86-64"
#endif

enum { OPEN_READ = 0, OPEN_READ_WRITE = 2, OPEN_APPEND = 02001, CURRENT_FOLDER = -100 };

// A descriptor, or a negative errno.
static inline int open_file(const char *path, int flags) {
    return (int)system_call(SYS_OPENAT, CURRENT_FOLDER, (long)path, flags, 0);
}

static inline void close_file(int descriptor) { system_call(SYS_CLOSE, descriptor, 0, 0, 0); }

// Reads up to `size - 1` bytes and ends them with a NUL; the number read, or a negative errno.
static inline int read_file(const char *path, char *buffer, int size) {
    int descriptor = open_file(path, OPEN_READ), length = 0;
    if (descriptor < 0) return descriptor;
    while (length < size - 1) {
        long n = system_call(SYS_READ, descriptor, (long)(buffer + length), size - 1 - length, 0);
        if (n <= 0) break;
        length += (int)n;
    }
    close_file(descriptor);
    buffer[length] = 0;
    return length;
}

static inline int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

// Copies with its NUL and gives the end; the caller's buffer is large enough by construction.
static inline char *append(char *to, const char *from) {
    while ((*to = *from)) to++, from++;
    return to;
}

static inline char *append_number(char *to, unsigned value) {
    char digits[12], *p = digits + sizeof digits - 1;
    *p = 0;
    do *--p = (char)('0' + value % 10); while (value /= 10);
    return append(to, p);
}

// Whether this process may use a device node: it opens, or only the kernel module behind it is missing.
static inline int node_answer(const char *path) {
    int descriptor = open_file(path, OPEN_READ_WRITE);
    if (descriptor >= 0) close_file(descriptor);
    return descriptor >= 0 || descriptor == -NO_DEVICE ? 0 : -descriptor;
}

static inline int gpu_answer(unsigned minor) {
    char path[32];
    append_number(append(path, "/dev/nvidia"), minor);
    return node_answer(path);
}

enum { MAXIMUM_GPUS = 32 };

#endif

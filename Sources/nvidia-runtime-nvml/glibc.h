// SPDX-License-Identifier: Apache-2.0
// Included by every file that calls dlopen and its kin: binds them to the versions that glibc has had from the start.
//
// glibc 2.34 moved them from libdl.so.2 into libc.so.6 under a new version, so a program that is built on a later one does
// not start on an older one (CentOS 7 has 2.17, RHEL 8 has 2.28, Ubuntu 20.04 has 2.31). The old versions are still
// there. Makefile links with libdl.so.2, where older ones have them.
#pragma once

#if defined(__x86_64__)
#define OLDEST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define OLDEST_GLIBC "GLIBC_2.17"
#else
#error "not ported to this architecture: glibc's first symbol version for it is needed here"
#endif

__asm__(".symver dlopen, dlopen@" OLDEST_GLIBC);
__asm__(".symver dlsym, dlsym@" OLDEST_GLIBC);
__asm__(".symver dlerror, dlerror@" OLDEST_GLIBC);

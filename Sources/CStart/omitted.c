// SPDX-License-Identifier: Apache-2.0
// What a static link would take from the Swift runtime and libstdc++ although neither program has a use for it. Each
// definition here keeps the archive member that has the same one out of the link. A toolchain that needs more of such a
// member fails to link, with a duplicate symbol, and nothing is hidden.
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// The crash handler (stdlib/public/runtime/Backtrace.cpp, CrashHandlerLinux.cpp): 100 KB, and 0.05 ms of each start.
/// It would execute what the environment names; without it nothing in the program can. swiftrt.o asks for the function
/// to have the handler linked.
bool _swift_backtrace_isThunkFunction(const char *name);
bool _swift_backtrace_isThunkFunction(const char *name) {
    (void)name;
    return false;
}

/// The handler's settings, whose first member is whether it is on; Errors.cpp reads that one alone.
extern const int _swift_backtraceSettings[1];
const int _swift_backtraceSettings[1] = {0};

/// Names of C++ functions in a message about a crash: 45 KB. Says that it is no such name, and the name is shown as it is.
char *__cxa_demangle(const char *name, char *buffer, size_t *size, int *status);
char *__cxa_demangle(const char *name, char *buffer, size_t *size, int *status) {
    (void)name;
    (void)buffer;
    (void)size;
    if (status != NULL)
        *status = -2;
    return NULL;
}

/// The names of all Unicode scalars: 550 KB. Unicode.Scalar.Properties.name is nil for every scalar. By --wrap (see
/// Package.swift), since the same member of the archive has tables that stay.
intptr_t __wrap__swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, intptr_t capacity);
intptr_t __wrap__swift_stdlib_getScalarName(uint32_t scalar, uint8_t *buffer, intptr_t capacity) {
    (void)scalar;
    (void)buffer;
    (void)capacity;
    return 0;
}

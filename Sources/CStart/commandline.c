// SPDX-License-Identifier: Apache-2.0
// The Swift runtime's own way to the arguments on Linux is a constructor that reads /proc/self/maps to find the stack
// (stdlib/public/CommandLineSupport/CommandLine.cpp), about 40 microseconds of each start. Its two functions are defined
// here, where the arguments are known, so that a static link leaves that file out.
#include "CStart.h"

char **_swift_stdlib_getUnsafeArgvArgc(int *count);
void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int count);

char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = cstart_argument_count();
    return (char **)cstart_arguments();
}

void _swift_stdlib_overrideUnsafeArgvArgc(char **arguments, int count) {
    (void)arguments;
    (void)count;
}

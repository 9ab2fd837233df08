// SPDX-License-Identifier: Apache-2.0
#include "glibc.h"

typedef int main_function(int, char **, char **);
typedef void plain_function(void);

int oldest_libc_start_main(
    main_function *, int, char **, plain_function *, plain_function *, plain_function *, void *stack_end);
__asm__(".symver oldest_libc_start_main, __libc_start_main@" OLDEST_GLIBC);

/// What the compiler's start file calls (linked with --wrap). Since glibc 2.34 it gives no `initialize`; older ones then
/// run no constructors of this program, which has none.
int __wrap___libc_start_main(
    main_function *main, int count, char **arguments, plain_function *initialize, plain_function *finalize,
    plain_function *finalize_loader, void *stack_end) {
    return oldest_libc_start_main(main, count, arguments, initialize, finalize, finalize_loader, stack_end);
}

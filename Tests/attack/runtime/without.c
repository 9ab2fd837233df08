// SPDX-License-Identifier: Apache-2.0
// without NAME[,NAME...] ERRNO COMMAND...: runs the command as on a kernel, or in a sandbox such as gVisor, that
// answers these system calls with the error. Unlike strace's injection it costs nothing and is there for children too.
//
// Build it with: cc -O2 -static -o without without.c -lseccomp
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count < 4) return 120;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL) return 121;
    for (char *name = strtok(arguments[1], ","); name != NULL; name = strtok(NULL, ",")) {
        int number = seccomp_syscall_resolve_name(name);
        uint32_t action = SCMP_ACT_ERRNO((unsigned)atoi(arguments[2]));
        if (number == __NR_SCMP_ERROR || seccomp_rule_add(filter, action, number, 0) != 0) {
            fprintf(stderr, "without: no system call %s\n", name);
            return 122;
        }
    }
    // The command may be one that no_new_privs would hinder.
    if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0) != 0 || seccomp_load(filter) != 0) return 123;
    execvp(arguments[3], arguments + 3);
    return 124;
}

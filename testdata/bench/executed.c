// SPDX-License-Identifier: Apache-2.0
// executed PROGRAM [ARGUMENT...]: runs the static, position-independent PROGRAM instruction by instruction until it executes
// another or ends, and prints the offset of each instruction in it (hexadecimal) when it comes up for the first time.
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGEST_PROGRAM (64UL << 20)

static bool seen[LARGEST_PROGRAM];

static unsigned long program_counter(pid_t process) {
    struct user_regs_struct registers;
    struct iovec buffer = {&registers, sizeof registers};
    if (ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &buffer) != 0)
        return 0;
#ifdef __aarch64__
    return registers.pc;
#else
    return registers.rip;
#endif
}

static unsigned long entry_point(const char *program) {
    Elf64_Ehdr header = {0};
    int file = open(program, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, &header, sizeof header) != sizeof header)
        return 0;
    (void)close(file);
    return header.e_entry;
}

int main(int argc, char **argv) {
    int status;
    pid_t process = argc > 1 ? fork() : -1;
    if (process == 0) {
        (void)personality(ADDR_NO_RANDOMIZE);
        (void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
        (void)execv(argv[1], argv + 1);
        _exit(127);
    }
    if (process < 0 || waitpid(process, &status, 0) != process || !WIFSTOPPED(status))
        return 125;
    (void)ptrace(PTRACE_SETOPTIONS, process, NULL, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
    const unsigned long base = program_counter(process) - entry_point(argv[1]);
    while (WIFSTOPPED(status) && status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
        unsigned long offset = program_counter(process) - base;
        if (offset < LARGEST_PROGRAM && !seen[offset]) {
            seen[offset] = true;
            printf("%lx\n", offset);
        }
        if (ptrace(PTRACE_SINGLESTEP, process, NULL, NULL) != 0 || waitpid(process, &status, 0) != process)
            return 125;
    }
    return 0;
}

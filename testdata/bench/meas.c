// SPDX-License-Identifier: Apache-2.0
// meas [-i STDIN-FILE] PROGRAM [ARGUMENT...]: runs the program once and prints what it took:
// wall time and processor time in microseconds, peak resident memory in KiB, exit status.
//
// Static and small, so that starting the child is cheap and the child's peak memory is its own: vfork(2) copies nothing,
// and the peak that wait4(2) reports counts from before execve(2).
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double microseconds(struct timespec time) { return time.tv_sec * 1e6 + time.tv_nsec / 1e3; }

int main(int argc, char **argv) {
    bool has_input = argc > 3 && strcmp(argv[1], "-i") == 0;
    const char *input = has_input ? argv[2] : "/dev/null";
    char **const command = argv + (has_input ? 3 : 1);
    int in = open(input, O_RDONLY | O_CLOEXEC), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (*command == NULL || in < 0 || out < 0)
        return 125;
    struct timespec start, end;
    struct rusage usage;
    int status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = vfork();
    if (child == 0) {
        dup2(in, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        execv(*command, command);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child)
        return 125;
    clock_gettime(CLOCK_MONOTONIC, &end);
    double processor = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    printf("%.1f %.0f %ld %d\n", microseconds(end) - microseconds(start), processor, usage.ru_maxrss,
           WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

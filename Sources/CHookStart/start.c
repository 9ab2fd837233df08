// SPDX-License-Identifier: Apache-2.0
// Runs before every Swift constructor of the hook, after CStart's constructor.
//
// A hook starts with what the low-level runtime left open and set: runc leaves its synchronisation socket, its log pipe
// and exec.fifo in descriptors 3 to 5 of a createContainer hook. None of it is the hook's business.
#define _GNU_SOURCE
#include "CHookStart.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

static void close_inherited_descriptors(void) {
    if (syscall(SYS_close_range, 3, ~0U, 0) == 0)
        return;
    // Before Linux 5.9. Closing while reading is fine: procfs lists by descriptor number.
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        // Because there are too many open already, for one.
        struct rlimit limit = {0, 0};
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        for (rlim_t descriptor = 3; descriptor < limit.rlim_cur && descriptor < 1 << 20; descriptor++)
            (void)close((int)descriptor);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        int descriptor = atoi(entry->d_name);
        if (descriptor > 2 && descriptor != dirfd(directory))
            (void)close(descriptor);
    }
    (void)closedir(directory);
}

/// Children of the hook end with it: each asks the kernel for that (PR_SET_PDEATHSIG).
static void end_at_time_limit(int signal) {
    (void)signal;
    static const char message[] = "nvidia-runtime-hook: NVR1807: gave up after 10 s; see whether all file systems of the "
                                  "container answer\n";
    _Static_assert(CHOOKSTART_TIME_LIMIT == 10, "the message names the limit");
    (void)!write(STDERR_FILENO, message, sizeof message - 1);
    _exit(1);
}

/// Every signal gets its default action, so that a trap kills at once; a standard error that nobody reads must not.
static void reset_signals(void) {
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

__attribute__((constructor(102))) static void start(void) {
    close_inherited_descriptors();
    reset_signals();
    (void)signal(SIGALRM, end_at_time_limit);
    (void)alarm(CHOOKSTART_TIME_LIMIT);
    (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)umask(022);
}

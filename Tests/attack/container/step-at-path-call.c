// SPDX-License-Identifier: Apache-2.0
// Runs a program once for each of its calls that take a path, or change what a path leads to, and has something happen
// exactly before that call: the race that others have to win by chance.
//   step-at-path-call --swap A B | --kill  [--back] [--swapped-first] [--watch DIR] SCENE -- PROGRAM...
// --swap: A and B change places before the Nth call, for N = 1, 2, ... until the program ends before it; with --back
// they change back before the one after it; with --swapped-first they had changed places before. --kill: SIGKILL then.
// Descendants count too. --only N takes that one step. Prints the number of the calls, how often each exit status came,
// and each N at which the watched folder changed.
#include "race.h"

#include <sys/ptrace.h>
#include <sys/wait.h>

#ifndef PTRACE_EVENT_SECCOMP
#define PTRACE_EVENT_SECCOMP 7
#endif

static const int path_calls[] = {
    SYS_openat, SYS_openat2, SYS_newfstatat, SYS_statx, SYS_mkdirat, SYS_symlinkat, SYS_readlinkat, SYS_unlinkat,
    SYS_renameat, SYS_renameat2, SYS_linkat, SYS_mknodat, SYS_fchmodat, SYS_fchownat, SYS_faccessat, SYS_faccessat2,
    SYS_utimensat, SYS_chroot, SYS_chdir, SYS_fchdir, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_open_tree,
    SYS_move_mount, SYS_mount_setattr, SYS_execveat,
#ifdef SYS_open
    SYS_open, SYS_stat, SYS_lstat, SYS_mkdir, SYS_symlink, SYS_readlink, SYS_unlink, SYS_rename, SYS_rmdir, SYS_chmod,
    SYS_chown, SYS_access, SYS_link,
#endif
};

struct plan {
    const char *one, *other;
    bool kills, back, swapped_first;
};

/// Runs the program and acts before call `number`. Returns how many calls there were, and the status.
static int step(struct scene *scene, const struct plan *plan, int number, int *result) {
    clean_up(scene);
    enter_mounts(scene);
    bool swapped = false, acted = false;
    if (plan->one != NULL && plan->swapped_first)
        swapped ^= exchange(plan->one, plan->other);
    pid_t child = fork();
    if (child == 0) {
        redirect(scene->state, scene->log);
        (void)ptrace(PTRACE_TRACEME, 0, 0, 0);
        (void)raise(SIGSTOP);
        // Only these stop the program, so that a step costs little.
        filter_calls(scene, path_calls, sizeof path_calls / sizeof *path_calls);
        (void)execve(scene->program[0], scene->program, (char *[]){NULL});
        _exit(126);
    }
    int status, calls = 0;
    if (waitpid(child, &status, 0) != child)
        err(2, "start");
    long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                   PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    (void)ptrace(PTRACE_SETOPTIONS, child, 0, options);
    (void)ptrace(PTRACE_CONT, child, 0, 0);
    pid_t stopped;
    while ((stopped = waitpid(-1, &status, __WALL)) > 0) {
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            if (stopped == child)
                *result = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
            continue;
        }
        int event = status >> 16, delivered = 0;
        if (event == PTRACE_EVENT_SECCOMP) {
            calls++;
            if (calls == number && plan->kills) {
                acted = true;
                (void)kill(stopped, SIGKILL);
                continue;
            }
            if (plan->one != NULL && (calls == number || (plan->back && acted && calls == number + 1))) {
                acted = true;
                swapped ^= exchange(plan->one, plan->other);
            }
        } else if (event == 0 && WSTOPSIG(status) != SIGSTOP) {
            delivered = WSTOPSIG(status);
        }
        (void)ptrace(PTRACE_CONT, stopped, 0, delivered);
    }
    if (swapped)
        (void)exchange(plan->one, plan->other);
    leave_mounts(scene, *result);
    return acted ? calls : -calls;
}

int main(int count, char **arguments) {
    struct scene scene = {.root = -1};
    struct plan plan = {0};
    const char *watched = NULL;
    int index = 1, number = 0, last = 5000;
    for (; index + 1 < count && strcmp(arguments[index], "--") != 0; index++) {
        const char *name = arguments[index];
        if (strcmp(name, "--kill") == 0)
            plan.kills = true;
        else if (strcmp(name, "--back") == 0)
            plan.back = true;
        else if (strcmp(name, "--swapped-first") == 0)
            plan.swapped_first = true;
        else if (take_flag(&scene, name))
            continue;
        else if (strcmp(name, "--only") == 0)
            number = (last = atoi(arguments[++index])) - 1;
        else if (strcmp(name, "--swap") == 0) {
            plan.one = arguments[++index];
            plan.other = arguments[++index];
        } else if (strcmp(name, "--watch") == 0)
            watched = arguments[++index];
        else if (!take(&scene, name, arguments[++index]))
            errx(2, "%s", name);
    }
    scene.program = arguments + index + 1;
    pin(0);
    unsigned codes[512] = {0};
    int calls, result;
    struct stat before = {0}, after = {0};
    printf("{\"violations\": [");
    const char *separator = "";
    do {
        if (watched != NULL)
            (void)lstat(watched, &before);
        result = 126;
        calls = step(&scene, &plan, ++number, &result);
        codes[256 + result]++;
        if (watched != NULL && lstat(watched, &after) == 0 && (after.st_ctim.tv_sec != before.st_ctim.tv_sec ||
                                                             after.st_ctim.tv_nsec != before.st_ctim.tv_nsec)) {
            printf("%s%d", separator, number);
            separator = ", ";
        }
    } while (calls > 0 && number < last);
    printf("], \"steps\": %d, \"left\": %d, \"codes\": {", calls > 0 ? number : number - 1, scene.left);
    separator = "";
    for (int each = 0; each < 512; each++)
        if (codes[each]) {
            printf("%s\"%d\": %u", separator, each - 256, codes[each]);
            separator = ", ";
        }
    printf("}}\n");
}

// SPDX-License-Identifier: Apache-2.0
// What the programs of the races share: starting the program under attack, and undoing what it did.
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/// To one processor: 0 for the first that is allowed, 1 for the last.
static inline void pin(int last) {
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        err(2, "sched_getaffinity");
    int chosen = -1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &allowed) && (last || chosen < 0))
            chosen = cpu;
    CPU_ZERO(&one);
    CPU_SET(chosen, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        err(2, "sched_setaffinity");
}

static inline double seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/// Exchanges two names. False where one is missing just now.
static inline bool exchange(const char *one, const char *other) {
    return syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, other, 2 /* RENAME_EXCHANGE */) == 0;
}

/// Removes a file, a link or an empty directory below `root`, if no part of the way is a link: nothing must be
/// cleaned up in the canary while a link to it is there.
static inline void clean(int root, const char *path) {
    char copy[4096];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int directory = dup(root);
    char *name = copy, *slash;
    while (directory >= 0 && (slash = strchr(name, '/')) != NULL) {
        *slash = 0;
        int next = openat(directory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(directory);
        directory = next;
        name = slash + 1;
    }
    if (directory < 0)
        return;
    if (unlinkat(directory, name, 0) != 0 && (errno == EISDIR || errno == EPERM))
        (void)unlinkat(directory, name, AT_REMOVEDIR);
    (void)close(directory);
}

/// The program's standard streams: its state from a file, and what it says to the end of another.
static inline void redirect(const char *state, const char *log) {
    int input = open(state, O_RDONLY), output = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (input < 0 || output < 0)
        _exit(126);
    (void)dup2(input, 0);
    (void)dup2(output, 1);
    (void)dup2(output, 2);
    (void)close(input);
    (void)close(output);
}

/// Options that both take: --state FILE, --log FILE, --root DIR, --clean PATH (again and again), --no-openat2 and
/// --old-mounts (these calls are not there), --mounts FILE (each run has a mount namespace of its own, with a mount at the
/// root; each mount that was made by one is written to FILE once), then -- PROGRAM...
struct scene {
    const char *state, *log, *cleaned[64], *root_path;
    int root, cleaned_count;
    bool without_openat2, has_old_mounts;
    char **program;
    // Of --mounts.
    FILE *mounts;
    int home, seen_count;
    char *before, *seen[1024];
    // How many mounts runs left that failed.
    int left;
};

static inline void clean_up(const struct scene *scene) {
    for (int index = 0; index < scene->cleaned_count; index++)
        clean(scene->root, scene->cleaned[index]);
}

/// Takes an option with a value; false where it is none of these.
static inline bool take(struct scene *scene, const char *name, const char *value) {
    if (strcmp(name, "--state") == 0)
        scene->state = value;
    else if (strcmp(name, "--log") == 0)
        scene->log = value;
    else if (strcmp(name, "--root") == 0)
        scene->root = open(scene->root_path = value, O_PATH | O_DIRECTORY | O_CLOEXEC);
    else if (strcmp(name, "--clean") == 0 && scene->cleaned_count < 64)
        scene->cleaned[scene->cleaned_count++] = value;
    else if (strcmp(name, "--mounts") == 0) {
        scene->mounts = fopen(value, "we");
        scene->home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    } else
        return false;
    return true;
}

/// Takes an option without a value; false where it is none of these.
static inline bool take_flag(struct scene *scene, const char *name) {
    if (strcmp(name, "--no-openat2") == 0)
        scene->without_openat2 = true;
    else if (strcmp(name, "--old-mounts") == 0)
        scene->has_old_mounts = true;
    else
        return false;
    return true;
}

/// Whether a call is not there.
static inline bool is_denied(const struct scene *scene, int number) {
    bool mounts = number == SYS_open_tree || number == SYS_move_mount || number == SYS_fsopen ||
                  number == SYS_mount_setattr;
    return (scene->without_openat2 && number == SYS_openat2) || (scene->has_old_mounts && mounts);
}

/// Has these calls stop a tracer, if there are any, and those that are not there fail with ENOSYS.
static inline void filter_calls(const struct scene *scene, const int *stopping, int count) {
    static const int may_be_denied[] = {SYS_openat2, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_mount_setattr};
    struct sock_filter code[256];
    int length = 0, denied = sizeof may_be_denied / sizeof *may_be_denied;
    code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int index = 0; index < denied + count && length < 250; index++) {
        int number = index < denied ? may_be_denied[index] : stopping[index - denied];
        // A call that is denied does not stop: it is made again by other means anyway.
        unsigned answer = is_denied(scene, number) ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_TRACE;
        if (index < denied && answer == SECCOMP_RET_TRACE)
            continue;
        code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
        code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answer);
    }
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {(unsigned short)length, code};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(126);
}

/// The whole file /proc/self/mountinfo.
static inline char *mount_table(void) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen("/proc/self/mountinfo", "re");
    if (file == NULL || getdelim(&text, &size, 0, file) < 0)
        err(2, "mountinfo");
    (void)fclose(file);
    return text;
}

/// Before a run: into a new mount namespace.
static inline void enter_mounts(struct scene *scene) {
    if (scene->mounts == NULL)
        return;
    const char *root = scene->root_path;
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(root, root, NULL, MS_BIND, NULL) != 0)
        err(2, "make a mount namespace");
    scene->before = mount_table();
}

/// After a run with this result: notes what it mounted, and goes back.
static inline void leave_mounts(struct scene *scene, int result) {
    if (scene->mounts == NULL)
        return;
    char *after = mount_table(), *rest = after, *line;
    while ((line = strsep(&rest, "\n")) != NULL && *line != 0) {
        if (strstr(scene->before, line) != NULL)
            continue;
        scene->left += result != 0;
        char device[64], root[4096], place[4096], type[64] = "", noted[8400];
        const char *end = strstr(line, " - ");
        if (sscanf(line, "%*s %*s %63s %4095s %4095s", device, root, place) != 3 || end == NULL ||
            sscanf(end, " - %63s", type) != 1)
            errx(2, "%s", line);
        // A new tmpfs has another number each time.
        bool is_new = strcmp(type, "tmpfs") == 0 && strcmp(root, "/") == 0;
        (void)snprintf(noted, sizeof noted, "%s %s %s", is_new ? "tmpfs" : device, root, place);
        int index = 0;
        while (index < scene->seen_count && strcmp(scene->seen[index], noted) != 0)
            index++;
        if (index < scene->seen_count)
            continue;
        if (index == 1024)
            errx(2, "too many mounts");
        scene->seen[scene->seen_count++] = strdup(noted);
        (void)fprintf(scene->mounts, "%s\n", noted);
        (void)fflush(scene->mounts);
    }
    free(after);
    free(scene->before);
    if (setns(scene->home, CLONE_NEWNS) != 0)
        err(2, "leave a mount namespace");
}

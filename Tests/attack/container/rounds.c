// SPDX-License-Identifier: Apache-2.0
// Runs a program again and again, pinned to the first processor, and undoes what it made before each time.
//   rounds --count N --seconds S [--watch DIR]... SCENE -- PROGRAM...
// Ends at the first of the two limits, or when a watched folder changes. Prints the number of rounds, how often each
// exit status came (signals are negative), the longest time of one in milliseconds, whether a watched one changed, and how
// many mounts were left by runs that failed.
#include "race.h"

#include <sys/wait.h>

struct watch {
    const char *path;
    struct timespec changed;
};

static bool has_changed(const struct watch *watch) {
    struct stat status;
    return lstat(watch->path, &status) != 0 || status.st_ctim.tv_sec != watch->changed.tv_sec ||
           status.st_ctim.tv_nsec != watch->changed.tv_nsec;
}

int main(int count, char **arguments) {
    struct scene scene = {.root = -1};
    struct watch watched[16];
    int watched_count = 0, limit = 0, index = 1;
    double time_limit = 0;
    for (; index + 1 < count && strcmp(arguments[index], "--") != 0; index++) {
        const char *name = arguments[index];
        if (take_flag(&scene, name))
            continue;
        const char *value = arguments[++index];
        if (strcmp(name, "--count") == 0)
            limit = atoi(value);
        else if (strcmp(name, "--seconds") == 0)
            time_limit = atof(value);
        else if (strcmp(name, "--watch") == 0 && watched_count < 16) {
            struct stat status;
            if (lstat(value, &status) != 0)
                err(2, "%s", value);
            watched[watched_count++] = (struct watch){value, status.st_ctim};
        } else if (!take(&scene, name, value))
            errx(2, "%s", name);
    }
    scene.program = arguments + index + 1;
    pin(0);
    unsigned codes[256] = {0}, signals[65] = {0};
    double start = seconds(), longest = 0;
    int rounds = 0;
    bool changed = false;
    while (rounds < limit && seconds() - start < time_limit && !changed) {
        clean_up(&scene);
        enter_mounts(&scene);
        double began = seconds();
        pid_t child = fork();
        if (child == 0) {
            redirect(scene.state, scene.log);
            filter_calls(&scene, NULL, 0);
            (void)execve(scene.program[0], scene.program, (char *[]){NULL});
            _exit(126);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) < 0)
            err(2, "run");
        double took = seconds() - began;
        if (took > longest)
            longest = took;
        if (WIFEXITED(status))
            codes[WEXITSTATUS(status)]++;
        else
            signals[WTERMSIG(status)]++;
        leave_mounts(&scene, status);
        rounds++;
        for (int each = 0; each < watched_count; each++)
            changed |= has_changed(&watched[each]);
    }
    printf("{\"rounds\": %d, \"seconds\": %.2f, \"longest\": %.1f, \"changed\": %s, \"left\": %d, \"codes\": {",
           rounds, seconds() - start, longest * 1000, changed ? "true" : "false", scene.left);
    const char *separator = "";
    for (int each = 0; each < 256; each++)
        if (codes[each]) {
            printf("%s\"%d\": %u", separator, each, codes[each]);
            separator = ", ";
        }
    for (int each = 1; each < 65; each++)
        if (signals[each]) {
            printf("%s\"-%d\": %u", separator, each, signals[each]);
            separator = ", ";
        }
    printf("}}\n");
}

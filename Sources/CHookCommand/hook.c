// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk hook VERB ...` in a CDI specification is a hook in a container's start, and its environment can come from
// the image (runc before 1.3). nvidia-ctk's own runtime reads that in its constructors, so this one, which runs before
// them, hands the command line to the hook, with no environment at all.
#define _GNU_SOURCE
#include "CHookCommand.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/// As many arguments as a command line can have that is no mistake.
#define ARGUMENT_LIMIT 65536

static bool is_global_flag(const char *argument) {
    static const char *const names[] = {"debug", "d", "quiet", "q"};
    if (*argument != '-')
        return false;
    argument += argument[1] == '-' ? 2 : 1;
    size_t length = strcspn(argument, "=");
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (strlen(names[index]) == length && strncmp(argument, names[index], length) == 0)
            return true;
    return false;
}

/// The hook beside this program.
static bool find_beside(char path[static PATH_MAX]) {
    static const char name[] = "nvidia-runtime-hook";
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - sizeof name);
    if (length <= 0)
        return false;
    path[length] = 0;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return false;
    memcpy(slash + 1, name, sizeof name);
    return true;
}

__attribute__((constructor(101))) static void start(int argc, char **argv) {
    int position = 1;
    while (position < argc && is_global_flag(argv[position]))
        position++;
    if (position >= argc || argc > ARGUMENT_LIMIT || strcmp(argv[position], "hook") != 0)
        return;

    // The global flags stay in front of the verb; `hook` goes.
    static char program[] = "nvidia-cdi-hook";
    char *arguments[argc];
    int count = 0;
    arguments[count++] = program;
    for (int index = 1; index < argc; index++)
        if (index != position)
            arguments[count++] = argv[index];
    arguments[count] = NULL;

    char *environment[] = {NULL};
    char path[PATH_MAX];
    if (find_beside(path))
        (void)execve(path, arguments, environment);
    (void)execve(CHOOKCOMMAND_FOLDER "/nvidia-runtime-hook", arguments, environment);
    (void)dprintf(
        STDERR_FILENO, "nvidia-ctk: nvidia-runtime-hook can't be run, neither beside nvidia-ctk nor in %s: %s\n",
        CHOOKCOMMAND_FOLDER, strerror(errno));
    _exit(1);
}

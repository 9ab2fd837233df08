// SPDX-License-Identifier: Apache-2.0
// Runs before every Swift constructor of a program that links this target.
//
// The Swift runtime reads its environment in a constructor: SWIFT_DEBUG_* changes what it does, and where its crash
// handler is linked (omitted.c leaves it out), a trap executes whatever SWIFT_BACKTRACE or SWIFT_ROOT name. Our
// environment can come from a container image (runc before 1.3 gives it to createContainer hooks), so the runtime must
// never see it: the original is kept aside, for the low-level runtime, and `environ` becomes a constant. A constructor
// of priority 101 runs before those of the Swift runtime, so no second execve(2) is needed to be clean.
#define _GNU_SOURCE
#include "CStart.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int argument_count;
static char **arguments;
static char **original_environment;

/// No crash handler, should one ever be linked: without this it would run the swift-backtrace that lies beside the program.
static char backtrace_settings[] = "SWIFT_BACKTRACE=enable=no";
static char *clean_environment[] = {backtrace_settings, NULL};

int cstart_argument_count(void) { return argument_count; }
char *const *cstart_arguments(void) { return arguments; }
char *const *cstart_original_environment(void) { return original_environment; }

/// Opens /dev/null on each of the descriptors 0 to 2 that came closed, so that a file opened later can't become
/// somebody's standard error. They are close-on-exec: the low-level runtime gets its descriptors as we got ours.
static void fill_standard_descriptors(void) {
    struct stat status;
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fstat(descriptor, &status) != 0)
            (void)open("/dev/null", (descriptor == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
}

__attribute__((constructor(101))) static void start(int argc, char **argv, char **envp) {
    argument_count = argc;
    arguments = argv;
    original_environment = envp;
    environ = clean_environment;
    fill_standard_descriptors();
    if (access("/proc/self/exe", F_OK) != 0) {
        // The statically linked Swift runtime would abort without a word that helps.
        static const char message[] = "nvidia-runtime: /proc is not mounted; mount proc on /proc and try again\n";
        (void)!write(STDERR_FILENO, message, sizeof message - 1);
        _exit(1);
    }
}

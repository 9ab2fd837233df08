// SPDX-License-Identifier: Apache-2.0
// Runs a command again and again under one parent, and nothing else: loop COUNT CONFIG COMMAND... Before each run the
// file CONFIG gets the content back that it has now, so that each run has the same to do. It ends with 0 if all runs
// did, and prints how many did not, and the number of its own open descriptors before and after.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;
    while (directory != NULL && readdir(directory) != NULL)
        count++;
    if (directory != NULL)
        closedir(directory);
    return count;
}

static int write_file(const char *path, const char *text, ssize_t size) {
    int file = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0644);
    int result = file >= 0 && write(file, text, (size_t)size) == size ? 0 : -1;
    close(file);
    return result;
}

int main(int count, char **arguments) {
    static char text[1 << 20];
    if (count < 4)
        return 2;
    int file = open(arguments[2], O_RDONLY | O_CLOEXEC);
    ssize_t size = read(file, text, sizeof text);
    close(file);
    if (size <= 0)
        return 2;
    int before = count_descriptors(), failures = 0;
    for (long number = atol(arguments[1]); number > 0; number--) {
        pid_t process;
        int status;
        if (write_file(arguments[2], text, size) != 0 ||
            posix_spawnp(&process, arguments[3], NULL, NULL, arguments + 3, environ) != 0 ||
            waitpid(process, &status, 0) != process || status != 0)
            failures++;
    }
    printf("%d %d %d\n", failures, before, count_descriptors());
    return failures != 0;
}

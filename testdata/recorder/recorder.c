// SPDX-License-Identifier: Apache-2.0
// A low-level runtime for tests: it writes down what it was started with, and does nothing.
//
// The record goes to the file `record` beside the program (the environment has to stay as it was, so nothing can be said
// there): one fact a line, a name and values, bytes as hexadecimal. It exits with the number in the file `status` beside
// it, or 0, and prints "recorder" to standard output.
//
// Build it with: cc -O2 -static -o recorder recorder.c
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char record[1 << 25];
static size_t used;

static void add(const char *text) {
    size_t count = strlen(text);
    if (used + count < sizeof record) {
        memcpy(record + used, text, count);
        used += count;
    }
}

static void add_bytes(const char *bytes, size_t count) {
    char digits[3];
    for (size_t index = 0; index < count; index++) {
        snprintf(digits, sizeof digits, "%02x", (unsigned char)bytes[index]);
        add(digits);
    }
}

static void add_line(const char *name, const char *bytes) {
    add(name);
    add(" ");
    add_bytes(bytes, strlen(bytes));
    add("\n");
}

/// The lines of /proc/self/status that tell of signals, and the umask.
static void add_status(void) {
    char buffer[16384];
    int descriptor = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t count = read(descriptor, buffer, sizeof buffer - 1);
    close(descriptor);
    buffer[count > 0 ? count : 0] = 0;
    for (char *line = strtok(buffer, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (!strncmp(line, "SigBlk", 6) || !strncmp(line, "SigIgn", 6) || !strncmp(line, "Umask", 5)) {
            add(line);
            add("\n");
        }
}

static void add_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char target[PATH_MAX];
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(directory)) continue;
        ssize_t count = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
        add("fd ");
        add(entry->d_name);
        add(" ");
        add_bytes(target, count > 0 ? (size_t)count : 0);
        add("\n");
    }
    if (directory != NULL) closedir(directory);
}

/// The spec in the bundle that --bundle or -b names, as it is now.
static void add_spec(int count, char **arguments) {
    const char *bundle = ".";
    for (int index = 1; index + 1 < count; index++)
        if (!strcmp(arguments[index], "--bundle") || !strcmp(arguments[index], "-b")) bundle = arguments[index + 1];
    char path[PATH_MAX], text[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/config.json", bundle);
    int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &status) != 0) return;
    snprintf(text, sizeof text, "spec-status %llu %o %u %u %lld %ld.%09ld\n", (unsigned long long)status.st_ino,
             status.st_mode, status.st_uid, status.st_gid, (long long)status.st_size, (long)status.st_mtim.tv_sec,
             status.st_mtim.tv_nsec);
    add(text);
    add("spec ");
    for (char buffer[65536]; S_ISREG(status.st_mode);) {
        ssize_t got = read(descriptor, buffer, sizeof buffer);
        if (got <= 0) break;
        add_bytes(buffer, (size_t)got);
    }
    add("\n");
    close(descriptor);
}

/// The path of the file `name` beside this program.
static const char *beside(const char *name) {
    static char path[2 * PATH_MAX];
    ssize_t count = readlink("/proc/self/exe", path, PATH_MAX);
    path[count > 0 ? count : 0] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash == NULL ? path : slash + 1, name);
    return path;
}

int main(int count, char **arguments) {
    add_descriptors();
    add_status();
    for (int index = 0; index < count; index++) add_line("argument", arguments[index]);
    for (char **entry = environ; *entry != NULL; entry++) add_line("environment", *entry);
    char directory[PATH_MAX];
    add_line("directory", getcwd(directory, sizeof directory) == NULL ? "" : directory);
    add_spec(count, arguments);

    int descriptor = open(beside("record"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    for (size_t written = 0; written < used;) {
        ssize_t done = write(descriptor, record + written, used - written);
        if (done <= 0) return 125;
        written += (size_t)done;
    }
    (void)!write(STDOUT_FILENO, "recorder\n", 9);
    char status[16] = "0";
    descriptor = open(beside("status"), O_RDONLY | O_CLOEXEC);
    if (descriptor >= 0) (void)!read(descriptor, status, sizeof status - 1);
    return atoi(status);
}

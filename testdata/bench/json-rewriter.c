// SPDX-License-Identifier: Apache-2.0
// json-rewriter create --bundle BUNDLE ID: what an injection costs that has nothing to find out. It reads config.json, adds
// the devices, rules, mounts, variables and hooks that nvidia-runtime adds (additions.h is made from its output), replaces the
// file and becomes the low-level runtime. No check, no search, no error message.
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct device {
    const char *path;
    int major, minor, mode;
};
struct mount {
    const char *destination, *source;
    const char *const *options; // up to NULL
};

struct hook {
    const char *stage, *path;
    const char *const *arguments, *const *environment; // up to NULL
    int timeout;
};

#include "additions.h" // devices, mounts, hooks, environment

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct json_object *member(struct json_object *parent, const char *name, struct json_object *(*make)(void)) {
    struct json_object *found;
    if (json_object_object_get_ex(parent, name, &found))
        return found;
    found = make();
    json_object_object_add(parent, name, found);
    return found;
}

static struct json_object *strings(const char *const *texts) {
    struct json_object *array = json_object_new_array();
    for (; *texts != NULL; texts++)
        json_object_array_add(array, json_object_new_string(*texts));
    return array;
}

static void add_devices(struct json_object *linux_) {
    struct json_object *list = member(linux_, "devices", json_object_new_array);
    struct json_object *rules =
        member(member(linux_, "resources", json_object_new_object), "devices", json_object_new_array);
    for (size_t index = 0; index < COUNT(devices); index++) {
        const struct device *added = &devices[index];
        struct json_object *device = json_object_new_object(), *rule = json_object_new_object();
        json_object_object_add(device, "path", json_object_new_string(added->path));
        json_object_object_add(device, "type", json_object_new_string("c"));
        json_object_object_add(device, "major", json_object_new_int(added->major));
        json_object_object_add(device, "minor", json_object_new_int(added->minor));
        json_object_object_add(device, "fileMode", json_object_new_int(added->mode));
        json_object_object_add(device, "uid", json_object_new_int(0));
        json_object_object_add(device, "gid", json_object_new_int(0));
        json_object_array_add(list, device);
        json_object_object_add(rule, "allow", json_object_new_boolean(true));
        json_object_object_add(rule, "type", json_object_new_string("c"));
        json_object_object_add(rule, "major", json_object_new_int(added->major));
        json_object_object_add(rule, "minor", json_object_new_int(added->minor));
        json_object_object_add(rule, "access", json_object_new_string("rwm"));
        json_object_array_add(rules, rule);
    }
}

static void add_mounts(struct json_object *list) {
    for (size_t index = 0; index < COUNT(mounts); index++) {
        struct json_object *mount = json_object_new_object();
        json_object_object_add(mount, "destination", json_object_new_string(mounts[index].destination));
        json_object_object_add(mount, "type", json_object_new_string("bind"));
        json_object_object_add(mount, "source", json_object_new_string(mounts[index].source));
        json_object_object_add(mount, "options", strings(mounts[index].options));
        json_object_array_add(list, mount);
    }
}

static void add_hooks(struct json_object *lists) {
    for (size_t index = 0; index < COUNT(hooks); index++) {
        const struct hook *added = &hooks[index];
        struct json_object *hook = json_object_new_object();
        json_object_object_add(hook, "path", json_object_new_string(added->path));
        json_object_object_add(hook, "args", strings(added->arguments));
        json_object_object_add(hook, "env", strings(added->environment));
        json_object_object_add(hook, "timeout", json_object_new_int(added->timeout));
        json_object_array_add(member(lists, added->stage, json_object_new_array), hook);
    }
}

static void add_environment(struct json_object *list) {
    for (const char *const *entry = environment; *entry != NULL; entry++)
        json_object_array_add(list, json_object_new_string(*entry));
}

static char *read_file(const char *path) {
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        return NULL;
    char *text = malloc(status.st_size + 1);
    if (text == NULL || read(file, text, status.st_size) != status.st_size)
        return NULL;
    text[status.st_size] = 0;
    return text;
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    char path[PATH_MAX], temporary[PATH_MAX];
    snprintf(path, sizeof path, "%s/config.json", argv[3]);
    snprintf(temporary, sizeof temporary, "%s/.config.json.new", argv[3]);
    char *text = read_file(path);
    struct json_object *document = text != NULL ? json_tokener_parse(text) : NULL;
    if (document == NULL)
        return 1;
    add_devices(member(document, "linux", json_object_new_object));
    add_mounts(member(document, "mounts", json_object_new_array));
    add_hooks(member(document, "hooks", json_object_new_object));
    add_environment(member(member(document, "process", json_object_new_object), "env", json_object_new_array));
    const char *edited = json_object_to_json_string_ext(document, JSON_C_TO_STRING_PLAIN);
    size_t length = strlen(edited);
    int file = open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0 || write(file, edited, length) != (ssize_t)length || close(file) != 0 || rename(temporary, path) != 0)
        return 1;
    execv("/bin/true", argv);
    return 127;
}

// SPDX-License-Identifier: Apache-2.0
// How the simulated libnvidia-ml is told to misbehave. For nvml.c, of which it is a part.
//
// It can be told to misbehave by lines "key: value" in the file /run/simulated-nvml: with the name of a function as value,
// "fail" makes that function fail, "hang" makes it hang with a child that hangs too, and "crash" makes it crash; "lost" is
// the index of a GPU that is lost; "count" and "mig limit" are what the functions for them answer; "uuid" and "name" are
// every device's, "unterminated" being one without an end. Where there is a file /run/simulated-nvml.calls, a line is
// added to it by every nvmlInit.

// What /run/simulated-nvml says for a key.
static const char *setting(const char *key) {
    static char settings[512], value[96];
    if (read_file("/run/simulated-nvml", settings, sizeof settings) <= 0) return 0;
    return field(settings, key, value, sizeof value);
}

static Return behave(const char *function) {
    const char *name = setting("hang");
    if (name && same(name, function)) {
        system_call(SYS_FORK, 0, 0, 0, 0);
        for (;;) system_call(SYS_PAUSE, 0, 0, 0, 0);
    }
    if ((name = setting("crash")) && same(name, function)) __builtin_trap();
    return (name = setting("fail")) && same(name, function) ? UNKNOWN_ERROR : SUCCESS;
}

#define BEHAVE(function)                                                                                               \
    do {                                                                                                               \
        Return behaviour = behave(function);                                                                           \
        if (behaviour) return behaviour;                                                                               \
    } while (0)

static void count_call(void) {
    int descriptor = open_file("/run/simulated-nvml.calls", OPEN_APPEND);
    if (descriptor < 0) return;
    system_call(SYS_WRITE, descriptor, (long)"nvmlInit\n", 9, 0);
    close_file(descriptor);
}

// SPDX-License-Identifier: Apache-2.0
// A driver program that only has to be found, mounted and started. DRIVER_VERSION comes from the command line.
#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
    const char *name = count > 0 ? strrchr(arguments[0], '/') : NULL;
    printf("%s %s (simulated)\n", name ? name + 1 : count > 0 ? arguments[0] : "program", DRIVER_VERSION);
    return 0;
}

// SPDX-License-Identifier: Apache-2.0
// load NAME: loads the library NAME and prints what its driver_version() returns.
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    int (*version)(void) = library ? (int (*)(void))dlsym(library, "driver_version") : NULL;
    if (version == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    printf("%d\n", version());
    return 0;
}

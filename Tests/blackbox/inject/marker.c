// SPDX-License-Identifier: Apache-2.0
// Leaves a file behind wherever it is run or loaded: as a program, or as a library for LD_PRELOAD and LD_AUDIT.
// Build it with: cc -shared -fPIC -DMARKER='"/path"' for the library, cc -static for the program.
#include <fcntl.h>
#include <unistd.h>

__attribute__((constructor)) static void leave(void) { close(open(MARKER, O_WRONLY | O_CREAT, 0666)); }

unsigned la_version(unsigned version) {
    leave();
    return version;
}

int main(void) { return 0; }

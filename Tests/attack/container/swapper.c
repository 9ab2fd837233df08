// SPDX-License-Identifier: Apache-2.0
// Swaps files until it is killed, pinned to the last processor, as another container of the same volume can. SIGTERM
// makes it say how often it did and end.
//   swapper exchange A B        A and B change places
//   swapper appear A TARGET     A is missing, a link with that text, missing, and a directory; what was made in the
//                               directory meanwhile is moved to A.gone
//   swapper resize A SIZE       A has its size, and half, and none
//   swapper storm A B           A is renamed to B and back
#include "race.h"

static volatile sig_atomic_t ended;

static void end(int signal) {
    (void)signal;
    ended = 1;
}

int main(int count, char **arguments) {
    if (count != 4)
        errx(2, "exchange | appear | resize | storm A B");
    const char *mode = arguments[1], *a = arguments[2], *b = arguments[3];
    (void)signal(SIGTERM, end);
    pin(1);
    unsigned long rounds = 0;
    char gone[4096], moved[4200];
    (void)snprintf(gone, sizeof gone, "%s.gone", a);
    if (strcmp(mode, "appear") == 0)
        (void)mkdir(gone, 0755);
    printf("ready\n");
    fflush(stdout);
    while (!ended) {
        if (strcmp(mode, "exchange") == 0) {
            rounds += exchange(a, b);
        } else if (strcmp(mode, "storm") == 0) {
            rounds += rename(a, b) == 0 && rename(b, a) == 0;
        } else if (strcmp(mode, "resize") == 0) {
            off_t size = atoll(b);
            rounds += truncate(a, 0) == 0 && truncate(a, size / 2) == 0 && truncate(a, size) == 0;
        } else {
            rounds += symlink(b, a) == 0;
            (void)unlink(a);
            (void)mkdir(a, 0755);
            if (rmdir(a) != 0) {
                (void)snprintf(moved, sizeof moved, "%s/%lu", gone, rounds);
                (void)rename(a, moved);
            }
        }
    }
    printf("%lu\n", rounds);
}

// SPDX-License-Identifier: Apache-2.0
// A driver library that only has to be found, mounted and loaded. DRIVER_VERSION comes from the command line.
#include "freestanding.h"

EXPORT const char *nvidia_simulated_library(void) { return "simulated driver library " DRIVER_VERSION; }

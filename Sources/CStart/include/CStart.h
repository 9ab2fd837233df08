// SPDX-License-Identifier: Apache-2.0
// The start of the shim and of the hook, before Swift (start.c). Only programs link this, never a test.
#pragma once

/// The process's environment as the kernel handed it over; `environ` itself is replaced at start (see start.c).
/// Borrowed for the life of the process.
char *const *cstart_original_environment(void);

/// The process's arguments as the kernel handed them over. Borrowed for the life of the process.
int cstart_argument_count(void);
char *const *cstart_arguments(void);

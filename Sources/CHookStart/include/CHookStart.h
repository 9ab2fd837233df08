// SPDX-License-Identifier: Apache-2.0
// What the hook does before Swift, on top of CStart (start.c). Only the hook links this: the shim must hand its
// descriptors, signals and umask to the low-level runtime as it got them.
#pragma once

/// Seconds of wall clock after which the hook ends itself, whatever it waits for.
#define CHOOKSTART_TIME_LIMIT 10

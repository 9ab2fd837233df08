// SPDX-License-Identifier: Apache-2.0
// A constant of the sandbox that tests change in a copy of a program.
#pragma once

#include <stdint.h>

/// What a filter answers to a system call that it has no rule for, as libseccomp writes it: the error EPERM. It stands in
/// the program's constants behind the mark `nvidia-runtime:unlisted-call=`, and nothing reads it from anywhere else: tests
/// put "kill" there in a copy of a program, and so see that a program needs no call that its filter does not list.
uint32_t csandbox_unlisted_call(void);

// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <errno.h>
#include <seccomp.h>

/// SCMP_ACT_ERRNO(EPERM), a macro with an argument, which Swift does not see.
static inline uint32_t clibseccomp_act_eperm(void) { return SCMP_ACT_ERRNO(EPERM); }

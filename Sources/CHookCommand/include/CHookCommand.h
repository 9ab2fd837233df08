// SPDX-License-Identifier: Apache-2.0
// `nvidia-ctk hook`, before Swift (hook.c). Only nvidia-ctk links this.
#pragma once

/// Where the hook is, unless it is beside the program.
#define CHOOKCOMMAND_FOLDER "/usr/bin"

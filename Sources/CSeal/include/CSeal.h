// SPDX-License-Identifier: Apache-2.0
// The start of a program that works in or beside containers: before anything else it makes its own file unwritable, and
// starts anew from there with an empty environment (seal.c).
//
// Linked by naming the target; Package.swift makes `cseal_start` the program's first instruction. OwnProgram in
// LibContainer still finds where the program was started from.
#pragma once

/// What stands in argv[1] of the second start, with the program's path in argv[2]. Both are gone before main.
#define CSEAL_MARK "--sealed"

// SPDX-License-Identifier: Apache-2.0
// Traps at once. Linked with CStart and CHookStart by test_start.py, which sees to it that the trap runs nothing.

let none: [Int] = []
print(none[CommandLine.arguments.count])

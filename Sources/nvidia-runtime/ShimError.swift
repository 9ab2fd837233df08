// SPDX-License-Identifier: Apache-2.0

/// Why the program can't go on, in one line.
struct ShimError: Error {
    let description: String

    init(_ description: String) { self.description = description }
}

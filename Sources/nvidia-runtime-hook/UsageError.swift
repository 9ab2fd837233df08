// SPDX-License-Identifier: Apache-2.0

/// Why a command line is not understood: lower case, no period.
struct UsageError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

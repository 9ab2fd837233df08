// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why a container that asked for a GPU can't have it.
package struct InjectionError: Error, Equatable {
    /// The cause in one line: lower case, no period, the thing at fault named.
    package let message: String
    /// What to do about it; empty where nothing general can be said.
    package let hint: String

    package init(_ message: String, hint: String = "") {
        self.message = message
        self.hint = hint
    }
}

extension InjectionError: CustomStringConvertible {
    package var description: String { hint.isEmpty ? message : "\(message); \(hint)" }
}

extension InjectionError {
    /// The failure of a system call that the injection can't do without.
    package init(_ error: LinuxError) { self.init("\(error)") }
}

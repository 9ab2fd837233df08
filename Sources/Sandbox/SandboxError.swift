// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A step into the sandbox that failed. The process is then partly confined, and must end.
package struct SandboxError: Error, CustomStringConvertible {
    package let cause: LinuxError

    init(_ cause: LinuxError) { self.cause = cause }

    /// "sandbox: load system call filter: Invalid argument"
    package var description: String { "sandbox: \(cause)" }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Why the configuration can't be used: one line that starts with the file and, where there is one, the position.
package struct SettingsError: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// What to do about it; empty where the description says all.
    package let hint: String

    /// `file: message`
    package init(file: ByteString, _ message: String, hint: String = "") {
        description = "\(file): \(message)"
        self.hint = hint
    }

    /// `file:line:column: message`
    package init(file: ByteString, line: Int, column: Int, _ message: String) {
        description = "\(file):\(line):\(column): \(message)"
        hint = ""
    }

    /// `file:line:column: what toml++ says`
    init(file: ByteString, _ error: TOMLSyntaxError) {
        self.init(file: file, line: error.line, column: error.column, error.message)
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A named value of a log line, beside its message.
package struct LogField: Sendable {
    package enum Value: Sendable {
        case string(ByteString)
        case strings([ByteString])
        case integer(Int)
    }

    let name: StaticString
    let value: Value

    /// `name` is plain: letters, digits, `_` and `-`, and not one of `level`, `msg`, `time`.
    package init(_ name: StaticString, _ value: Value) {
        self.name = name
        self.value = value
    }
}

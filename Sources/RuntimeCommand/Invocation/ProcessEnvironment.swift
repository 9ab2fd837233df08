// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Looks up variables in an environment as the kernel made it, without changing or copying it.
package struct ProcessEnvironment {
    private let entries: UnsafePointer<UnsafeMutablePointer<CChar>?>

    /// Borrows `entries`, a NULL-terminated array, for as long as the value lives.
    package init(_ entries: UnsafePointer<UnsafeMutablePointer<CChar>?>) { self.entries = entries }

    /// The value of the first entry named `name`, as getenv(3); nil where there is none.
    package func value(of name: ByteString) -> ByteString? {
        var index = 0
        while let entry = entries[index] {
            if let value = ProcessEnvironment.value(in: entry, of: name.bytes) { return ByteString(cString: value) }
            index += 1
        }
        return nil
    }

    /// What follows `name` and `=` in `entry`.
    private static func value(in entry: UnsafePointer<CChar>, of name: [UInt8]) -> UnsafePointer<CChar>? {
        var position = entry
        for byte in name {
            // Stops at the NUL of a shorter entry as well: no name has one.
            guard position.pointee == CChar(bitPattern: byte), byte != 0 else { return nil }
            position += 1
        }
        return position.pointee == CChar(bitPattern: UInt8(ascii: "=")) ? position + 1 : nil
    }
}

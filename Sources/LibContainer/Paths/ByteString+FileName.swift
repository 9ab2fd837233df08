// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension ByteString {
    /// Whether it can be the name of an entry in a directory, and be written to a log or a configuration as it is.
    var isFileName: Bool {
        guard !bytes.contains(UInt8(ascii: "/")), count <= 255, isPrintableUTF8 else { return false }
        // Not empty, "." or "..".
        return count > 2 || bytes.contains { $0 != UInt8(ascii: ".") }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Names that end in a number, as kernels make them: `gi7`, `nvidia-cap66`.
extension ByteString {
    /// The number after `prefix`. Nil unless the rest is decimal digits, nothing else, and without a leading zero, so that
    /// no two names have one number.
    func number(after prefix: ByteString) -> UInt32? {
        guard let digits = droppingPrefix(prefix), let number = digits.decimal(as: UInt32.self),
            digits.count == 1 || digits.bytes.first != UInt8(ascii: "0")
        else { return nil }
        return number
    }

    func appending(number: UInt32) -> ByteString { ByteString(bytes + Array(String(number).utf8)) }
}

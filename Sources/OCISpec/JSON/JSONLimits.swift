// SPDX-License-Identifier: Apache-2.0

/// How much of a document we are willing to read. json-c needs up to 776 bytes of memory for 3 bytes of text, and runc
/// itself has no limit but a depth of 10,000.
package struct JSONLimits: Sendable {
    /// Bytes of the text. At most 2^32 - 1, since the index counts in 32 bits.
    package var bytes: Int
    /// Values: objects, arrays, strings, numbers, literals. 24 bytes of memory each.
    package var values: Int
    /// Objects and arrays inside each other; the outermost one counts.
    package var depth: Int

    /// Sets the limits; `bytes` is cut to what the index can count.
    package init(bytes: Int, values: Int = 400_000, depth: Int = 64) {
        self.bytes = min(max(bytes, 0), Int(UInt32.max))
        self.values = values
        self.depth = depth
    }

    /// For a bundle's config.json: real ones have 3 to 40 KB.
    package static let spec = JSONLimits(bytes: 4 << 20)
    /// For the state that a runtime writes to a hook's standard input: real ones have less than 2 KB and annotations.
    package static let state = JSONLimits(bytes: 1 << 20)
}

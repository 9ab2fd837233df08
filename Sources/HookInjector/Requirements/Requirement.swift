// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What an image requires of the host, as one variable says it: `cuda>=12.4 brand=tesla,driver>=535,driver<536`.
///
/// A list of alternatives of which one must be true, each a list of factors that must all be true.
package struct Requirement: Hashable, Sendable {
    /// The variable's name, for errors.
    package let variable: ByteString
    package let value: ByteString
    /// The factors of all alternatives, in their order. One array: each type of array that is new to a process costs its
    /// start 20 microseconds.
    let factors: [RequirementFactor]
    /// The factors that compare properties we don't know. They don't count.
    package let ignored: [ByteString]

    init(variable: ByteString, value: ByteString, factors: [RequirementFactor], ignored: [ByteString]) {
        self.variable = variable
        self.value = value
        self.factors = factors
        self.ignored = ignored
    }

    /// Whether it asks for anything.
    package var isEmpty: Bool { factors.isEmpty }

    /// The position behind the factors of the alternative that begins at `first`.
    func endOfAlternative(at first: Int) -> Int {
        var end = first + 1
        while end < factors.count, !factors[end].opensAlternative { end += 1 }
        return end
    }

    /// The positions of each alternative's factors; for errors, since it takes an array.
    var alternatives: [Range<Int>] {
        var alternatives: [Range<Int>] = []
        var first = 0
        while first < factors.count {
            let end = endOfAlternative(at: first)
            alternatives.append(first..<end)
            first = end
        }
        return alternatives
    }

    /// The text of a factor.
    func text(of factor: RequirementFactor) -> ByteString { ByteString(value.bytes[factor.start..<factor.end]) }

    /// The text of an alternative, without what was ignored.
    func text(of alternative: Range<Int>) -> ByteString {
        var text: [UInt8] = []
        for factor in factors[alternative] {
            if !text.isEmpty { text.append(UInt8(ascii: ",")) }
            text += value.bytes[factor.start..<factor.end]
        }
        return ByteString(text)
    }
}

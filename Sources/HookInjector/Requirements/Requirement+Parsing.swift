// SPDX-License-Identifier: Apache-2.0

package import Linux

extension Requirement {
    /// Bytes in a value, at most. NVIDIA's longest, for CUDA 12.9 and 13, have about 3,000.
    static let maximumLength = 16 << 10

    /// Factors in a value, at most. NVIDIA's have up to 200.
    static let maximumFactors = 1024

    /// Reads the `value` of `variable`.
    ///
    /// Alternatives are separated by spaces, factors by commas, and empty ones don't count. A factor is a property, an
    /// operator (`=`, `!=`, `<`, `<=`, `>`, `>=`) and what to compare with. Properties, in any case: `cuda`, `driver` and
    /// `arch` compare versions, `brand` a name without regard to case, for equality only. A factor with another property is
    /// ignored; anything else is an error, also in an alternative behind one that is true. Source: src/cli/dsl.c of
    /// libnvidia-container and internal/requirements of the toolkit, which differ: the first refuses an unknown property,
    /// but only if it gets there.
    package init(parsing value: ByteString, variable: ByteString) throws(RequirementError) {
        var parser = RequirementParser(value: value, variable: variable)
        try parser.parse()
        self.init(variable: variable, value: value, factors: parser.factors, ignored: parser.ignored)
    }
}

/// One pass over a value. By hand and over bytes, since it is on the way of every start.
private struct RequirementParser {
    private let bytes: [UInt8]
    private let variable: ByteString
    private(set) var factors: [RequirementFactor] = []
    private(set) var ignored: [ByteString] = []
    private var count = 0
    private var opensAlternative = true

    private static let space = UInt8(ascii: " ")
    private static let comma = UInt8(ascii: ",")

    init(value: ByteString, variable: ByteString) {
        bytes = value.bytes
        self.variable = variable
    }

    mutating func parse() throws(RequirementError) {
        guard bytes.count <= Requirement.maximumLength else {
            throw failure(Requirement.maximumLength, .tooLong)
        }
        factors.reserveCapacity(min(bytes.count / 10 + 1, Requirement.maximumFactors))
        var position = 0
        while position < bytes.count {
            switch bytes[position] {
            case Self.space:
                opensAlternative = true
                position += 1
            case Self.comma: position += 1
            default: position = try parseFactor(at: position)
            }
        }
    }

    /// Reads the factor at `start` and returns the position behind it.
    private mutating func parseFactor(at start: Int) throws(RequirementError) -> Int {
        let operatorStart = skip(from: start) { !Self.isOperator($0) && !Self.isSeparator($0) }
        let operandStart = skip(from: operatorStart, while: Self.isOperator)
        let end = skip(from: operandStart) { !Self.isSeparator($0) }

        guard operandStart > operatorStart else { throw failure(start, .noOperator) }
        guard operatorStart > start else { throw failure(start, .noProperty) }
        count += 1
        guard count <= Requirement.maximumFactors else { throw failure(start, .tooManyFactors) }
        guard let property = property(from: start, to: operatorStart) else {
            ignored.append(ByteString(bytes[start..<end]))
            return end
        }
        guard let comparison = comparison(from: operatorStart, to: operandStart) else {
            throw failure(operatorStart, .unknownOperator)
        }
        guard end > operandStart else { throw failure(operandStart, .noOperand) }

        var version = RequirementVersion(0)
        if property == .brand {
            guard comparison == .equal || comparison == .notEqual else {
                throw failure(operatorStart, .orderOfBrands)
            }
        } else {
            guard let parsed = RequirementVersion(parsing: bytes, from: operandStart, to: end) else {
                throw failure(operandStart, .noVersion)
            }
            version = parsed
        }
        factors.append(
            RequirementFactor(
                opensAlternative: opensAlternative, property: property, comparison: comparison, version: version,
                start: start, operandStart: operandStart, end: end))
        opensAlternative = false
        return end
    }

    private func skip(from start: Int, while predicate: (UInt8) -> Bool) -> Int {
        var position = start
        while position < bytes.count, predicate(bytes[position]) { position += 1 }
        return position
    }

    private func property(from start: Int, to end: Int) -> RequirementFactor.Property? {
        switch end - start {
        case 4: equals("cuda", start, end) ? .cuda : equals("arch", start, end) ? .architecture : nil
        case 5: equals("brand", start, end) ? .brand : nil
        case 6: equals("driver", start, end) ? .driver : nil
        default: nil
        }
    }

    /// Whether the bytes are `word`, which is in lower case and as long, without regard to case.
    private func equals(_ word: StaticString, _ start: Int, _ end: Int) -> Bool {
        word.withUTF8Buffer { word in
            for index in start..<end where bytes[index].asciiLowercased != word[index - start] { return false }
            return true
        }
    }

    private func comparison(from start: Int, to end: Int) -> RequirementFactor.Comparison? {
        let first = bytes[start]
        if end - start == 1 {
            switch first {
            case UInt8(ascii: "="): return .equal
            case UInt8(ascii: "<"): return .less
            case UInt8(ascii: ">"): return .greater
            default: return nil
            }
        }
        guard end - start == 2, bytes[start + 1] == UInt8(ascii: "=") else { return nil }
        switch first {
        case UInt8(ascii: "!"): return .notEqual
        case UInt8(ascii: "<"): return .lessOrEqual
        case UInt8(ascii: ">"): return .greaterOrEqual
        default: return nil
        }
    }

    private static func isOperator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "<")...UInt8(ascii: ">"), UInt8(ascii: "!"): true
        default: false
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool { byte == space || byte == comma }

    private func failure(_ position: Int, _ reason: RequirementError.Malformation) -> RequirementError {
        let end = skip(from: position) { !Self.isSeparator($0) }
        return .malformed(
            variable: variable, position: position, text: ByteString(bytes[position..<min(end, position + 65)]),
            reason: reason)
    }
}

extension UInt8 {
    /// In lower case if it is an ASCII letter.
    var asciiLowercased: UInt8 { self &- UInt8(ascii: "A") < 26 ? self | 0x20 : self }
}

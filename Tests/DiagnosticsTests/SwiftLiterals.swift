// SPDX-License-Identifier: Apache-2.0

/// The string literals of a Swift source. Good enough for ours: without raw strings.
struct SwiftLiterals {
    /// Literals that `+` joins are one.
    struct Literal: Equatable {
        /// `hole` for every interpolation.
        var text: String
        /// What stands before it in its line and the line before.
        var before: String
    }

    static let hole: Character = "\u{0}"

    /// In the order of their ends; one inside an interpolation is a literal of its own.
    private(set) var literals: [Literal] = []
    private let source: [Character]
    private var position = 0

    init(_ source: String) {
        self.source = Array(source)
        scanCode(isInterpolation: false)
    }

    private func starts(_ text: String) -> Bool { source[position...].starts(with: text) }

    /// Up to the end, or behind the parenthesis that ends an interpolation.
    private mutating func scanCode(isInterpolation: Bool) {
        var depth = 0
        /// The last literal here, and where it ended.
        var last: (index: Int, end: Int)?
        while position < source.count {
            if starts("//") {
                while position < source.count, !source[position].isNewline { position += 1 }
            } else if source[position] == "\"" {
                let start = position
                let text = scanLiteral()
                if let (index, end) = last, isPlus(end..<start) {
                    literals[index].text += text
                    last = (index, position)
                } else {
                    literals.append(Literal(text: text, before: String(source[max(0, start - 120)..<start])))
                    last = (literals.count - 1, position)
                }
            } else {
                switch source[position] {
                case "(": depth += 1
                case ")":
                    depth -= 1
                    if isInterpolation, depth < 0 {
                        position += 1
                        return
                    }
                default: break
                }
                position += 1
            }
        }
    }

    private func isPlus(_ range: Range<Int>) -> Bool {
        String(source[range]).filter { !$0.isWhitespace } == "+"
    }

    /// From its first quote to behind its last.
    private mutating func scanLiteral() -> String {
        let quote = starts("\"\"\"") ? "\"\"\"" : "\""
        position += quote.count
        var text = ""
        while position < source.count, !starts(quote) {
            guard source[position] == "\\", position + 1 < source.count else {
                text.append(source[position])
                position += 1
                continue
            }
            let escaped = source[position + 1]
            position += 2
            switch escaped {
            case "(":
                scanCode(isInterpolation: true)
                text.append(Self.hole)
            case "n": text.append("\n")
            case "\n": break
            default: text.append(escaped)
            }
        }
        position += quote.count
        return text
    }
}

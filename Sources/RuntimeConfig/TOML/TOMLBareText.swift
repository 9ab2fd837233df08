// SPDX-License-Identifier: Apache-2.0

/// Looks for what toml++ 3.3 must not be given. Outside of strings and comments a character that is not ASCII is no TOML, and
/// toml++ runs into undefined behaviour on it before it says so. A key of very many parts makes as many tables inside each
/// other, which end one within the other: half a million of them, in a file of 1 MiB, don't fit on the stack.
struct TOMLBareText {
    /// Dots of one key. With CTOML's limit of values inside each other, about a thousand levels.
    private static let dotLimit = 31

    private enum Context {
        case bare
        case comment
        /// Within a string; `count` quotes end it, and a backslash escapes where the quote is `"`.
        case string(quote: UInt8, count: Int)
    }

    /// What is wrong first and where, line and column counted from 1; nil where nothing is.
    static func firstError(in text: ContiguousArray<UInt8>) -> TOMLSyntaxError? {
        var context = Context.bare
        var dots = 0
        // toml++ takes a byte order mark.
        var (line, lineStart, index) = (1, 0, text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
        while index < text.count {
            let byte = text[index]
            switch context {
            case .bare:
                let error = { (message: String) in
                    TOMLSyntaxError(line: line, column: index - lineStart + 1, message: message)
                }
                if byte >= 0x80 { return error("a character that is not ASCII must stand in quotes") }
                if byte == UInt8(ascii: "#") { context = .comment }
                dots = isWithinKey(byte) ? dots + (byte == UInt8(ascii: ".") ? 1 : 0) : 0
                if dots > dotLimit { return error("a key of more than \(dotLimit + 1) parts") }
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    let count = run(of: byte, in: text, at: index)
                    // Two quotes are an empty string.
                    if count != 2 { context = .string(quote: byte, count: count >= 3 ? 3 : 1) }
                    index += min(count, 3) - 1
                }
            case .comment:
                if byte == UInt8(ascii: "\n") { context = .bare }
            case .string(let quote, let count):
                if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                    index += 1
                } else if byte == quote, run(of: quote, in: text, at: index) >= count {
                    // Of more than three, the last three end the string.
                    index += (count == 3 ? run(of: quote, in: text, at: index) : 1) - 1
                    context = .bare
                } else if byte == UInt8(ascii: "\n"), count == 1 {
                    // Not closed; toml++ says so.
                    context = .bare
                }
            }
            if index < text.count, text[index] == UInt8(ascii: "\n") {
                line += 1
                lineStart = index + 1
            }
            index += 1
        }
        return nil
    }

    /// Whether a key that `byte` is met in goes on behind it.
    private static func isWithinKey(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "="), UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: "\n"):
            false
        default: true
        }
    }

    private static func run(of quote: UInt8, in text: ContiguousArray<UInt8>, at index: Int) -> Int {
        text[index...].prefix { $0 == quote }.count
    }
}

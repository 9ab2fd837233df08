// SPDX-License-Identifier: Apache-2.0

/// Looks for what toml++ 3.3 must not be given: a character that is not ASCII outside of strings and comments. It is no
/// TOML there, and toml++ runs into undefined behaviour on it before it says so.
struct TOMLBareText {
    private enum Context {
        case bare
        case comment
        /// Within a string; `count` quotes end it, and a backslash escapes where the quote is `"`.
        case string(quote: UInt8, count: Int)
    }

    /// Where the first such character is, line and column counted from 1; nil where there is none.
    static func firstForeignCharacter(in text: ContiguousArray<UInt8>) -> (line: Int, column: Int)? {
        var context = Context.bare
        // toml++ takes a byte order mark.
        var (line, lineStart, index) = (1, 0, text.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0)
        while index < text.count {
            let byte = text[index]
            switch context {
            case .bare:
                if byte >= 0x80 { return (line, index - lineStart + 1) }
                if byte == UInt8(ascii: "#") { context = .comment }
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

    private static func run(of quote: UInt8, in text: ContiguousArray<UInt8>, at index: Int) -> Int {
        text[index...].prefix { $0 == quote }.count
    }
}

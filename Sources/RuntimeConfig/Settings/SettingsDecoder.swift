// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Reads typed values out of a document by dotted key. A key that is absent leaves the default alone; one of the wrong
/// type is an error with its position. Unknown keys don't matter, as in the original (go-toml ignores them).
///
/// Keys are static strings, which cost nothing at a start.
struct SettingsDecoder {
    private let root: TOMLValue
    private let file: ByteString

    /// Borrows the document of `root`.
    init(root: TOMLValue, file: ByteString) {
        self.root = root
        self.file = file
    }

    /// What the file has at `key`, such as `nvidia-container-runtime.modes.cdi.default-kind`, or nil.
    func value(at key: StaticString) throws(SettingsError) -> TOMLValue? {
        try key.withUTF8Buffer { find($0) }.get()
    }

    private func find(_ key: UnsafeBufferPointer<UInt8>) -> Result<TOMLValue?, SettingsError> {
        var value = root
        var start = 0
        while true {
            guard value.isTable else {
                let section = ByteString(key.prefix(start).dropLast()).description
                return .failure(mismatch(section, value, expected: "a table"))
            }
            let end = key[start...].firstIndex(of: UInt8(ascii: ".")) ?? key.count
            guard let member = value.member(UnsafeBufferPointer(rebasing: key[start..<end])) else {
                return .success(nil)
            }
            if end == key.count { return .success(member) }
            value = member
            start = end + 1
        }
    }

    func read(_ key: StaticString, into target: inout Bool) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        guard let boolean = value.boolean else { throw mismatch("\(key)", value, expected: "a boolean") }
        target = boolean
    }

    func read(_ key: StaticString, into target: inout ByteString) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        target = try string(value) { "\(key)" }
    }

    /// A present list replaces the default as a whole.
    func read(_ key: StaticString, into target: inout [ByteString]) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        guard let count = value.arrayCount else { throw mismatch("\(key)", value, expected: "an array of strings") }
        var strings: [ByteString] = []
        for index in 0..<count {
            guard let element = value.element(at: index) else { break }
            strings.append(try string(element) { "\(key)[\(index)]" })
        }
        target = strings
    }

    /// A string that has to be one of the type's raw values.
    func read<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: StaticString, into target: inout Choice
    ) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        let text = try string(value) { "\(key)" }
        guard let choice = Choice.allCases.first(where: { ByteString($0.rawValue) == text }) else {
            let known = Choice.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
            throw failure(value, "\(key): unknown value \"\(text)\"; use one of \(known)")
        }
        target = choice
    }

    /// The error that `value` deserves.
    func failure(_ value: TOMLValue, _ message: String) -> SettingsError {
        SettingsError(file: file, line: value.line, column: value.column, message)
    }

    private func string(_ value: TOMLValue, _ key: () -> String) throws(SettingsError) -> ByteString {
        guard let string = value.string else { throw mismatch(key(), value, expected: "a string") }
        guard string.isCString else { throw failure(value, "\(key()): a NUL byte can't be part of it") }
        return string
    }

    private func mismatch(_ key: String, _ value: TOMLValue, expected: String) -> SettingsError {
        failure(value, "\(key): expected \(expected), found \(value.kindDescription)")
    }
}

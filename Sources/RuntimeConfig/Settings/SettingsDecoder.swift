// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Reads typed values out of a document by dotted key. A key that is absent leaves the default alone; one of the wrong
/// type is an error with its position. Unknown keys are for whoever looks for them with `keys(besides:)` or `requireKeys`;
/// the original's go-toml ignores them.
///
/// Keys are static strings, which cost nothing at a start.
struct SettingsDecoder {
    private let root: TOMLValue
    private let file: ByteString
    /// What stands before a key in an error: where `root` is in the file, with a dot at the end.
    private let prefix: String

    /// Borrows the document of `root`, its top-level table.
    init(root: TOMLValue, file: ByteString) {
        self.init(root: root, file: file, prefix: "")
    }

    private init(root: TOMLValue, file: ByteString, prefix: String) {
        self.root = root
        self.file = file
        self.prefix = prefix
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
                return .failure(mismatch(prefix + section, value, expected: "a table"))
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
        guard let boolean = value.boolean else { throw mismatch(name(of: key), value, expected: "a boolean") }
        target = boolean
    }

    func read(_ key: StaticString, into target: inout ByteString) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        target = try string(value) { name(of: key) }
    }

    func read(_ key: StaticString, into target: inout ByteString?) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        target = try string(value) { name(of: key) }
    }

    /// A string that is a list with commas.
    func readElements(_ key: StaticString, into target: inout [ByteString]) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        target = try string(value) { name(of: key) }.commaSeparatedElements
    }

    /// A whole number, 0 or more.
    func read(_ key: StaticString, into target: inout Int?) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        guard let integer = value.integer else { throw mismatch(name(of: key), value, expected: "an integer") }
        guard integer >= 0 else { throw failure(value, "\(name(of: key)): must not be negative") }
        target = Int(clamping: integer)
    }

    /// A present list replaces the default as a whole.
    func read(_ key: StaticString, into target: inout [ByteString]) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        var strings: [ByteString] = []
        try forEachString(key, in: value) { (string, _, _) in strings.append(string) }
        target = strings
    }

    /// A list of names, each of which adds what it stands for. A present list replaces the default as a whole.
    func read<Options: OptionSet>(
        _ key: StaticString, into target: inout Options, names: [(name: StaticString, options: Options)]
    ) throws(SettingsError) where Options.Element == Options {
        guard let value = try value(at: key) else { return }
        var options: Options = []
        try forEachString(key, in: value) { (string, element, index) throws(SettingsError) in
            guard let known = names.first(where: { ByteString(stringLiteral: $0.name) == string }) else {
                throw unknown(string, "\(name(of: key))[\(index)]", element, known: names.map { "\($0.name)" })
            }
            options.formUnion(known.options)
        }
        target = options
    }

    /// Calls `body` with each string of the array `value`, its element and its number.
    private func forEachString(
        _ key: StaticString, in value: TOMLValue,
        _ body: (ByteString, TOMLValue, Int) throws(SettingsError) -> Void
    ) throws(SettingsError) {
        guard let count = value.arrayCount else {
            throw mismatch(name(of: key), value, expected: "an array of strings")
        }
        for index in 0..<count {
            guard let element = value.element(at: index) else { break }
            try body(try string(element) { "\(name(of: key))[\(index)]" }, element, index)
        }
    }

    /// A string that has to be one of the type's raw values.
    func read<Choice: CaseIterable & RawRepresentable<String>>(
        _ key: StaticString, into target: inout Choice
    ) throws(SettingsError) {
        guard let value = try value(at: key) else { return }
        let text = try string(value) { name(of: key) }
        guard let choice = Choice.allCases.first(where: { ByteString($0.rawValue) == text }) else {
            throw unknown(text, name(of: key), value, known: Choice.allCases.map(\.rawValue))
        }
        target = choice
    }

    /// A decoder of the table at `key`, or nil where there is none.
    func table(_ key: StaticString) throws(SettingsError) -> SettingsDecoder? {
        guard let value = try value(at: key) else { return nil }
        guard value.isTable else { throw mismatch(name(of: key), value, expected: "a table") }
        return SettingsDecoder(root: value, file: file, prefix: name(of: key) + ".")
    }

    /// The members of this table by their keys, which may be anything; all have to be tables.
    func tables() throws(SettingsError) -> [(key: ByteString, decoder: SettingsDecoder)] {
        var tables: [(key: ByteString, decoder: SettingsDecoder)] = []
        for (key, value) in members {
            let name = "\(prefix)\"\(key)\""
            guard value.isTable else { throw mismatch(name, value, expected: "a table") }
            tables.append((key, SettingsDecoder(root: value, file: file, prefix: name + ".")))
        }
        return tables
    }

    /// Throws where this table has a key that is none of `known`.
    func requireKeys(_ known: [StaticString]) throws(SettingsError) {
        for (key, value) in members where !known.contains(where: { ByteString(stringLiteral: $0) == key }) {
            let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
            throw failure(value, "\(prefix)\(key): unknown key; use one of \(list)")
        }
    }

    /// The full names of the keys of this table that are none of `known`.
    func keys(besides known: [StaticString]) -> [String] {
        root.keys.filter { key in !known.contains { ByteString(stringLiteral: $0) == key } }.map { "\(prefix)\($0)" }
    }

    private var members: [(key: ByteString, value: TOMLValue)] {
        root.keys.compactMap { key in
            key.bytes.withUnsafeBufferPointer { root.member($0) }.map { (key, $0) }
        }
    }

    /// The error of this table as a whole.
    func failure(_ message: String) -> SettingsError { failure(root, "\(prefix.dropLast()): \(message)") }

    /// The error that `value` deserves.
    func failure(_ value: TOMLValue, _ message: String) -> SettingsError {
        SettingsError(file: file, line: value.line, column: value.column, message)
    }

    private func string(_ value: TOMLValue, _ key: () -> String) throws(SettingsError) -> ByteString {
        guard let string = value.string else { throw mismatch(key(), value, expected: "a string") }
        guard string.isCString else { throw failure(value, "\(key()): a NUL byte can't be part of it") }
        return string
    }

    private func name(of key: StaticString) -> String { "\(prefix)\(key)" }

    private func unknown(
        _ text: ByteString, _ key: String, _ value: TOMLValue, known: [String]
    ) -> SettingsError {
        let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
        return failure(value, "\(key): unknown value \"\(text)\"; use one of \(list)")
    }

    private func mismatch(_ key: String, _ value: TOMLValue, expected: String) -> SettingsError {
        failure(value, "\(key): expected \(expected), found \(value.kindDescription)")
    }
}

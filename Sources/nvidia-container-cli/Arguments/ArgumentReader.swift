// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Reads arguments as argp(3) and getopt_long(3) of glibc do: `--name=value`, `--name value`, unambiguous starts of long
/// names, clustered letters (`-kd FILE`), values that need not be there (`--user`, `-u0:0`), and `--`.
struct ArgumentReader {
    /// One option or word, in the order in which getopt gives them: options before words, unless reading stops at words.
    enum Element: Equatable {
        /// An option by its whole name.
        case option(ByteString, value: ByteString?)
        case word(ByteString)
    }

    private let table: OptionTable
    private let page: HelpPage
    private var rest: ArraySlice<ByteString>
    /// Letters of a cluster that are still to be read.
    private var cluster: ArraySlice<UInt8> = []
    private var words: [ByteString] = []
    private var hasEnded = false

    /// `page` is what `--help` shows, and what a misuse refers to.
    init(_ arguments: ArraySlice<ByteString>, _ table: OptionTable, _ page: HelpPage) {
        rest = arguments
        self.table = table
        self.page = page
    }

    /// What has not been read: the command and its arguments, where reading stopped there.
    var remaining: ArraySlice<ByteString> { words[...] + rest }

    /// The next element; nil at the end, and at the first word where reading stops at words. The options that every
    /// program has are not among them: they interrupt, as does a misuse.
    mutating func next() throws(Interruption) -> Element? {
        let element: Element?
        do throws(UsageError) { element = try read() } catch { throw .misused(error, page) }
        guard case .option(let name, _) = element else { return element }
        switch name {
        case OptionTable.help: throw .help(page)
        case OptionTable.usage: throw .usage(page)
        case OptionTable.version: throw .version
        default: return element
        }
    }

    private mutating func read() throws(UsageError) -> Element? {
        if !cluster.isEmpty { return try nextOfCluster() }
        while !hasEnded, let argument = rest.first {
            if argument == "--" {
                rest.removeFirst()
                hasEnded = true
            } else if argument.hasPrefix("--") {
                rest.removeFirst()
                return try longOption(ByteString(argument.bytes.dropFirst(2)))
            } else if argument.hasPrefix("-"), argument.count > 1 {
                rest.removeFirst()
                cluster = argument.bytes.dropFirst()
                return try nextOfCluster()
            } else if table.stopsAtWord {
                hasEnded = true
            } else {
                rest.removeFirst()
                words.append(argument)
            }
        }
        hasEnded = true
        if table.stopsAtWord { return nil }
        words += rest
        rest = []
        return words.isEmpty ? nil : .word(words.removeFirst())
    }

    private mutating func nextOfCluster() throws(UsageError) -> Element {
        let letter = cluster.removeFirst()
        guard let option = table.option(letter: letter) else { throw .unknownLetter(letter) }
        switch option.argument {
        case .none: return .option(option.name, value: nil)
        case .optional, .required:
            if !cluster.isEmpty {
                defer { cluster = [] }
                return .option(option.name, value: ByteString(cluster))
            }
            if option.argument == .optional { return .option(option.name, value: nil) }
            guard let value = rest.popFirst() else { throw .noValueOfLetter(letter) }
            return .option(option.name, value: value)
        }
    }

    private mutating func longOption(_ text: ByteString) throws(UsageError) -> Element {
        let equals = text.bytes.firstIndex(of: UInt8(ascii: "="))
        let name = ByteString(text.bytes[..<(equals ?? text.count)])
        let attached = equals.map { ByteString(text.bytes[($0 + 1)...]) }
        let candidates = table.options(startingWith: name)
        guard let option = candidates.first else { throw .unknown(text) }
        guard candidates.count == 1 else { throw .ambiguous(text, candidates.map(\.name)) }
        switch option.argument {
        case .none:
            guard attached == nil else { throw .unwantedValue(option.name) }
            return .option(option.name, value: nil)
        case .optional: return .option(option.name, value: attached)
        case .required:
            guard let value = attached ?? rest.popFirst() else { throw .noValue(option.name) }
            return .option(option.name, value: value)
        }
    }
}

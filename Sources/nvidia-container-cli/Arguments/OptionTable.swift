// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The options that one part of the command line has.
struct OptionTable {
    struct Option {
        enum Argument {
            case none
            case required
            case optional
        }

        let name: ByteString
        let letter: UInt8?
        let argument: Argument

        init(_ name: ByteString, _ letter: Unicode.Scalar? = nil, _ argument: Argument = .none) {
            self.name = name
            self.letter = letter.map { UInt8(ascii: $0) }
            self.argument = argument
        }
    }

    let options: [Option]
    /// Whether reading stops at the first word that is no option, as before a command; elsewhere options and words may
    /// come in any order.
    let stopsAtWord: Bool

    /// `options`, and those that argp(3) adds to every program's.
    init(_ options: [Option], stopsAtWord: Bool = false) {
        self.options =
            options + [Option(Self.help, "?"), Option(Self.usage), Option(Self.version, "V")]
        self.stopsAtWord = stopsAtWord
    }

    static let help: ByteString = "help"
    static let usage: ByteString = "usage"
    static let version: ByteString = "version"

    func option(letter: UInt8) -> Option? { options.first { $0.letter == letter } }

    /// Those that `name` means: the one of that name, or all that start with it.
    func options(startingWith name: ByteString) -> [Option] {
        if let exact = options.first(where: { $0.name == name }) { return [exact] }
        return options.filter { $0.name.hasPrefix(name) }
    }
}

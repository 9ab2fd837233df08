// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A command line that can't be understood. The words are those of getopt_long(3) and argp(3), which callers show and
/// some look for.
enum UsageError: Error, Equatable {
    case unknown(ByteString)
    case unknownLetter(UInt8)
    case ambiguous(ByteString, [ByteString])
    case unwantedValue(ByteString)
    case noValue(ByteString)
    case noValueOfLetter(UInt8)
    /// Words behind a command that takes none.
    case tooManyArguments
    /// No command, another one, or not the words that the command takes: the usage says it all.
    case wrongWords

    /// nil where the usage is shown in its place.
    var message: String? {
        switch self {
        case .unknown(let text): "unrecognized option '--\(text)'"
        case .unknownLetter(let letter): "invalid option -- '\(ByteString([letter]))'"
        case .ambiguous(let text, let names):
            "option '--\(text)' is ambiguous; possibilities: \(names.map { "'--\($0)'" }.joined(separator: " "))"
        case .unwantedValue(let name): "option '--\(name)' doesn't allow an argument"
        case .noValue(let name): "option '--\(name)' requires an argument"
        case .noValueOfLetter(let letter): "option requires an argument -- '\(ByteString([letter]))'"
        case .tooManyArguments: "Too many arguments"
        case .wrongWords: nil
        }
    }
}

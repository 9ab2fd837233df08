// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The command line, that of libnvidia-container (src/cli): global options, a command, its options.
struct Invocation {
    enum Command {
        case info(InfoOptions)
        case list(ListOptions)
        case configure(ConfigureOptions)
    }

    let global: GlobalOptions
    let command: Command

    /// Reads the arguments behind the program's name.
    init(_ arguments: [ByteString]) throws(Interruption) {
        var reader = ArgumentReader(arguments[...], GlobalOptions.table, .main)
        global = try GlobalOptions(reading: &reader)
        let rest = reader.remaining.dropFirst()
        switch reader.remaining.first {
        case "info": command = .info(try InfoOptions(rest))
        case "list": command = .list(try ListOptions(rest))
        case "configure": command = .configure(try ConfigureOptions(rest))
        default: throw .misused(.wrongWords, .main)
        }
    }
}

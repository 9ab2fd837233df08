// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// What `info` is to print (src/cli/info.c).
struct InfoOptions {
    enum Format {
        case text
        case csv
        /// Ours.
        case json
    }

    static let table = OptionTable([.init("csv"), .init("json")])

    private(set) var format = Format.text

    init(_ arguments: ArraySlice<ByteString>) throws(Interruption) {
        var reader = ArgumentReader(arguments, Self.table, .info)
        while let element = try reader.next() {
            guard case .option(let name, _) = element else { throw .misused(.tooManyArguments, .info) }
            format = name == "csv" ? .csv : .json
        }
    }
}

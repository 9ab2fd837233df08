// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// What stands before the command (src/cli/main.c).
///
/// Not kept, since nothing depends on it here: `--user`, as no other program of ours runs with privileges that could be
/// dropped, `--no-pivot`, as no root is switched, and `--no-create-imex-channels`, as no IMEX channel is ever made.
struct GlobalOptions {
    static let table = OptionTable(
        [
            .init("debug", "d", .required), .init("load-kmods", "k"), .init("no-pivot", "n"),
            .init("user", "u", .optional), .init("root", "r", .required), .init("ldcache", "l", .required),
            .init("no-create-imex-channels"),
        ],
        stopsAtWord: true)

    private(set) var debugFile: ByteString?
    private(set) var loadsModules = false
    /// The driver root.
    private(set) var root: ByteString = "/"
    /// The loader's cache in the driver root.
    private(set) var loaderCache = DriverRoot.usualCachePath

    init(reading reader: inout ArgumentReader) throws(Interruption) {
        while case .option(let name, let value) = try reader.next() {
            let value = value ?? ByteString()
            switch name {
            case "debug": debugFile = value
            case "load-kmods": loadsModules = true
            case "root": if !value.isEmpty { root = value }
            case "ldcache": if !value.isEmpty { loaderCache = value }
            default: break
            }
        }
    }
}

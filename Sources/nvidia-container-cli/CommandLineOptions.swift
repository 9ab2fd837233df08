// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// The command line, with libnvidia-container's options (src/cli): global ones before the command, its own behind it.
struct CommandLineOptions {
    enum Command {
        case info(csv: Bool)
        case list(ListOptions)
        case version
        case help
    }

    /// What `list` is restricted to; everything where nothing is named.
    struct ListOptions {
        var devices: [ByteString] = []
        var libraries = false
        var binaries = false
        var sockets = false
        var firmware = false
        var compat32 = false
    }

    struct Failure: Error {
        let description: String
    }

    let command: Command
    /// `--root`
    var root: ByteString = "/"

    /// Global options that take a value and mean nothing here: we need no other user and no loader's cache of another
    /// name, and log nothing.
    private static let ignoredWithValue: [ByteString] = ["-d", "--debug", "-l", "--ldcache"]
    private static let ignored: [ByteString] = ["-k", "--load-kmods", "-n", "--no-pivot", "--no-create-imex-channels"]

    /// Reads the arguments after the program's name.
    init(_ arguments: [ByteString]) throws(Failure) {
        var rest = Arguments(arguments)
        while let argument = rest.next() {
            switch argument {
            case "-V", "--version": command = .version; return
            case "-?", "-h", "--help", "--usage": command = .help; return
            case "-r", "--root": root = try rest.value(of: argument)
            case "-u", "--user": continue
            case "info": command = try Self.info(&rest); return
            case "list": command = try Self.list(&rest); return
            case "configure":
                throw Failure(
                    description: "configure is not supported by this version; start the container with nvidia-runtime")
            default:
                if Self.ignoredWithValue.contains(argument) { _ = try rest.value(of: argument); continue }
                if Self.ignored.contains(argument) { continue }
                throw Failure(description: "unknown option or command \"\(argument)\"; see --help")
            }
        }
        throw Failure(description: "no command given; see --help")
    }

    private static func info(_ rest: inout Arguments) throws(Failure) -> Command {
        var csv = false
        while let argument = rest.next() {
            guard argument == "--csv" else { throw unknown(argument) }
            csv = true
        }
        return .info(csv: csv)
    }

    private static func list(_ rest: inout Arguments) throws(Failure) -> Command {
        var options = ListOptions()
        while let argument = rest.next() {
            switch argument {
            case "-d", "--device": options.devices += try rest.value(of: argument).split(separator: UInt8(ascii: ","))
            case "-l", "--libraries": options.libraries = true
            case "-b", "--binaries": options.binaries = true
            case "-i", "--ipcs": options.sockets = true
            case "-f", "--firmwares": options.firmware = true
            case "--compat32": options.compat32 = true
            default: throw unknown(argument)
            }
        }
        return .list(options)
    }

    private static func unknown(_ argument: ByteString) -> Failure {
        Failure(description: "unknown option \"\(argument)\"; see --help")
    }

    /// The arguments, `--name=value` taken apart.
    private struct Arguments {
        private var rest: ArraySlice<ByteString>
        private var pendingValue: ByteString?

        init(_ arguments: [ByteString]) { rest = arguments[...] }

        mutating func next() -> ByteString? {
            guard let argument = rest.popFirst() else { return nil }
            guard argument.hasPrefix("--"), let equals = argument.range(of: "=") else { return argument }
            pendingValue = ByteString(argument.bytes[equals.upperBound...])
            return ByteString(argument.bytes[..<equals.lowerBound])
        }

        mutating func value(of option: ByteString) throws(Failure) -> ByteString {
            defer { pendingValue = nil }
            guard let value = pendingValue ?? rest.popFirst() else {
                throw Failure(description: "\(option) needs a value")
            }
            return value
        }
    }
}

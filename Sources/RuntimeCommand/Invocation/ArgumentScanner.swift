// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A cursor over the arguments of a command line.
struct ArgumentScanner {
    private var rest: ArraySlice<ByteString>
    /// Whether a flag that needs a value was the last argument.
    private(set) var missesValue = false

    init(_ arguments: ArraySlice<ByteString>) { rest = arguments }

    /// Takes the next argument, whatever it is.
    mutating func next() -> ByteString? { rest.popFirst() }

    /// Takes the next argument if it is a flag.
    mutating func nextFlag() -> Flag? {
        guard let argument = rest.first, let flag = Flag(argument) else { return nil }
        rest.removeFirst()
        return flag
    }

    /// Takes the next argument if it is the end of the flags, `--`.
    mutating func skipEndOfFlags() -> Bool {
        guard rest.first == "--" else { return false }
        rest.removeFirst()
        return true
    }

    /// The value of `flag`: what stands after its `=`, else the next argument, whatever that looks like.
    mutating func value(of flag: Flag) -> ByteString? {
        if let value = flag.value { return value }
        let value = rest.popFirst()
        if value == nil { missesValue = true }
        return value
    }

    /// Takes the next argument as the value of `flag`, which nobody knows, if it can be one: `flag` has none after `=`,
    /// and the argument is neither a flag nor a subcommand.
    mutating func skipValue(ofUnknown flag: Flag) {
        guard flag.value == nil, let argument = rest.first else { return }
        if argument == "--" || Flag(argument) != nil || ArgumentScanner.subcommands.contains(argument) { return }
        rest.removeFirst()
    }

    /// The subcommands of runc and crun.
    private static let subcommands: [ByteString] = [
        "create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "pause", "resume", "update",
        "events",
        "features", "spec", "checkpoint", "restore", "help", "h", "mounts",
    ]
}

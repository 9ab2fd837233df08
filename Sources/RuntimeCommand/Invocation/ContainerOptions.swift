// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The flags and the argument of `create` and `run`.
struct ContainerOptions {
    private(set) var bundle: ByteString = "."
    /// crun's `--config`.
    private(set) var config: ByteString?
    private(set) var containerID: ByteString?
    private(set) var asksForHelp = false

    /// Takes all arguments that are left. Flags may stand after the id, but not after `--`.
    mutating func scan(_ scanner: inout ArgumentScanner) {
        while !scanner.skipEndOfFlags() {
            if let flag = scanner.nextFlag() {
                take(flag, &scanner)
            } else if let argument = scanner.next() {
                takeID(argument)
            } else {
                return
            }
        }
        while let argument = scanner.next() { takeID(argument) }
    }

    /// The flags are those of runc and crun. One that is none of them has no value: taking one could swallow `--bundle`.
    private mutating func take(_ flag: Flag, _ scanner: inout ArgumentScanner) {
        switch flag.name {
        case "bundle", "b": setBundle(scanner.value(of: flag))
        case "config", "f": config = scanner.value(of: flag)
        case "console-socket", "pid-file", "preserve-fds", "pidfd-socket": _ = scanner.value(of: flag)
        case "help", "h", "?", "usage": asksForHelp = asksForHelp || flag.isOn
        case "detach", "d", "keep", "no-pivot", "no-new-keyring", "no-subreaper": break
        default: takeAttached(flag)
        }
    }

    /// getopt_long's `-bDIR` and `-fFILE`.
    private mutating func takeAttached(_ flag: Flag) {
        if flag.isLong { return }
        if let value = flag.cluster.droppingPrefix("b") { setBundle(value) }
        if let value = flag.cluster.droppingPrefix("f") { config = value }
    }

    /// An empty value is no value, as for runc.
    private mutating func setBundle(_ value: ByteString?) {
        bundle = value.flatMap { $0.isEmpty ? nil : $0 } ?? "."
    }

    private mutating func takeID(_ argument: ByteString) {
        if containerID == nil { containerID = argument }
    }
}

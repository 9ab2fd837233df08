// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The flags before the subcommand.
struct GlobalOptions {
    private(set) var logPath: ByteString?
    private(set) var logFormat = LogFormat.text
    private(set) var isDebug = false
    /// Whether help or a version is asked for, so that no subcommand runs.
    private(set) var asksForText = false

    /// Takes the global flags; what is next is the subcommand.
    ///
    /// The flags are those of runc and crun. One that is none of them takes the next argument for its value unless that is
    /// a subcommand's name: other runtimes have more (youki's `--log-level info create`), and a missed `create` would be
    /// a container without its GPU.
    mutating func scan(_ scanner: inout ArgumentScanner) {
        while !scanner.skipEndOfFlags(), let flag = scanner.nextFlag() {
            switch flag.name {
            case "log": logPath = scanner.value(of: flag)
            case "log-format": logFormat = scanner.value(of: flag) == "json" ? .json : .text
            case "root", "criu", "rootless", "cgroup-manager": _ = scanner.value(of: flag)
            case "debug": isDebug = flag.isOn
            case "help", "h", "?", "usage", "version", "v", "V": asksForText = asksForText || flag.isOn
            case "systemd-cgroup": break
            default: scanner.skipValue(ofUnknown: flag)
            }
        }
    }
}

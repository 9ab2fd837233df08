// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What a command line in the grammar of runc and crun asks for, read without changing a byte of it.
///
/// Both take global flags, a subcommand and its flags. runc (urfave/cli on Go's flag package) takes one or two dashes
/// for every name, `-b=x`, and flags after the container's id; crun (getopt_long) takes `-bx`. What only one of them
/// takes, the other one refuses, so this accepts both; where they differ (`-b=x` is the bundle `=x` for crun) runc is
/// followed. Abbreviations, which crun takes as well, are not known here. Checked against runc 1.1.5 and crun 1.8.1.
///
/// Where the line is wrong, nothing is decided here: it is no start of a container, and the low-level runtime that gets
/// it unchanged says what is wrong with it.
package struct Invocation: Equatable, Sendable {
    /// argv[0].
    package let programName: ByteString
    package let subcommand: ByteString?
    /// Whether the low-level runtime will set up a container from a bundle: `create` or `run`, and not for their help.
    package let startsContainer: Bool
    /// `--bundle`, the last one of several; the working directory, `.`, without one.
    package let bundle: ByteString
    /// The spec that will be read: `config.json` in the bundle, unless crun's `--config` names another file (which
    /// crun resolves from the working directory, not from the bundle).
    package let specPath: ByteString
    package let containerID: ByteString?
    /// `--log`, nil without one.
    package let logPath: ByteString?
    package let logFormat: LogFormat
    /// `--debug`
    package let isDebug: Bool

    /// Reads `arguments`, argv[0] included.
    package init(arguments: [ByteString]) {
        var scanner = ArgumentScanner(arguments.dropFirst())
        var global = GlobalOptions()
        global.scan(&scanner)
        let subcommand = scanner.next()
        var options = ContainerOptions()
        let isContainerCommand = subcommand == "create" || subcommand == "run"
        if isContainerCommand { options.scan(&scanner) }

        programName = arguments.first ?? ByteString()
        self.subcommand = subcommand
        startsContainer =
            isContainerCommand && !global.asksForText && !options.asksForHelp && !scanner.missesValue
        bundle = options.bundle
        specPath = options.config ?? options.bundle.appending(component: "config.json")
        containerID = options.containerID
        logPath = global.logPath
        logFormat = global.logFormat
        isDebug = global.isDebug
    }
}

/// `--log-format`
package enum LogFormat: Sendable {
    /// logrus's `key=value` text; also for unknown formats, as in the original.
    case text
    case json
}

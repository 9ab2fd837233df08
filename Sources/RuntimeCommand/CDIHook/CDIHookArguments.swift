// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A command line of `nvidia-cdi-hook`, in the grammar of the original (urfave/cli on Go's flag package): one or two
/// dashes, `--flag value` or `--flag=value`, the last of several values counts, and a list takes all of them and splits
/// each at commas.
///
/// A specification of a newer toolkit can name a verb that we don't know. It is a hook that the container can do without:
/// such a line, and one without a verb, is no error where the program has the original's name.
package struct CDIHookArguments: Equatable, Sendable {
    package enum Request: Equatable, Sendable {
        case run(CDIHookVerb)
        /// Nil where there is no verb.
        case unsupported(ByteString?)
        case help
        case version
        /// Not understood, and why: lower case, no period.
        case invalid(String)
    }

    package static let programName: ByteString = "nvidia-cdi-hook"

    package private(set) var request: Request
    package private(set) var isDebug = false
    /// Counts more than `isDebug`.
    package private(set) var isQuiet = false
    private var values: [CDIHookFlag: [ByteString]] = [:]

    /// Reads `arguments`, argv[0] included. Nil for a line that has no verb of nvidia-cdi-hook, unless the program is
    /// called so.
    package init?(_ arguments: [ByteString]) {
        let isHook = arguments.first?.lastPathComponent == Self.programName
        request = .unsupported(nil)
        var scanner = ArgumentScanner(arguments.dropFirst())
        var invalid: String?
        var text: Request?
        while let flag = scanner.nextFlag() {
            if takeCommon(flag, &text) { continue }
            if flag.name == "version" || flag.name == "v" {
                text = .version
            } else {
                invalid = invalid ?? "unknown flag \"\(flag.written)\""
            }
        }
        _ = scanner.skipEndOfFlags()
        let name = scanner.next()
        let verb = name.flatMap { CDIHookVerb(named: $0) }
        guard isHook || verb != nil else { return nil }
        if let invalid {
            request = .invalid(invalid)
        } else if let text {
            request = text
        } else if let verb {
            request = .run(verb)
            take(verb, &scanner)
        } else {
            request = name == "help" || name == "h" ? .help : .unsupported(name)
        }
    }

    /// The last value of `flag`; nil where there is none.
    package func value(of flag: CDIHookFlag) -> ByteString? { values[flag]?.last }

    /// All values of the list `flag`.
    package func list(of flag: CDIHookFlag) -> [ByteString] { values[flag] ?? [] }

    /// The file that has the container's state; nil for standard input.
    package var stateFile: ByteString? {
        let file = value(of: .containerSpec)
        return file == "" || file == "-" ? nil : file
    }

    /// Takes a flag that can stand before and behind the verb.
    private mutating func takeCommon(_ flag: Flag, _ text: inout Request?) -> Bool {
        switch flag.name {
        case "debug", "d": isDebug = flag.isOn
        case "quiet", "q": isQuiet = flag.isOn
        case "help", "h": text = flag.isOn ? .help : text
        default: return false
        }
        return true
    }

    private mutating func take(_ verb: CDIHookVerb, _ scanner: inout ArgumentScanner) {
        let known = verb.flags + [(.containerSpec, false)]
        var text: Request?
        var reason: String?
        while let flag = scanner.nextFlag() {
            if takeCommon(flag, &text) { continue }
            guard let entry = known.first(where: { ByteString($0.name.rawValue) == flag.name }) else {
                reason = reason ?? "\(verb.rawValue): unknown flag \"\(flag.written)\""
                continue
            }
            guard let value = scanner.value(of: flag) else {
                reason = reason ?? "\(verb.rawValue): --\(entry.name.rawValue) needs a value"
                continue
            }
            let parts = entry.isList ? value.split(separator: UInt8(ascii: ",")).map(\.trimmed) : [value]
            values[entry.name, default: []] += parts
        }
        _ = scanner.skipEndOfFlags()
        if let argument = scanner.next() {
            reason = reason ?? "\(verb.rawValue): unexpected argument \"\(argument)\""
        }
        if let reason { request = .invalid(reason) }
        if let text { request = text }
    }
}

extension Flag {
    /// With its dashes and without its value.
    fileprivate var written: ByteString { (isLong ? "--" : "-") + name }
}

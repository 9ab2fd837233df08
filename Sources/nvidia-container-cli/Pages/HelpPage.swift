// SPDX-License-Identifier: Apache-2.0

/// The part of the command line that a help text or an error is about.
enum HelpPage: String {
    case main
    case info
    case list
    case configure

    /// The program's name and the command's.
    func name(_ program: String) -> String { self == .main ? program : "\(program) \(rawValue)" }

    /// The usage in one line.
    func synopsis(_ program: String) -> String {
        let words =
            switch self {
            case .main: " COMMAND [ARG...]"
            case .info, .list: ""
            case .configure: " ROOTFS"
            }
        return "Usage: \(name(program)) [OPTION...]\(words)\n"
    }

    /// Where to read more, in lines of 79 columns at most, as argp(3) fills them.
    func reference(_ program: String) -> String {
        let name = name(program)
        var lines = ""
        var column = 0
        for word in "Try `\(name) --help' or `\(name) --usage' for more information.".split(separator: " ") {
            if column > 0 {
                let fits = column + 1 + word.count < 79
                lines += fits ? " " : "\n"
                column = fits ? column + 1 : 0
            }
            lines += word
            column += word.count
        }
        return lines + "\n"
    }
}

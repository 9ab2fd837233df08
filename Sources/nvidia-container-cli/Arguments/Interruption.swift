// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Why a command line is not carried out.
enum Interruption: Error {
    case help(HelpPage)
    case usage(HelpPage)
    case version
    case misused(UsageError, HelpPage)
    /// It is understood, and has a value that makes no sense.
    case invalid(Failure)

    /// What libnvidia-container calls an input error.
    static func input(_ cause: String, hint: String = "") -> Interruption {
        .invalid(Failure(.input, cause, hint: hint))
    }
}

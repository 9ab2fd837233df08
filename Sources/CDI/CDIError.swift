// SPDX-License-Identifier: Apache-2.0

package import Linux
internal import OCISpec

/// Why CDI devices can't be had. `description` is one line, the cause first; `hint` says what to do.
package enum CDIError: Error, Equatable {
    /// No CDI file gives these devices; never empty.
    case unresolvable([CDIUnresolvedDevice])
    /// A file that is not JSON, or not of the part of YAML that is read, or too large.
    case malformedFile(file: ByteString, reason: String)
    /// A file that breaks the rules of CDI.
    case invalidFile(file: ByteString, reason: String)
    /// The device node on the host can't be looked at; `code` is errno.
    case missingHostDevice(path: ByteString, origin: CDIOrigin, code: CInt)
    /// Something else than the file says is at the device node's path.
    case unsuitableHostDevice(path: ByteString, origin: CDIOrigin, reason: String)
    /// What is to be mounted is not on the host.
    case missingMountSource(path: ByteString, origin: CDIOrigin)
    /// The program of a hook is not on the host, or is no program.
    case missingHook(path: ByteString, origin: CDIOrigin, reason: String)
    /// The program of a hook, which would run as root, can be changed by somebody else.
    case untrustedHook(path: ByteString, origin: CDIOrigin, reason: TrustError)
    /// An edit that would reach further than an edit for a device has to.
    case refusedEdit(origin: CDIOrigin, reason: String)

    /// A file that could not be read or breaks a rule.
    init(reading error: SpecError) {
        switch error.code {
        case .malformed, .ambiguous, .tooLarge: self = .malformedFile(file: error.file, reason: error.reason)
        default: self = .invalidFile(file: error.file, reason: error.reason)
        }
    }

    /// What is wrong with a file, where that was not to be read; without its name.
    var reasonAboutFile: String {
        switch self {
        case .malformedFile(_, let reason), .invalidFile(_, let reason): reason
        default: description
        }
    }
}

extension CDIError: CustomStringConvertible {
    package var description: String { Shown.cut(text, to: 200) }

    private var text: String {
        switch self {
        case .unresolvable(let devices):
            "unresolvable CDI devices \(Shown.list(devices.map(\.name.text), limit: 3))"
                + (devices.first.map { ": \($0.cause)" } ?? "")
        case .malformedFile(let file, let reason): "can't read the CDI file \(Shown.path(file)): \(reason)"
        case .invalidFile(let file, let reason): "not a valid CDI file: \(Shown.path(file)): \(reason)"
        case .missingHostDevice(let path, let origin, let code):
            "failed to stat CDI host device \"\(Shown.path(path))\": \(Shown.words(for: code)) (\(origin))"
        case .unsuitableHostDevice(let path, let origin, let reason):
            "unsuitable CDI host device \"\(Shown.path(path))\": \(reason) (\(origin))"
        case .missingMountSource(let path, let origin):
            "no such file or folder to mount: \(Shown.path(path)) (\(origin))"
        case .missingHook(let path, let origin, let reason):
            "hook can't be run: \(Shown.path(path)): \(reason) (\(origin))"
        case .untrustedHook(_, let origin, let reason): "hook is not trusted: \(Shown.trust(reason)) (\(origin))"
        case .refusedEdit(let origin, let reason): "refused CDI edit: \(reason) (\(origin))"
        }
    }

    /// What the administrator can do about it; one line, no period.
    package var hint: String {
        switch self {
        case .unresolvable(let devices): devices.first?.cause.hint ?? ""
        case .malformedFile(let file, _), .invalidFile(let file, _):
            "correct \(Shown.path(file)), or have it written anew by what made it"
        case .missingHostDevice:
            "load the driver's modules so that the node is made; if the driver changed, have the CDI file made anew"
        case .unsuitableHostDevice, .missingMountSource, .missingHook:
            "the CDI file may be older than the driver; have it made anew"
        case .untrustedHook(_, _, let reason):
            switch reason.reason {
            case .owner: "run chown 0 \(reason.path)"
            case .writable: "run chmod go-w \(reason.path)"
            case .relative, .system: "correct the hook's path in the CDI file"
            }
        case .refusedEdit(let origin, _): "correct the edit in \(Shown.path(origin.file))"
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A device that no CDI file gives, and why.
package struct CDIUnresolvedDevice: Equatable, Sendable {
    package enum Cause: Equatable, Sendable {
        /// No file defines the device's kind.
        case unknownKind(CDIKind, directories: [CDIDirectoryReport])
        /// Files define the kind, but no such device. `nearest` has up to three names that they do define.
        case unknownDevice(CDIQualifiedName, files: [ByteString], nearest: [ByteString])
        /// Two files in one directory define it, so that none counts.
        case conflict(ByteString, ByteString)
        /// A file that names the kind, or that could not be read, can't be used.
        case brokenFile(CDIProblem)
    }

    package let name: CDIQualifiedName
    package let cause: Cause
}

extension CDIUnresolvedDevice.Cause: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unknownKind(let kind, let directories):
            "no CDI file defines \(kind); looked in "
                + (directories.isEmpty ? "no directory" : directories.map(\.description).joined(separator: ", "))
        case .unknownDevice(let name, let files, let nearest):
            "\(Shown.cut(name.kind.description, to: 40)) has no device \(Shown.cut(name.name.description, to: 40)) in "
                + "\(files.map { Shown.path($0, limit: 40) }.joined(separator: ", ")); nearest: "
                + Shown.list(nearest, limit: 3)
        case .conflict(let one, let other):
            "both \(Shown.path(one, limit: 56)) and \(Shown.path(other, limit: 56)) define it"
        case .brokenFile(let problem): "\(Shown.path(problem.file)): \(problem.reason)"
        }
    }

    /// What the administrator can do about it; one line, no period.
    var hint: String {
        switch self {
        case .unknownKind:
            "have a CDI file made for it, or correct the name or "
                + "nvidia-container-runtime.modes.cdi.spec-dirs in config.toml"
        case .unknownDevice: "ask for a device that is there, or have the CDI file made anew"
        case .conflict(_, let other): "remove one of the two files, such as \(Shown.path(other))"
        case .brokenFile(let problem): "correct or remove \(Shown.path(problem.file))"
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Finds the program that really runs containers: runc, crun or what the configuration names.
package struct LowLevelRuntime {
    /// Where bare names are looked for after PATH (the original's pkg/lookup/path.go).
    private static let defaultDirectories: [ByteString] = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    /// PATH's absolute directories, then the default ones.
    private let directories: [ByteString]
    /// The file that this process runs, which must not run itself again; nil where it isn't known.
    private let ownFile: FileStatus?
    /// What was found and not taken, for the error.
    private var objections: [LowLevelRuntimeError] = []

    /// `searchPath` is the value of PATH.
    package init(searchPath: ByteString?, ownFile: FileStatus? = try? FileStatus.of("/proc/self/exe")) {
        var directories = (searchPath ?? ByteString()).split(separator: UInt8(ascii: ":")).filter(\.isAbsolutePath)
        for directory in LowLevelRuntime.defaultDirectories where !directories.contains(directory) {
            directories.append(directory)
        }
        self.directories = directories
        self.ownFile = ownFile
    }

    /// The path of the first of `candidates` that exists.
    ///
    /// An absolute path that exists but can't be trusted or run is an error, not a reason to take the next one: another
    /// runtime would not know the containers of the first. A bare name is looked for in PATH, since k3s and others bring
    /// their runc there, but only in directories that nobody else can write (`TrustedPath`); the rest of PATH is passed
    /// over.
    package mutating func locate(_ candidates: [ByteString]) throws(LowLevelRuntimeError) -> ByteString {
        objections = []
        if candidates.isEmpty { throw LowLevelRuntimeError("at least one runtime candidate must be specified") }
        for candidate in candidates {
            guard !candidate.isEmpty else { throw LowLevelRuntimeError("invalid path '': the name is empty") }
            if candidate.bytes.contains(UInt8(ascii: "/")) {
                if try isProgram(candidate) { return candidate }
            } else if let path = search(candidate) {
                return path
            }
        }
        let names = candidates.map(\.description).joined(separator: " ")
        let refused = objections.map { "; \($0)" }.joined()
        let hint = objections.lazy.map(\.hint).first { !$0.isEmpty }.map { $0 + ", or " } ?? ""
        throw LowLevelRuntimeError(
            "no runtime binary found from candidate list: [\(names)]\(refused)",
            hint: hint + "install one of them or set nvidia-container-runtime.runtimes in config.toml")
    }

    private mutating func search(_ name: ByteString) -> ByteString? {
        for directory in directories {
            let path = directory.appending(component: name)
            do throws(LowLevelRuntimeError) {
                if try isProgram(path) { return path }
            } catch {
                objections.append(error)
            }
        }
        return nil
    }

    /// Whether `path` is there; throws where it is but must not be run.
    private func isProgram(_ path: ByteString) throws(LowLevelRuntimeError) -> Bool {
        // Most of PATH doesn't have the name: one cheap call says so, before the walk.
        guard !isMissing(path) else { return false }
        let status: FileStatus
        do throws(TrustError) {
            status = try TrustedPath(path).status
        } catch {
            if error.isMissing { return false }
            throw LowLevelRuntimeError("invalid path '\(path)': not trusted: \(error.cause)", hint: error.hint)
        }
        guard status.kind == .regular, status.permissions & 0o111 != 0 else {
            throw LowLevelRuntimeError("specified path '\(path)' is not an executable file")
        }
        if let ownFile, ownFile.inode == status.inode, ownFile.device == status.device {
            throw LowLevelRuntimeError(
                "invalid path '\(path)': it is nvidia-runtime itself",
                hint: "set nvidia-container-runtime.runtimes to runc or crun")
        }
        return true
    }

    private func isMissing(_ path: ByteString) -> Bool {
        do throws(LinuxError) {
            _ = try FileStatus.of(path)
            return false
        } catch {
            return TrustError(.system(error.code), path).isMissing
        }
    }
}

/// Why no low-level runtime can be had, in the words of the original where it has some.
package struct LowLevelRuntimeError: Error, Equatable, CustomStringConvertible {
    package let description: String
    /// What to do about it; may be empty.
    package let hint: String

    init(_ description: String, hint: String = "") {
        self.description = description
        self.hint = hint
    }
}

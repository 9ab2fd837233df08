// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A path that nobody but root and the user we run as can lead elsewhere, checked step by step from `/`.
///
/// For files that decide what runs as root: the configuration, the low-level runtime. Every directory, link and file on
/// the way has to be owned by root or by our effective uid and must not be writable by group or others. Since nobody
/// untrusted can change any step, the path stays true after the check.
///
/// Two things are let pass that are as safe. A directory on the way (not the last one) may be shared if it is sticky
/// (`/nix/store`, `/tmp`): nobody can replace somebody else's entry there, and the entry itself is checked. And where `/`
/// belongs to the overflow uid (user_namespaces(7)), root's files look like that one's: rootless engines run their
/// runtime in such a namespace.
package struct TrustedPath: Sendable {
    /// The path without links, `.` and `..`.
    package let resolved: ByteString
    package let status: FileStatus

    /// As many links as the kernel follows (namei, MAXSYMLINKS).
    private static let linkLimit = 40
    private static let overflowUser: uid_t = 65534

    /// Checks `path`, which has to be absolute, and follows links, the last one too.
    package init(_ path: ByteString) throws(TrustError) {
        guard path.isAbsolutePath else { throw TrustError(.relative, path) }
        var walk = try Walk()
        try walk.push(path)
        while try walk.step() {}
        resolved = walk.current
        status = walk.status
    }

    /// The state of the walk: where we are, and the path still to go from there.
    private struct Walk {
        var current: ByteString = "/"
        var status: FileStatus
        private var rest: ArraySlice<UInt8> = []
        private var links = 0
        /// Whether somebody else can make entries in `current`.
        private var isShared = false
        private let rootOwner: uid_t

        init() throws(TrustError) {
            status = try TrustedPath.lookUp("/")
            rootOwner = status.owner
            try check("/", status, isLast: false)
        }

        /// Puts `path` before what is still to go.
        mutating func push(_ path: ByteString) throws(TrustError) {
            guard path.isCString else { throw TrustError(.system(EINVAL), path) }
            rest = rest.isEmpty ? path.bytes[...] : path.bytes + [UInt8(ascii: "/")] + rest
            skipSlashes()
        }

        private mutating func skipSlashes() {
            while rest.first == UInt8(ascii: "/") { rest.removeFirst() }
        }

        private mutating func nextComponent() -> ByteString? {
            if rest.isEmpty { return nil }
            let component = rest.prefix { $0 != UInt8(ascii: "/") }
            rest = rest[component.endIndex...]
            skipSlashes()
            return ByteString(component)
        }

        /// Takes one component; false where none is left.
        mutating func step() throws(TrustError) -> Bool {
            guard let component = nextComponent() else { return false }
            guard status.kind == .directory else { throw TrustError(.system(ENOTDIR), current) }
            if component == "." { return true }
            if component == ".." {
                current = current.parentPath
                try enter(current)
                return true
            }
            let next = current.appending(component: component)
            let found = try TrustedPath.lookUp(next)
            guard found.kind == .symbolicLink else {
                try check(next, found, isLast: rest.isEmpty)
                (current, status) = (next, found)
                return true
            }
            if isShared { try checkOwner(next, found) }
            links += 1
            guard links <= TrustedPath.linkLimit else { throw TrustError(.system(ELOOP), next) }
            let target = try TrustedPath.readLink(next)
            try push(target)
            if target.isAbsolutePath { try enter("/") }
            return true
        }

        /// Goes back to a directory on the way, which was checked when it was passed first.
        private mutating func enter(_ directory: ByteString) throws(TrustError) {
            current = directory
            status = try TrustedPath.lookUp(directory)
            isShared = false
            try check(directory, status, isLast: rest.isEmpty)
        }

        private mutating func check(_ path: ByteString, _ status: FileStatus, isLast: Bool) throws(TrustError) {
            try checkOwner(path, status)
            isShared = status.permissions & 0o022 != 0
            guard isShared else { return }
            let isSticky = status.kind == .directory && status.permissions & 0o1000 != 0
            guard isSticky, !isLast, status.owner != TrustedPath.overflowUser else {
                throw TrustError(.writable(status.permissions & 0o7777), path)
            }
        }

        private func checkOwner(_ path: ByteString, _ status: FileStatus) throws(TrustError) {
            if status.owner == 0 || status.owner == geteuid() { return }
            if status.owner == TrustedPath.overflowUser, rootOwner == TrustedPath.overflowUser, !isShared { return }
            throw TrustError(.owner(status.owner), path)
        }
    }

    private static func lookUp(_ path: ByteString) throws(TrustError) -> FileStatus {
        do throws(LinuxError) {
            return try FileStatus.of(path, followLinks: false)
        } catch {
            throw TrustError(.system(error.code), path)
        }
    }

    private static func readLink(_ path: ByteString) throws(TrustError) -> ByteString {
        do throws(LinuxError) {
            return try ByteString(textOfLink: path, relativeTo: AT_FDCWD)
        } catch {
            throw TrustError(.system(error.code), path)
        }
    }
}

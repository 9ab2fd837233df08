// SPDX-License-Identifier: Apache-2.0

package import Glibc

/// Why a path is not trusted (`TrustedPath`), and the step of it that is to blame.
package struct TrustError: Error, Equatable {
    package enum Reason: Equatable, Sendable {
        /// It is not absolute, so it depends on the working directory.
        case relative
        /// Somebody else owns it.
        case owner(uid_t)
        /// Group or others can write it; the permission bits.
        case writable(UInt32)
        /// It can't be looked at; errno.
        case system(CInt)
    }

    package let reason: Reason
    package let path: ByteString

    package init(_ reason: Reason, _ path: ByteString) {
        self.reason = reason
        self.path = path
    }

    /// Whether nothing is there.
    package var isMissing: Bool { reason == .system(ENOENT) || reason == .system(ENOTDIR) }
}

extension TrustError: CustomStringConvertible {
    /// "/etc/x is writable by group or others (mode 0777); run chmod go-w /etc/x"
    package var description: String { hint.isEmpty ? cause : "\(cause); \(hint)" }

    /// The first half of the description.
    package var cause: String {
        switch reason {
        case .relative: "\(path) is not an absolute path"
        case .owner(let uid): "\(path) is owned by uid \(uid)"
        case .writable(let mode): "\(path) is writable by group or others (mode 0\(String(mode, radix: 8)))"
        case .system(let code): "\(path): \(String(cString: strerror(code)))"
        }
    }

    /// The second half, what mends it; empty where that depends.
    package var hint: String {
        switch reason {
        case .owner: "run chown 0 \(path)"
        case .writable: "run chmod go-w \(path)"
        case .relative, .system: ""
        }
    }
}

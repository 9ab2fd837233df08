// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An element of `deviceNodes`: a device node of the host that the container gets.
package struct CDIDeviceNode: Hashable, Sendable {
    /// What a node is. The names of mknod(1), which the OCI runtime specification uses too.
    package enum Kind: Hashable, Sendable {
        case block, character, unbufferedCharacter, fifo

        /// Nil for a letter that is none of `b`, `c`, `u` and `p`.
        package init?(letter: ByteString) {
            switch letter {
            case "b": self = .block
            case "c": self = .character
            case "u": self = .unbufferedCharacter
            case "p": self = .fifo
            default: return nil
            }
        }

        package var letter: ByteString {
            switch self {
            case .block: "b"
            case .character: "c"
            case .unbufferedCharacter: "u"
            case .fifo: "p"
            }
        }
    }

    /// In the container.
    package var path: ByteString
    /// On the host; nil where it is `path`.
    package var hostPath: ByteString?
    /// Nil: the host's node tells.
    package var kind: Kind?
    /// 0 or missing: the host's node tells, and the minor number too.
    package var major: UInt32 = 0
    package var minor: UInt32 = 0
    /// Permission bits; nil: the host's node tells.
    package var fileMode: UInt32?
    /// Letters of `rwm`. Nil is all of them, and empty (`none` in the file) is none.
    package var permissions: ByteString?
    /// In the container; nil leaves it to the runtime.
    package var uid: UInt32?
    package var gid: UInt32?

    package init(path: ByteString) { self.path = path }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Where in the container a mount goes: as the spec writes it, and as the runtime reads it.
struct MountDestination: Hashable, Sendable {
    /// As the spec has it. Two entries with one destination in two spellings are two mounts.
    let text: ByteString
    /// Absolute, without `.`, `..`, empty components and a slash at the end: `/a/b`; empty for the root. As runc cleans
    /// it before it looks at the root file system (internal/pathrs, filepath.Clean below `/`): a relative one is one
    /// from the root, and `..` is taken away with what is before it, whatever links the container has.
    let cleaned: ByteString

    /// The destination that a spec has as `text`.
    init(_ text: ByteString) {
        self.text = text
        cleaned = text.count > 1 && text.isPlainAbsolutePath ? text : Self.clean(text)
    }

    /// How two places lie to each other.
    enum Relation {
        case same
        /// Strictly above: a mount there that is made later hides one at the other.
        case above
        /// Strictly below.
        case below
        case apart
    }

    /// Where this place is, seen from `other`.
    func relation(to other: MountDestination) -> Relation {
        let (path, otherPath) = (cleaned.bytes, other.cleaned.bytes)
        let (count, otherCount) = (path.count, otherPath.count)
        if count == otherCount { return path == otherPath ? .same : .apart }
        // The byte behind the shorter one rules out nearly all without a look at the rest: libraries lie side by side.
        if count < otherCount {
            return otherPath[count] == UInt8(ascii: "/") && otherPath.starts(with: path) ? .above : .apart
        }
        return path[otherCount] == UInt8(ascii: "/") && path.starts(with: otherPath) ? .below : .apart
    }

    private static func clean(_ path: ByteString) -> ByteString {
        var components: [ByteString] = []
        for component in path.pathComponents {
            if component != ".." {
                components.append(component)
            } else if !components.isEmpty {
                components.removeLast()
            }
        }
        var cleaned: [UInt8] = []
        for component in components { cleaned += [UInt8(ascii: "/")] + component.bytes }
        return ByteString(cleaned)
    }
}

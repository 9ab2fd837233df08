// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A file of `/etc/nvidia-container-runtime/host-files-for-container.d`: what the board support package of a Tegra says
/// that a container needs from the host.
///
/// A line is a type, a comma and a path, with blanks wherever one likes; the path may have commas. There are no quotes,
/// headers and comments, but blank lines and lines that start with `#` are passed over in silence here
/// (nvidia-container-toolkit, internal/platform-support/tegra/csv).
package struct CSVFile: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// `dev`: a character device. The path may be a pattern (`Wildcard`), as all of them.
        case device
        /// `dir`: a folder with all that is in it.
        case directory
        /// `lib`: a library, and any other file.
        case library
        /// `sym`: a symbolic link, and what it leads to.
        case symbolicLink
    }

    package struct Entry: Hashable, Sendable {
        package var kind: Kind
        /// Absolute, without `.`, `..`, empty components and control characters.
        package var path: ByteString

        package init(kind: Kind, path: ByteString) {
            self.kind = kind
            self.path = path
        }
    }

    /// In the order of the lines.
    package private(set) var entries: [Entry] = []
    /// How many lines say nothing that can be followed: of another type, without a path, with a path that is relative,
    /// has `..`, is the root, is no text, or, of a device, is not below `/dev`; too long; or more than a file may have.
    package private(set) var skippedLines = 0

    /// Bytes of a line. The original stops reading at a longer one; here it is one line that is skipped.
    static let lineLimit = 64 << 10
    /// A board has about 300.
    static let entryLimit = 1 << 14
    /// PATH_MAX, its NUL not counted.
    private static let pathLimit = 4095

    package init(parsing bytes: [UInt8]) {
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            take(bytes[start..<end])
            start = end + 1
        }
    }

    private mutating func take(_ line: ArraySlice<UInt8>) {
        let text = Self.trimmed(line)
        if text.isEmpty || text.first == UInt8(ascii: "#") { return }
        guard line.count <= Self.lineLimit, entries.count < Self.entryLimit, let entry = Self.entry(text) else {
            skippedLines += 1
            return
        }
        entries.append(entry)
    }

    private static func entry(_ text: ArraySlice<UInt8>) -> Entry? {
        guard let comma = text.firstIndex(of: UInt8(ascii: ",")), let kind = Kind(trimmed(text[..<comma])) else {
            return nil
        }
        let path = ByteString(trimmed(text[(comma + 1)...]))
        guard path.isAbsolutePath, path.count <= pathLimit, path.isPrintableUTF8, !path.hasParentComponent else {
            return nil
        }
        let components = path.pathComponents
        // A container that gets the host's root has left it; and what is not below /dev is no device of a driver.
        guard !components.isEmpty, kind != .device || components.count > 1 && components[0] == "dev" else { return nil }
        return Entry(kind: kind, path: ByteString(components.flatMap { [UInt8(ascii: "/")] + $0.bytes }))
    }

    /// Without the blanks of ASCII at both ends, as Go's strings.TrimSpace has them; a carriage return is one.
    private static func trimmed(_ slice: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        guard let first = slice.firstIndex(where: { !isBlank($0) }), let last = slice.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return slice[first...last]
    }
}

extension CSVFile.Kind {
    fileprivate init?(_ word: ArraySlice<UInt8>) {
        if word.isEqual(to: "dev") {
            self = .device
        } else if word.isEqual(to: "dir") {
            self = .directory
        } else if word.isEqual(to: "lib") {
            self = .library
        } else if word.isEqual(to: "sym") {
            self = .symbolicLink
        } else {
            return nil
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// A line of ldconfig's configuration (elf/ldconfig.c, `parse_conf`).
enum LoaderConfigurationLine {
    /// Nothing, a comment, or hardware capabilities, which no glibc in use reads.
    case nothing
    /// `include PATTERN...`, absolute.
    case include([ByteString])
    /// As it is written, without slashes at the end.
    case directory(ByteString)

    /// `file` is the path of the file that has the line: patterns are relative to its directory. `#` starts a comment.
    init(_ line: ByteString, of file: ByteString) {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let text = ByteString(line.bytes.prefix { $0 != UInt8(ascii: "#") }).trimmed
        if let patterns = text.droppingPrefix("include"), let first = patterns.bytes.first, isBlank(first) {
            self = .include(
                patterns.bytes.split(whereSeparator: isBlank).map { bytes in
                    let pattern = ByteString(bytes)
                    return pattern.isAbsolutePath ? pattern : file.parentPath.appending(component: pattern)
                })
        } else if text.isAbsolutePath {
            self = .directory(text.withoutSlashesAtEnd)
        } else {
            self = .nothing
        }
    }
}

extension ByteString {
    /// A path without slashes at its end; `/` for the root.
    var withoutSlashesAtEnd: ByteString {
        let end = bytes.lastIndex { $0 != UInt8(ascii: "/") }
        return end.map { ByteString(bytes[...$0]) } ?? ByteString(bytes.prefix(1))
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The part of ldconfig's configuration that keeps the driver's directories in the cache when somebody runs ldconfig in
/// the container later, as installing a package does.
///
/// The cache is complete without it, so nothing here fails an update. Files of the image are never changed.
struct LoaderConfiguration {
    private static let main: ByteString = "/etc/ld.so.conf"
    /// Sorted before a distribution's own files, so that the driver's directories win there too. One fixed name: the
    /// next start writes the same file again.
    private static let dropIn: ByteString = "/etc/ld.so.conf.d/00-nvidia-runtime.conf"
    private static let includeLine: ByteString = "include /etc/ld.so.conf.d/*.conf\n"
    /// Bytes.
    private static let sizeLimit = 64 << 10

    private let directories: [ByteString]

    /// `directories` are those that ldconfig does not search by itself.
    init(listing directories: [ByteString]) { self.directories = directories }

    /// Writes the drop-in, and ld.so.conf where there is none. Adds to `warnings` what a later ldconfig would lose.
    ///
    /// Where there is nothing to list, a drop-in of an earlier start is emptied.
    func write(to root: borrowing RootDirectory, _ warnings: inout [String]) {
        do throws(LinuxError) {
            let contents = directories.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
            let current = try root.readRegularFile(Self.dropIn, limit: Self.sizeLimit)
            if current != contents, current != nil || !contents.isEmpty {
                try root.replaceFile(at: Self.dropIn, contents: contents)
            }
            guard !directories.isEmpty else { return }
            if try root.status(of: Self.main, followLinks: false) == nil {
                try root.replaceFile(at: Self.main, contents: Self.includeLine.bytes)
            } else if !includesDropIn(ByteString(try root.readFile(Self.main, limit: Self.sizeLimit) ?? [])) {
                warnings.append("\(Self.main) does not include \(Self.dropIn): \(consequence)")
            }
        } catch {
            warnings.append("\(error): \(consequence)")
        }
    }

    private var consequence: String {
        "an ldconfig run in the container "
            + (directories.first.map { "loses \($0)" } ?? "keeps what \(Self.dropIn) lists")
    }

    /// Whether an `include` in the text of ld.so.conf matches the drop-in: `include PATTERN...`, relative to the
    /// directory of the file, `#` to the end of a line a comment (elf/ldconfig.c, `parse_conf`). Files that are
    /// included in turn are not looked at; no distribution needs that.
    func includesDropIn(_ text: ByteString) -> Bool {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        for line in text.lines {
            let line = ByteString(line.bytes.prefix { $0 != UInt8(ascii: "#") }).trimmed
            guard let patterns = line.droppingPrefix("include"), let first = patterns.bytes.first, isBlank(first)
            else { continue }
            for pattern in patterns.bytes.split(whereSeparator: isBlank).map({ ByteString($0) }) {
                let absolute = pattern.isAbsolutePath ? pattern : Self.main.parentPath.appending(component: pattern)
                if Wildcard.path(Self.dropIn, matches: absolute) { return true }
            }
        }
        return false
    }
}

extension RootDirectory {
    /// As `readFile`, but nil for everything that is no regular file: it is going to be replaced, or that fails.
    fileprivate func readRegularFile(_ path: ByteString, limit: Int) throws(LinuxError) -> [UInt8]? {
        guard try status(of: path, followLinks: false)?.kind == .regular else { return nil }
        do throws(LinuxError) {
            return try readFile(path, limit: limit)
        } catch {
            if error.code == EFBIG { return nil }
            throw error
        }
    }
}

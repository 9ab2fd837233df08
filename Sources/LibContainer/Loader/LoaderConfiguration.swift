// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The part of ldconfig's configuration that keeps the driver's directories in the cache when somebody runs ldconfig in
/// the container later, as installing a package does.
///
/// The cache is complete without it, so nothing here fails an update. Files of the image are never changed.
struct LoaderConfiguration {
    /// Sorted before a distribution's own files, so that our directories win there too, and the image's CUDA compat
    /// libraries before the driver's. Fixed names: the next start writes the same file again.
    enum DropIn {
        case driver
        /// Of the enable-cuda-compat hook, beside which an update-ldcache hook writes the other one.
        case forwardCompatibility

        var path: ByteString {
            switch self {
            case .driver: "/etc/ld.so.conf.d/00-nvidia-runtime.conf"
            case .forwardCompatibility: "/etc/ld.so.conf.d/00-compat-nvidia-runtime.conf"
            }
        }
    }

    static let main: ByteString = "/etc/ld.so.conf"
    private static let includeLine: ByteString = "include /etc/ld.so.conf.d/*.conf\n"
    /// Bytes.
    static let sizeLimit = 64 << 10

    private let directories: [ByteString]
    private let dropIn: ByteString

    /// `directories` are those that ldconfig does not search by itself.
    init(listing directories: [ByteString], in dropIn: DropIn = .driver) {
        self.directories = directories
        self.dropIn = dropIn.path
    }

    /// Writes the drop-in, and ld.so.conf where there is none. Adds to `warnings` what a later ldconfig would lose.
    ///
    /// Where there is nothing to list, a drop-in of an earlier start is emptied.
    func write(to root: borrowing RootDirectory, _ warnings: inout [String]) {
        do throws(LinuxError) {
            let contents = directories.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
            let current = try root.readRegularFile(dropIn, limit: Self.sizeLimit)
            if current != contents, current != nil || !contents.isEmpty {
                try root.replaceFile(at: dropIn, contents: contents)
            }
            guard !directories.isEmpty else { return }
            if try root.status(of: Self.main, followLinks: false) == nil {
                try root.replaceFile(at: Self.main, contents: Self.includeLine.bytes)
            } else if !includesDropIn(ByteString(try root.readFile(Self.main, limit: Self.sizeLimit) ?? [])) {
                warnings.append("\(Self.main) does not include \(dropIn): \(consequence)")
            }
        } catch {
            warnings.append("\(error): \(consequence)")
        }
    }

    private var consequence: String {
        "an ldconfig run in the container "
            + (directories.first.map { "loses \($0)" } ?? "keeps what \(dropIn) lists")
    }

    /// Whether an `include` in the text of ld.so.conf matches the drop-in. Files that are included in turn are not looked
    /// at; no distribution needs that.
    func includesDropIn(_ text: ByteString) -> Bool {
        text.lines.contains { line in
            guard case .include(let patterns) = LoaderConfigurationLine(line, of: Self.main) else { return false }
            return patterns.contains { Wildcard.path(dropIn, matches: $0) }
        }
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

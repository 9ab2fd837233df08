// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// The folder with the CSV files, and which of them count.
///
/// The files are the administrator's: a device that they name is given to containers, whatever it is. So nobody else
/// may be able to change them (`TrustedPath`).
package struct CSVFolder: Sendable {
    /// What `nvidia-container-runtime.modes.csv.mount-spec-path` is by default.
    package static let defaultPath: ByteString = "/etc/nvidia-container-runtime/host-files-for-container.d"

    /// Absolute, on the host; never below a driver root.
    package let path: ByteString
    /// Whether every file counts, as a container with `NVIDIA_REQUIRE_JETPACK=csv-mounts=all` asks, and not only those
    /// of the base system. JetPack 4 described CUDA and its libraries in others, which images have had on their own
    /// since.
    package let hasAllFiles: Bool
    /// Where the files of the base system are taken from if no file counts in `path`.
    let fallbackPath: ByteString

    package init(_ path: ByteString = CSVFolder.defaultPath, hasAllFiles: Bool = false) {
        self.init(path, hasAllFiles: hasAllFiles, fallbackPath: Self.defaultPath)
    }

    init(_ path: ByteString, hasAllFiles: Bool, fallbackPath: ByteString) {
        self.path = path
        self.hasAllFiles = hasAllFiles
        self.fallbackPath = fallbackPath
    }

    /// Bytes. A board's files have 20 KiB.
    private static let sizeLimit = 4 << 20
    private static let baseNames: [ByteString] = ["devices.csv", "drivers.csv", "l4t.csv"]

    /// One file that was read.
    struct Contents {
        let path: ByteString
        let file: CSVFile
    }

    /// Reads the files in the order of their names. Where none counts, those of the base system in the default folder
    /// do. A file that can't be read is an omission; one that others than root can change is an error.
    func read(recording omissions: inout [Omission]) throws(TegraError) -> [Contents] {
        var contents = try contents(of: names().map { path.appending(component: $0) }, &omissions)
        if contents.isEmpty, path != fallbackPath {
            contents = try self.contents(of: Self.baseNames.map { fallbackPath.appending(component: $0) }, &omissions)
        }
        guard !contents.isEmpty else { throw .noFiles(folder: path) }
        return contents
    }

    /// Names that count; none where there is no such folder.
    private func names() -> [ByteString] {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 4096) { name in
                let name = ByteString(Array(name))
                if name.isFileName, hasAllFiles ? name.isCSV : Self.baseNames.contains(name) { names.append(name) }
            }
        } catch {
            // The same as an empty one.
        }
        return names.sorted()
    }

    private func contents(
        of paths: [ByteString], _ omissions: inout [Omission]
    ) throws(TegraError) -> [Contents] {
        var contents: [Contents] = []
        for path in paths {
            let trusted: TrustedPath
            do throws(TrustError) {
                trusted = try TrustedPath(path)
            } catch {
                if error.isMissing { continue }
                throw .untrusted(error)
            }
            if trusted.status.kind == .directory { continue }
            do throws(LinuxError) {
                let file = CSVFile(parsing: try Self.bytes(of: trusted))
                if file.skippedLines > 0 {
                    let lines = file.skippedLines == 1 ? "1 line" : "\(file.skippedLines) lines"
                    omissions.append(Omission(name: path, cause: .refused("\(lines) not understood")))
                }
                contents.append(Contents(path: path, file: file))
            } catch {
                omissions.append(Omission(name: path, cause: .refused(error.description)))
            }
        }
        return contents
    }

    /// read(2) of no more than the limit, of a regular file only: opening something else may block.
    private static func bytes(of trusted: TrustedPath) throws(LinuxError) -> [UInt8] {
        let path = trusted.resolved
        guard trusted.status.kind == .regular else { throw LinuxError("read as a regular file", path, code: EINVAL) }
        guard trusted.status.size <= sizeLimit else { throw LinuxError("read", path, code: EFBIG) }
        let file = try FileDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)
        return try file.readToEnd(limit: sizeLimit, sizeHint: Int(trusted.status.size))
    }
}

extension ByteString {
    /// Whether it ends in `.csv`, in any case, and is more than that.
    fileprivate var isCSV: Bool { count > 4 && lowercased.hasSuffix(".csv") }
}

// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The directories of a root whose libraries ldconfig puts into the cache, in the order in which they win: those of
/// ld.so.conf and of what it includes, then those that it searches by itself (elf/ldconfig.c).
///
/// The files are the image's: how much of them is read is bounded, and what can't be read counts as absent.
struct LoaderSearchPath {
    struct Directory {
        /// As it is written where it stands first: what the cache's paths start with.
        let path: ByteString
        let identity: FileIdentity
        /// Whether an enable-cuda-compat hook has listed it, ours or the original's.
        let hasForwardCompatibility: Bool
    }

    /// Those that exist, each once, whatever it is called.
    private(set) var directories: [Directory] = []
    private var places: [FileIdentity: Int] = [:]
    /// What was read and looked up: neither twice, since that would change nothing.
    private var files: Set<ByteString> = []
    private var paths: Set<ByteString> = []

    private static let depthLimit = 8
    private static let fileLimit = 256
    private static let pathLimit = 4096
    private static let compatibilityPrefix: ByteString = "/etc/ld.so.conf.d/00-compat-"

    init(of root: borrowing RootDirectory) throws(LinuxError) {
        read(LoaderConfiguration.main, in: root, depth: 0)
        for path in try LoaderDirectories(of: root).directories {
            add(path, hasForwardCompatibility: false, in: root)
        }
    }

    /// The position in `directories` of the directory `identity`; nil for one that is not among them.
    func place(of identity: FileIdentity) -> Int? { places[identity] }

    private mutating func read(_ file: ByteString, in root: borrowing RootDirectory, depth: Int) {
        guard depth <= Self.depthLimit, files.count < Self.fileLimit, files.insert(file).inserted else { return }
        let text: ByteString
        do throws(LinuxError) {
            text = ByteString(try root.readFile(file, limit: LoaderConfiguration.sizeLimit) ?? [])
        } catch {
            return
        }
        for line in text.lines {
            switch LoaderConfigurationLine(line, of: file) {
            case .nothing: break
            case .include(let patterns):
                for pattern in patterns where files.count < Self.fileLimit {
                    for path in root.paths(matching: pattern, limit: Self.fileLimit) {
                        read(path, in: root, depth: depth + 1)
                    }
                }
            case .directory(let path):
                guard paths.count < Self.pathLimit else { return }
                add(path, hasForwardCompatibility: file.hasPrefix(Self.compatibilityPrefix), in: root)
            }
        }
    }

    private mutating func add(
        _ path: ByteString, hasForwardCompatibility: Bool, in root: borrowing RootDirectory
    ) {
        guard paths.insert(path).inserted else { return }
        do throws(LinuxError) {
            guard let status = try root.status(of: path), status.kind == .directory else { return }
            let identity = FileIdentity(status)
            guard places[identity] == nil else { return }
            places[identity] = directories.count
            directories.append(
                Directory(path: path, identity: identity, hasForwardCompatibility: hasForwardCompatibility))
        } catch {
            // As ldconfig does with what it can't reach.
        }
    }
}

/// Which file it is, whatever it is called.
struct FileIdentity: Hashable {
    private let device: dev_t
    private let inode: ino_t

    init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
}

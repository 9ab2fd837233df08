// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// What is in an image's directory of compat libraries. The image is not trusted: how much is looked at is bounded, and
/// only regular files are opened, none of them through a link.
struct CompatibilityListing {
    /// Why there is nothing that could be used: lower case, no period.
    struct Unusable: Error {
        let reason: String

        init(_ reason: String) { self.reason = reason }
    }

    /// As it was asked for; links on the way to it are the image's own business.
    let path: ByteString
    /// Files and links that are named as compat libraries are, in byte order.
    let names: [ByteString]
    private let device: dev_t
    private let inode: ino_t

    /// A package has about 15 names.
    private static let nameLimit = 128
    private static let entryLimit = 1 << 16
    private static let directoryLimit = 64

    init(of path: ByteString, in root: borrowing RootDirectory) throws(Unusable) {
        var names: [ByteString] = []
        do throws(LinuxError) {
            let directory = try root.open(path, flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK)
            let status = try directory.status()
            (device, inode) = (status.device, status.inode)
            try directory.forEachEntry(limit: Self.entryLimit) { bytes in
                guard bytes.starts(with: "lib".utf8), names.count <= Self.nameLimit else { return }
                let name = ByteString(Array(bytes))
                if CompatibilityLibrary.mayBeNamed(name) { names.append(name) }
            }
        } catch {
            switch error.code {
            case ENOENT, ENOTDIR: throw Unusable("the image has no \(path)")
            case EFBIG: throw Unusable("\(path) has more than \(Self.entryLimit) entries")
            default: throw Unusable("\(error)")
            }
        }
        guard names.count <= Self.nameLimit else {
            throw Unusable("\(path) has more than \(Self.nameLimit) libraries")
        }
        self.path = path
        self.names = names.sorted()
    }

    /// The version of the one `libcuda.so.VERSION` with a dot in its version, and the file, open for reading.
    func libcuda(in root: borrowing RootDirectory) throws(Unusable) -> CompatibilityLibrary.File {
        let prefix: ByteString = "libcuda.so."
        var found: [ByteString] = []
        for name in names {
            guard let version = name.droppingPrefix(prefix), version.bytes.contains(UInt8(ascii: ".")) else { continue }
            do throws(LinuxError) {
                let status = try root.status(of: path.appending(component: name), followLinks: false)
                if status?.kind == .regular { found.append(version) }
            } catch {
                throw Unusable("\(error)")
            }
        }
        guard let version = found.first else { throw Unusable("\(path) has no libcuda.so.*.*") }
        guard found.count == 1 else {
            throw Unusable("\(path) has \(found.count) libcuda.so.*.*, \(version) and \(found[1]) first")
        }
        do throws(LinuxError) {
            let file = path.appending(component: prefix + version)
            if let descriptor = try root.openFile(file, followLinks: false) {
                return CompatibilityLibrary.File(version: version, descriptor: descriptor)
            }
            throw LinuxError("open", file, code: ENOENT)
        } catch {
            throw Unusable("\(error)")
        }
    }

    /// The SONAME of a file of this machine's architecture; nil for everything else.
    func soname(of name: ByteString, in root: borrowing RootDirectory) -> ByteString? {
        do throws(LinuxError) {
            guard let file = try root.openFile(path.appending(component: name), followLinks: false) else { return nil }
            do throws(ELFFile.Failure) {
                let library = try ELFFile(reading: file)
                return DriverFile.LibraryClass(library) == .native ? library.soname : nil
            } catch {
                return nil
            }
        } catch {
            return nil
        }
    }

    /// Whether `path` is one of the names in this very directory, whatever way leads to it. Asks the kernel once for each
    /// directory, which `known` keeps, and for no more than `directoryLimit`: a cache of thousands is hostile.
    func contains(
        _ path: ByteString, in root: borrowing RootDirectory, known: inout [ByteString: Bool]
    ) -> Bool {
        guard names.contains(path.lastPathComponent) else { return false }
        let parent = path.parentPath
        if let answer = known[parent] { return answer }
        guard known.count < Self.directoryLimit else { return false }
        var isSame = false
        do throws(LinuxError) {
            let status = try root.status(of: parent)
            isSame = status?.inode == inode && status?.device == device
        } catch {
            // What can't be reached is another directory.
        }
        known[parent] = isSame
        return isSame
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The new config.json before it has its name: `.config.json.` and 16 random hexadecimal digits, in the bundle. Removed
/// when it goes out of scope without having been renamed.
///
/// A process that is killed leaves it behind. It is locked (flock(2)) as long as its maker lives, so that the next run
/// can tell a leftover from the file of a run at the same time.
struct TemporaryFile: ~Copyable {
    private static let prefix: ByteString = ".config.json."
    private static let digits = 16
    /// Entries of a bundle that are looked at for leftovers; real ones have a handful.
    private static let entryLimit = 4096

    /// Open for writing.
    let descriptor: FileDescriptor
    /// Borrowed from the maker, whose descriptor outlives the file.
    private let directory: CInt
    private let name: ByteString
    private var isRenamed = false

    /// Makes an empty file of mode 0600 in `directory`.
    init(in directory: borrowing FileDescriptor) throws(LinuxError) {
        self.directory = directory.number
        // A second try is for a run at the same time that takes our file for a leftover before it is locked.
        for _ in 0..<8 {
            let name = Self.randomName()
            let descriptor: FileDescriptor
            do throws(LinuxError) {
                let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
                descriptor = try FileDescriptor(
                    opening: name, flags: flags, mode: 0o600, relativeTo: directory.number)
            } catch {
                if error.code == EEXIST { continue }
                throw LinuxError("create temporary file in the bundle", code: error.code)
            }
            guard Self.lock(descriptor) else { continue }
            let linkCount: nlink_t
            do throws(LinuxError) {
                linkCount = try descriptor.status().linkCount
            } catch {
                _ = name.withCString { unlinkat(directory.number, $0, 0) }
                throw LinuxError("create temporary file in the bundle", code: error.code)
            }
            if linkCount == 1 {
                self.descriptor = descriptor
                self.name = name
                return
            }
        }
        throw LinuxError("create temporary file in the bundle", code: EEXIST)
    }

    deinit {
        if !isRenamed { _ = name.withCString { unlinkat(directory, $0, 0) } }
    }

    /// Gives the file the owner and group in `status`, unless it has them.
    func takeOwner(of status: FileStatus) throws(LinuxError) {
        let own = try descriptor.status()
        guard own.owner != status.owner || own.group != status.group else { return }
        _ = try retryingOnInterrupt("change owner") { fchown(descriptor.number, status.owner, status.group) }
    }

    /// renameat(2) within the directory. Afterwards there is nothing left to remove.
    mutating func rename(to newName: ByteString) throws(LinuxError) {
        _ = try name.withCString { (old) throws(LinuxError) -> CInt in
            try newName.withCString { (new) throws(LinuxError) -> CInt in
                try retryingOnInterrupt("rename temporary file") { renameat(directory, old, directory, new) }
            }
        }
        isRenamed = true
    }

    /// Removes the files of runs that were killed. What can't be read or removed stays: that harms nobody.
    static func removeLeftovers(in directory: borrowing FileDescriptor) {
        guard
            let listing = try? FileDescriptor(opening: ".", flags: O_RDONLY | O_DIRECTORY, relativeTo: directory.number)
        else { return }
        var leftovers: [ByteString] = []
        try? listing.forEachEntry(limit: entryLimit) { name in
            let name = ByteString(Array(name))
            if isTemporaryName(name) { leftovers.append(name) }
        }
        for name in leftovers { removeLeftover(name, in: directory) }
    }

    private static func removeLeftover(_ name: ByteString, in directory: borrowing FileDescriptor) {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        guard let status = try? FileStatus.of(name, relativeTo: directory.number, followLinks: false),
            status.kind == .regular,
            let file = try? FileDescriptor(opening: name, flags: flags, relativeTo: directory.number), lock(file)
        else { return }
        _ = name.withCString { unlinkat(directory.number, $0, 0) }
    }

    /// Takes the lock without waiting. A file system without locks has none of ours to respect.
    private static func lock(_ file: borrowing FileDescriptor) -> Bool {
        flock(file.number, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK
    }

    private static func isTemporaryName(_ name: ByteString) -> Bool {
        guard let digits = name.droppingPrefix(prefix) else { return false }
        return digits.count == Self.digits && digits.bytes.allSatisfy { Unicode.Scalar($0).properties.isASCIIHexDigit }
    }

    private static func randomName() -> ByteString {
        let digits = String(UInt64.random(in: .min ... .max), radix: 16)
        return prefix + ByteString(repeatElement(UInt8(ascii: "0"), count: Self.digits - digits.utf8.count))
            + ByteString(digits)
    }
}

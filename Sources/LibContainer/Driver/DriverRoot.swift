// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import Linux

/// A directory that holds the driver's user space: `/`, or where a driver container or a node image has it.
///
/// Every path is resolved inside the root, links that are absolute too, as Debian's alternatives are. What a file's
/// real path is comes from its descriptor, so what was checked is what is named.
package struct DriverRoot: ~Copyable, Sendable {
    let root: RootDirectory
    /// The root's real path; empty for `/`, so that a real path is always `prefix` and a path in the root.
    let prefix: ByteString
    /// Who owns the root directory. In a user namespace the host's root has another number.
    let owner: uid_t
    /// `/proc/self/fd`, where the kernel tells the path of a descriptor.
    let descriptorLinks: FileDescriptor
    /// The loader's cache below the root.
    let cachePath: ByteString
    /// The host's sysfs.
    let sysPath: ByteString

    /// Where a loader has its cache, unless it is told another place.
    package static let usualCachePath: ByteString = "/etc/ld.so.cache"

    /// Opens the directory at `path`. `cachePath` is inside of it.
    ///
    /// Throws where `path` is a link that leads to `/`: who names another directory must not get the host's driver
    /// without a word.
    package init(
        opening path: ByteString, cachePath: ByteString = Self.usualCachePath, sysPath: ByteString = "/sys"
    ) throws(DriverError) {
        let root: RootDirectory
        do throws(LinuxError) { root = try RootDirectory(opening: path) } catch { throw .rootUnusable(error) }
        let links: FileDescriptor
        do throws(LinuxError) {
            links = try FileDescriptor(opening: "/proc/self/fd", flags: CLX_O_PATH | O_DIRECTORY)
        } catch {
            throw .rootUnusable(error)
        }
        let real: ByteString
        let owner: uid_t
        do throws(LinuxError) {
            real = try links.linkTarget(ByteString(String(root.descriptor.number)))
            // The kernel names a directory outside of the process's own root "(unreachable)/...".
            guard real.isAbsolutePath else { throw LinuxError("find the real path of", path, code: ENOENT) }
            owner = try root.descriptor.status().owner
        } catch {
            throw .rootUnusable(error)
        }
        guard real != "/" || path.pathComponents.isEmpty else { throw .rootIsHost(path: path) }
        self.root = root
        self.owner = owner
        prefix = real == "/" ? ByteString() : real
        descriptorLinks = links
        self.cachePath = cachePath
        self.sysPath = sysPath
    }

    /// Finds what `capabilities` ask for in a driver of `version`, which is the kernel module's. Never fails as a
    /// whole: what is missing stands in the result.
    package func locateFiles(for capabilities: DriverCapabilities, version: ByteString) -> DriverFiles {
        var files = DriverFiles(version: version, root: root.path)
        var opened = DriverFolders()
        var search = LibrarySearch(for: capabilities, version: version)
        search.run(in: self, using: &opened, adding: &files)
        let libraryFolders = search.driverFolders
        if !capabilities.isDisjoint(with: .drawing) {
            addXorgModules(libraryFolders: libraryFolders, for: capabilities, using: &opened, to: &files)
        }
        addBinaries(for: capabilities, using: &opened, to: &files)
        addConfiguration(for: capabilities, using: &opened, to: &files)
        addFirmware(for: capabilities, using: &opened, to: &files)
        addSockets(for: capabilities, using: &opened, to: &files)
        return files
    }
}

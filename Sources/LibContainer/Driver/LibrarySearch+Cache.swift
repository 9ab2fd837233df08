// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension LibrarySearch {
    /// The caches of big hosts have about half a megabyte.
    private static let cacheSizeLimit = 16 << 20

    /// More entries than the driver can have, so that a hostile cache can't cost more memory than it has itself.
    private static let entryLimit = 1024

    /// Fills slots from the loader's cache: one entry, one open, no search. A cache that can't be used is recorded.
    mutating func searchCache(
        in root: borrowing DriverRoot, using folders: inout DriverFolders, files: inout DriverFiles
    ) {
        searched.append(root.cachePath)
        let cache: LibraryCache
        do throws(LinuxError) {
            let bytes = try Self.read(root.cachePath, in: root)
            var accepted = 0
            do throws(LibraryCache.Failure) {
                cache = try LibraryCache(parsing: bytes) { name in
                    guard accepted < Self.entryLimit, LibraryComponent.mayBeNamed(name) else { return false }
                    accepted += 1
                    return true
                }
            } catch {
                files.omit(
                    root.cachePath, .refused(error == .truncated ? "it is cut off" : "it is no cache of the loader"),
                    searched: [])
                return
            }
        } catch {
            files.omit(
                root.cachePath, error.isAbsence ? .absent : .refused(error.description), searched: [root.root.path])
            return
        }
        // The loader takes the first entry of a name; so is done here. A linker's name (libcuda.so) stands in the cache
        // beside the SONAME where the host has that link.
        var linkerNames: [Int] = []
        for (position, entry) in cache.entries.enumerated() {
            guard let libraryClass = DriverFile.LibraryClass(cacheFlags: entry.flags) else { continue }
            for index in slots(forName: entry.name) where slots[index].libraryClass == libraryClass {
                if entry.name == slots[index].component.stem {
                    slots[index].hasLinkerName = true
                    linkerNames.append(position)
                } else if !slots[index].isFilled {
                    take(entry, slot: index, in: root, using: &folders)
                }
            }
        }
        // A library whose SONAME is the linker's name has no other entry.
        for entry in linkerNames.map({ cache.entries[$0] }) where entry.path.isAbsolutePath {
            let libraryClass = DriverFile.LibraryClass(cacheFlags: entry.flags)
            for index in slots(forName: entry.name)
            where slots[index].libraryClass == libraryClass && !slots[index].isFilled {
                takeFile(at: entry.path, foundIn: root.cachePath, slots: index..<(index + 1), in: root)
            }
        }
    }

    private mutating func take(
        _ entry: LibraryCache.Entry, slot index: Int, in root: borrowing DriverRoot, using folders: inout DriverFolders
    ) {
        guard entry.path.isAbsolutePath else {
            slots[index].note(.refused("\(root.cachePath) has the path \(entry.path), which is not absolute"))
            return
        }
        let folder = entry.path.parentPath
        let component = slots[index].component
        if component.naming == .driverVersion {
            // Nearly all entries are links to the file of this name, and then none of them has to be read.
            do throws(DriverRoot.Refusal) {
                let name = component.fileName(version: version)
                let location = try root.location(of: name, in: folder, using: &folders)
                return offer(location, foundIn: root.cachePath, slot: index, soname: entry.name)
            } catch {
                // The entry itself will tell.
            }
        }
        do throws(DriverRoot.Refusal) {
            let name = entry.path.lastPathComponent
            let location = try root.location(of: name, in: folder, isLikelyLink: true, using: &folders)
            offer(location, foundIn: root.cachePath, slot: index, soname: entry.name)
        } catch {
            // An entry whose file is gone is a cache that nobody has renewed; the folders will tell.
            if case .refused(let reason) = error { slots[index].note(.refused(reason)) }
        }
    }

    /// read(2) and a limit, no mmap(2): a file that shrinks meanwhile must not end in SIGBUS.
    private static func read(_ path: ByteString, in root: borrowing DriverRoot) throws(LinuxError) -> [UInt8] {
        let file = try root.root.open(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let status = try file.status()
        guard status.kind == .regular else { throw LinuxError("read", path, code: EINVAL) }
        guard status.size <= cacheSizeLimit else { throw LinuxError("read", path, code: EFBIG) }
        return try file.readToEnd(limit: cacheSizeLimit, sizeHint: Int(status.size))
    }
}

extension DriverFile.LibraryClass {
    /// The class of an entry with the loader's `flags` (sysdeps/generic/ldconfig.h); nil for other architectures than
    /// this machine's and for what is no ELF library.
    init?(cacheFlags flags: UInt32) {
        guard flags & 0x1 != 0 else { return nil }
        switch flags & 0xFF00 {
        #if arch(arm64)
            case 0x0A00: self = .native
            case 0x0900: self = .compat32
        #else
            case 0x0300: self = .native
            case 0x0000: self = .compat32
        #endif
        default: return nil
        }
    }

    /// The class of an ELF file; nil for other architectures than this machine's.
    init?(_ file: ELFFile) {
        switch (file.is64Bit, file.machine) {
        #if arch(arm64)
            case (true, 183): self = .native
            case (false, 40): self = .compat32
        #else
            case (true, 62): self = .native
            case (false, 3): self = .compat32
        #endif
        default: return nil
        }
    }
}

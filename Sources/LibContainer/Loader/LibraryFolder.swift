// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The shared libraries in a directory of a root, and the names by which the loader is to find them, as ldconfig sees
/// them (elf/ldconfig.c, `search_dir`). The image is not trusted: how much is looked at is bounded, only regular files
/// are read, and links lead to nothing outside of the root.
struct LibraryFolder {
    /// A name in the cache, and the file that is meant.
    struct Library {
        /// The SONAME; the name of the file where it has none, and of a link as `libcuda.so`, which linkers look for.
        let name: ByteString
        let libraryClass: DriverFile.LibraryClass
        /// The name of the entry in the directory that stands for it.
        let file: ByteString
        /// Whether that entry is a link which needs none of its own.
        let isLink: Bool
    }

    let path: ByteString
    /// Each name once.
    private(set) var libraries: [Library] = []
    /// Those of them that a link with their name has to lead to; what is there and is no link stays.
    private(set) var missingLinks: [Library] = []

    private static let entryLimit = 1 << 16
    private static let libraryLimit = 1 << 14

    /// `known` has the names in the root's cache that lead into this directory. What they lead to is not read: a cache of
    /// the image's own is as good as its libraries, and reading takes most of the time.
    ///
    /// Throws ENOENT or ENOTDIR where there is no such directory.
    init(
        reading path: ByteString, known: [ByteString: DriverFile.LibraryClass], in root: borrowing RootDirectory
    ) throws(LinuxError) {
        self.path = path
        let directory = try root.open(path, flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK)
        var names: [(name: ByteString, kind: FileStatus.Kind)] = []
        do throws(LinuxError) {
            try directory.forEachEntry(limit: Self.entryLimit) { bytes, kind in
                guard bytes.starts(with: "lib".utf8) || bytes.starts(with: "ld-".utf8) else { return }
                let name = ByteString(Array(bytes))
                if Self.isLibraryName(name) { names.append((name, kind)) }
            }
        } catch {
            throw LinuxError("read directory", path, code: error.code)
        }
        guard names.count <= Self.libraryLimit else { throw LinuxError("read directory", path, code: EFBIG) }
        names.sort { $0.name < $1.name }

        var objects = FolderObjects(path: path, directory: directory.number, names: names)
        objects.take(known)
        var chosen: [ByteString: Int] = [:]
        for name in objects.files + objects.links {
            guard let library = try objects.library(named: name, in: root) else { continue }
            if let index = chosen[library.name] {
                if Self.prefers(library, to: libraries[index], of: path, in: root) { libraries[index] = library }
            } else {
                chosen[library.name] = libraries.count
                libraries.append(library)
            }
        }
        missingLinks = libraries.filter { !$0.isLink && $0.name != $0.file && !objects.has($0, in: root) }
    }

    /// Also what package managers leave for a moment is no library: `libz.so.1.dpkg-new`, `libz.so.1;5f3a9c21`.
    private static func isLibraryName(_ name: ByteString) -> Bool {
        guard name.range(of: ".so") != nil, name.isFileName else { return false }
        return !name.hasSuffix(".dpkg-new") && !name.hasSuffix(".dpkg-tmp") && !name.bytes.contains(UInt8(ascii: ";"))
    }

    /// ldconfig takes a file before a link, and the one with the highest version in its name. Unlike ldconfig we take
    /// one that is mounted first: an image may have the libraries of another driver, and the mounted one is the driver's.
    private static func prefers(
        _ new: Library, to old: Library, of path: ByteString, in root: borrowing RootDirectory
    ) -> Bool {
        if new.isLink != old.isLink { return old.isLink }
        let isMounted = root.isMounted(path.appending(component: new.file))
        if isMounted != root.isMounted(path.appending(component: old.file)) { return isMounted }
        return LibraryCache.compareNames(old.file, new.file) < 0
    }
}

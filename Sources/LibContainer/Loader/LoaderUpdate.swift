// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// What makes a container's dynamic loader find the driver's libraries that were mounted into its root: links, the
/// loader's cache, and configuration that lets a later `ldconfig` in the container keep them.
///
/// All of it is done by us, on descriptors inside the root; nothing of the image is executed.
package struct LoaderUpdate: Hashable, Sendable {
    /// A library to be found by its SONAME.
    package struct Library: Hashable, Sendable {
        package let libraryClass: DriverFile.LibraryClass
        /// What programs ask the loader for, such as `libcuda.so.1`.
        package let soname: ByteString
        /// The file in the container, such as `/usr/lib64/libcuda.so.550.54.15`.
        package let path: ByteString

        /// Throws where `soname` is no file name, or `path` is not absolute, has `..`, or has a byte with a meaning in
        /// the loader's configuration files.
        package init(
            libraryClass: DriverFile.LibraryClass, soname: ByteString, path: ByteString
        ) throws(InvalidArgument) {
            guard soname.isFileName else { throw InvalidArgument("\"\(soname)\" is no SONAME") }
            try LoaderUpdate.checkPath(path)
            self.libraryClass = libraryClass
            self.soname = soname
            self.path = path
        }

        var directory: ByteString { path.parentPath }

        /// Where the loader finds it: the SONAME beside the file, a link unless the file itself has that name.
        package var loaderPath: ByteString { directory.appending(component: soname) }

        /// What makes the file be found at `loaderPath`; nil where it is there by its own name.
        var link: SymbolicLink? {
            path == loaderPath ? nil : SymbolicLink(path: loaderPath, target: path.lastPathComponent)
        }
    }

    /// Why a library or a link can't be asked for: lower case, no period.
    package struct InvalidArgument: Error, Hashable, CustomStringConvertible {
        package let description: String

        init(_ description: String) { self.description = description }
    }

    /// Throws where `path` is not absolute, has `..`, does not end in a name, or has a byte with a meaning in the loader's
    /// configuration files.
    static func checkPath(_ path: ByteString) throws(InvalidArgument) {
        guard path.isAbsolutePath, path.lastPathComponent.isFileName, !path.hasParentComponent else {
            throw InvalidArgument("\"\(path)\" is no absolute path with a name at its end")
        }
        // Blanks, control characters, and what ld.so.conf and musl's path file separate or comment with.
        guard !path.bytes.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == 0x23 || $0 == 0x3A }) else {
            throw InvalidArgument("\"\(path)\" has a byte that the loader's configuration can't hold")
        }
    }

    /// An earlier library wins over a later one of the same SONAME and class.
    package var libraries: [Library]
    /// Links beside those that `libraries` need.
    package var links: [SymbolicLink]

    /// How the CUDA compat libraries of the image are judged; nil where they are left as they are.
    package var forwardCompatibility: ForwardCompatibility?

    package init(
        libraries: [Library] = [], links: [SymbolicLink] = [], forwardCompatibility: ForwardCompatibility? = nil
    ) {
        self.libraries = libraries
        self.links = links
        self.forwardCompatibility = forwardCompatibility
    }

    /// What `apply` could not do. One line each, cause first.
    package struct Outcome {
        /// The container works, or can be made to.
        package internal(set) var warnings: [String] = []
        /// Something that was asked for is missing.
        package internal(set) var failures: [String] = []
        /// On the image's CUDA compat libraries; nil where nobody asked.
        package internal(set) var forwardCompatibility: ForwardCompatibility.Decision?
    }

    /// Changes `root` as far as it is not as wanted already; a second call changes nothing. Goes on after a failure.
    ///
    /// A read-only file system is no failure: images and volumes can be read-only, the libraries may be in a directory
    /// that the loader searches anyway, and the image may set LD_LIBRARY_PATH. The warning then names the libraries
    /// that the loader can't find and the directories to put there.
    package func apply(to root: borrowing RootDirectory) -> Outcome {
        var outcome = Outcome()
        var readOnly: [ByteString] = []
        let directories: LoaderDirectories
        let hasMusl: Bool
        let hasCache: Bool
        do throws(LinuxError) {
            directories = try LoaderDirectories(of: root)
            hasMusl = try Self.hasMusl(root)
            hasCache = try Self.hasCache(root)
        } catch {
            outcome.failures.append("\(error)")
            return outcome
        }

        for link in allLinks {
            Self.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                try root.replaceLink(at: link.path, target: link.target)
            }
        }
        let compatibility = compatibilityLibraries(in: root, hasCache: hasCache)
        outcome.forwardCompatibility = compatibility?.decision
        if hasCache {
            let found = adding(compatibility)
            let isWritten = Self.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                try LibraryCacheFile.merge(found.cacheEntries, dropping: compatibility?.unused, into: root)
            }
            if !isWritten, compatibility?.decision.isUsed == true {
                outcome.forwardCompatibility = .no("\(LibraryCacheFile.path) can't be written")
            }
            if !found.libraries.isEmpty {
                LoaderConfiguration(listing: found.searched(outside: directories)).write(to: root, &outcome.warnings)
            }
        }
        if hasMusl, !libraries.isEmpty {
            let wanted = unique(libraries.filter { $0.libraryClass == .native }.map(\.directory))
            Self.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                try MuslSearchPath.add(wanted, in: root)
            }
        }
        if !readOnly.isEmpty { outcome.warnings.append(readOnlyWarning(readOnly, root, directories)) }
        return outcome
    }

    /// Whether the root has musl's loader.
    static func hasMusl(_ root: borrowing RootDirectory) throws(LinuxError) -> Bool {
        try root.contains(MuslSearchPath.loader)
    }

    /// Whether the root has a use for a loader's cache. A musl image without one has none; with one it has both loaders.
    static func hasCache(_ root: borrowing RootDirectory) throws(LinuxError) -> Bool {
        try hasMusl(root) ? try root.contains(LibraryCacheFile.path) : true
    }

    /// Every link once, those of the libraries first.
    private var allLinks: [SymbolicLink] {
        unique(libraries.compactMap(\.link) + links)
    }

    private func compatibilityLibraries(
        in root: borrowing RootDirectory, hasCache: Bool
    ) -> CompatibilityLibraries? {
        guard let forwardCompatibility else { return nil }
        guard hasCache else {
            return CompatibilityLibraries(.no("musl's loader, the image's only one, has no cache"))
        }
        return CompatibilityLibraries(
            of: forwardCompatibility, linkNames: links.map(\.path.lastPathComponent), in: root)
    }

    /// The image's libraries that are used before the driver's, which stay behind them.
    private func adding(_ compatibility: CompatibilityLibraries?) -> LoaderUpdate {
        guard let compatibility, compatibility.decision.isUsed else { return self }
        return LoaderUpdate(libraries: compatibility.libraries + libraries, links: compatibility.links + links)
    }

    /// What ldconfig would list: every SONAME, and every link named as the SONAME without its version that leads to it,
    /// since programs load `libcuda.so` too (elf/ldconfig.c, `search_dir`).
    var cacheEntries: [LibraryCache.Entry] {
        var entries = libraries.map { $0.cacheEntry(named: $0.soname) }
        for link in links {
            let name = link.path.lastPathComponent
            guard name.hasSuffix(".so") else { continue }
            for library in libraries
            where library.directory == link.path.parentPath && library.soname.hasPrefix(name)
                && (link.target == library.soname || link.target == library.path.lastPathComponent)
            {
                entries.append(library.cacheEntry(named: name))
            }
        }
        return entries
    }

    /// The directories of the libraries that no loader and no ldconfig searches by itself.
    private func searched(outside directories: LoaderDirectories) -> [ByteString] {
        unique(libraries.map(\.directory)).filter { !directories.contains($0) }
    }

    /// Returns whether `body` did its work.
    @discardableResult
    static func attempt(
        _ outcome: inout Outcome, _ readOnly: inout [ByteString], _ body: () throws(LinuxError) -> Bool
    ) -> Bool {
        do throws(LinuxError) {
            _ = try body()
            return true
        } catch {
            if error.code == EROFS {
                readOnly.append(error.path)
            } else {
                outcome.failures.append("\(error)")
            }
            return false
        }
    }

    /// Of at least one path.
    static func readOnlyText(_ paths: [ByteString]) -> String {
        "read-only file system: \(paths.count) not written, \(paths.first ?? "") first"
    }

    private func readOnlyWarning(
        _ paths: [ByteString], _ root: borrowing RootDirectory, _ directories: LoaderDirectories
    ) -> String {
        let cached = Set(LibraryCacheFile.paths(in: root))
        var lost: [Library] = []
        for library in libraries {
            let isFound = directories.contains(library.directory) || cached.contains(library.loaderPath)
            if !isFound || !root.mayContain(library.loaderPath) { lost.append(library) }
        }
        var text = Self.readOnlyText(paths)
        if let first = lost.first {
            text += "; the loader does not find \(first.soname)"
            if lost.count > 1 { text += " and \(lost.count - 1) more" }
            text += " unless LD_LIBRARY_PATH has "
            text += unique(lost.map(\.directory)).map { "\($0)" }.joined(separator: ":")
        }
        return text
    }
}

/// `elements` without those that were there before, in their order.
private func unique<Element: Hashable>(_ elements: [Element]) -> [Element] {
    var seen: Set<Element> = []
    return elements.filter { seen.insert($0).inserted }
}

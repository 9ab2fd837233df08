// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The shared objects behind the names of one directory, each read once, and where its links lead.
struct FolderObjects {
    private struct Object {
        /// Nil where it has none.
        let soname: ByteString?
        let libraryClass: DriverFile.LibraryClass
    }

    private let path: ByteString
    private let directory: CInt
    private var kinds: [ByteString: FileStatus.Kind] = [:]
    /// By the name of a regular file, or of a link that leads elsewhere; nil for what is no library of this machine.
    private var objects: [ByteString: Object?] = [:]
    private var targets: [ByteString: ByteString?] = [:]
    /// What a link with that name will lead to.
    private var sonames: [ByteString: Object] = [:]
    /// Names of regular files and of links, in their order.
    private(set) var files: [ByteString] = []
    private(set) var links: [ByteString] = []

    private static let linkLimit = 8

    /// `directory` is open and stays so. A kind that is not known is looked up.
    init(path: ByteString, directory: CInt, names: [(name: ByteString, kind: FileStatus.Kind)]) {
        (self.path, self.directory) = (path, directory)
        for entry in names {
            let kind = entry.kind == .unknown ? Self.kind(of: entry.name, in: directory) : entry.kind
            kinds[entry.name] = kind
            if kind == .regular { files.append(entry.name) }
            if kind == .symbolicLink { links.append(entry.name) }
        }
    }

    private static func kind(of name: ByteString, in directory: CInt) -> FileStatus.Kind {
        do throws(LinuxError) {
            return try FileStatus.of(name, relativeTo: directory, followLinks: false).kind
        } catch {
            return .unknown
        }
    }

    /// Learns from the names in a cache what the SONAME of the files is that they lead to, where that is certain: of two
    /// names of one file the longer one is it if the other one is as `libcuda.so` to `libcuda.so.1`.
    mutating func take(_ known: [ByteString: DriverFile.LibraryClass]) {
        var names: [ByteString: [ByteString]] = [:]
        for name in known.keys {
            if let file = file(behind: name), kinds[file] == .regular { names[file, default: []].append(name) }
        }
        for (file, candidates) in names {
            let sonames = candidates.filter { name in
                !candidates.contains { $0 != name && name.hasSuffix(".so") && $0.hasPrefix(name) }
            }
            guard sonames.count == 1, let soname = sonames.first, let libraryClass = known[soname], hasContents(file)
            else { continue }
            objects[file] = .some(Object(soname: soname, libraryClass: libraryClass))
        }
    }

    /// Not so for what is left of a mount of an earlier start.
    private func hasContents(_ file: ByteString) -> Bool {
        do throws(LinuxError) {
            return try FileStatus.of(file, relativeTo: directory, followLinks: false).size > 0
        } catch {
            return false
        }
    }

    /// What the cache is to have for the entry `name`; nil for what is no library.
    mutating func library(
        named name: ByteString, in root: borrowing RootDirectory
    ) throws(LinuxError) -> LibraryFolder.Library? {
        guard let object = try object(named: name, in: root) else { return nil }
        let soname = object.soname ?? name
        guard soname.isFileName else { return nil }
        // A link is only itself where it has the SONAME, or is it without its version; else it counts as a file.
        let isLink =
            kinds[name] == .symbolicLink && (name == soname || name.hasSuffix(".so") && soname.hasPrefix(name))
        if kinds[name] == .regular { sonames[soname] = object }
        return LibraryFolder.Library(
            name: isLink ? name : soname, libraryClass: object.libraryClass, file: name, isLink: isLink)
    }

    /// Whether the library's name is taken, by a link to its file or by what is no link.
    mutating func has(_ library: LibraryFolder.Library, in root: borrowing RootDirectory) -> Bool {
        guard let kind = kinds[library.name] else { return false }
        guard kind == .symbolicLink else { return true }
        let (own, wanted) = (file(behind: library.name), file(behind: library.file))
        if let own, own == wanted { return true }
        // On another way, perhaps.
        return root.areSame(path.appending(component: library.name), path.appending(component: library.file))
    }

    private mutating func object(
        named name: ByteString, in root: borrowing RootDirectory
    ) throws(LinuxError) -> Object? {
        let (path, directory) = (path, directory)
        guard let file = file(behind: name) else {
            // A link out of the directory, or to nowhere.
            return try read(name) { () throws(LinuxError) in try root.openFile(path.appending(component: name)) }
        }
        guard let kind = kinds[file] else { return sonames[file] }
        guard kind == .regular else { return nil }
        return try read(file) { () throws(LinuxError) in
            try FileDescriptor(
                opening: file, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW, relativeTo: directory)
        }
    }

    /// The entry of this directory that a name leads to by links inside of it, or the SONAME that is to become one. Nil
    /// where it leads to anything else.
    private mutating func file(behind name: ByteString) -> ByteString? {
        var name = name
        for _ in 0...Self.linkLimit {
            guard let kind = kinds[name] else { return sonames[name] == nil ? nil : name }
            guard kind == .symbolicLink else { return name }
            guard let target = target(of: name), target.isFileName else { return nil }
            name = target
        }
        return nil
    }

    private mutating func target(of link: ByteString) -> ByteString? {
        if let target = targets[link] { return target }
        let target: ByteString?
        do throws(LinuxError) { target = try ByteString(textOfLink: link, relativeTo: directory) } catch {
            target = nil
        }
        targets[link] = .some(target)
        return target
    }

    private mutating func read(
        _ name: ByteString, _ open: () throws(LinuxError) -> FileDescriptor?
    ) throws(LinuxError) -> Object? {
        if let object = objects[name] { return object }
        let object: Object?
        do throws(LinuxError) {
            object = try Self.object(open)
        } catch {
            throw LinuxError("read", path.appending(component: name), code: error.code)
        }
        objects[name] = .some(object)
        return object
    }

    private static func object(_ open: () throws(LinuxError) -> FileDescriptor?) throws(LinuxError) -> Object? {
        do throws(LinuxError) {
            guard let file = try open(), try file.status().kind == .regular else { return nil }
            do throws(ELFFile.Failure) {
                let library = try ELFFile(reading: file)
                return DriverFile.LibraryClass(library).map { Object(soname: library.soname, libraryClass: $0) }
            } catch {
                if case .unreadable(let error) = error { throw error }
                return nil
            }
        } catch {
            if error.isShortage { throw error }
            // Gone, a link to nowhere or no regular file: nothing for the cache.
            return nil
        }
    }
}

extension RootDirectory {
    /// Whether both paths lead to one file. False where that can't be told.
    fileprivate func areSame(_ left: ByteString, _ right: ByteString) -> Bool {
        do throws(LinuxError) {
            guard let left = try status(of: left), let right = try status(of: right) else { return false }
            return FileIdentity(left) == FileIdentity(right)
        } catch {
            return false
        }
    }
}

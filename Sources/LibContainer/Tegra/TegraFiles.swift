// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

/// The files, folders and links that CSV files list.
struct TegraFiles {
    private static let releasePath: ByteString = "/etc/nv_tegra_release"

    /// Folders first: what is mounted inside of one has to come after it.
    var found: [DriverFile] { folders + files }
    private(set) var omissions: [Omission] = []
    /// The version of Linux for Tegra, such as `36.4.3`; empty where the host does not say it.
    private(set) var release = ByteString()

    private let capabilities: DriverCapabilities
    private var folders: [DriverFile] = []
    private var files: [DriverFile] = []
    /// Positions in `files` and `folders` by the path in the container.
    private var filePositions: [ByteString: Int] = [:]
    private var folderPositions: [ByteString: Int] = [:]

    init(for capabilities: DriverCapabilities) { self.capabilities = capabilities }

    /// Adds what is at `paths`, the matches of `listing`.
    mutating func add(_ paths: [ByteString], _ listing: TegraListing, in root: borrowing DriverRoot) {
        for path in paths {
            do throws(DriverRoot.Refusal) {
                switch listing.entry.kind {
                case .device: break
                case .directory: _ = try addFolder(path, foundIn: listing.csv, in: root)
                case .library: _ = try addFile(path, foundIn: listing.csv, in: root)
                case .symbolicLink: try addLink(path, foundIn: listing.csv, in: root)
                }
            } catch {
                omissions.append(listing.omission(error))
            }
        }
    }

    /// Adds the folder that `path` leads to, and returns its position in `folders`.
    private mutating func addFolder(
        _ path: ByteString, foundIn csv: ByteString, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> Int {
        let location = try root.file(at: path, kind: .directory).location
        guard location.pathInRoot != "/" else { throw .refused("it is the root") }
        if let position = folderPositions[location.pathInRoot] { return position }
        folderPositions[location.pathInRoot] = folders.count
        folders.append(
            DriverFile(
                kind: .configuration, hostPath: location.hostPath, containerPath: location.pathInRoot,
                capability: capabilities, foundIn: csv))
        return folders.count - 1
    }

    /// Adds the file that `path` leads to, and returns its position in `files`.
    private mutating func addFile(
        _ path: ByteString, foundIn csv: ByteString, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> Int {
        let file = try root.file(at: path)
        let place = file.location.pathInRoot
        if let position = filePositions[place] { return position }
        let (kind, soname) = Self.classify(file, in: root)
        filePositions[place] = files.count
        files.append(
            DriverFile(
                kind: kind, hostPath: file.location.hostPath, containerPath: place, soname: soname,
                capability: capabilities, foundIn: csv))
        return files.count - 1
    }

    /// A library is what ldconfig would take for one; other files are listed as `lib` too, such as firmware.
    private static func classify(
        _ file: borrowing DriverRoot.File, in root: borrowing DriverRoot
    ) -> (kind: DriverFile.Kind, soname: ByteString) {
        let name = file.location.pathInRoot.lastPathComponent
        if name.hasPrefix("lib"), name.range(of: ".so") != nil {
            do throws(DriverRoot.Refusal) {
                let library = try LibrarySearch.library(file, in: root)
                if let libraryClass = DriverFile.LibraryClass(library) {
                    let soname = library.soname ?? name
                    return (.library(libraryClass), soname.isFileName ? soname : name)
                }
            } catch {
                // A linker's script, or a file that programs find by its path.
            }
        }
        return (file.location.status.permissions & 0o111 != 0 ? .binary : .configuration, ByteString())
    }

    /// Adds what the link leads to, and every link on the way.
    private mutating func addLink(
        _ path: ByteString, foundIn csv: ByteString, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) {
        let links = try Self.links(from: path, in: root)
        do throws(DriverRoot.Refusal) {
            let position = try addFile(path, foundIn: csv, in: root)
            files[position].links += links
        } catch {
            guard case .refused = error else { throw error }
            let position: Int
            do throws(DriverRoot.Refusal) {
                position = try addFolder(path, foundIn: csv, in: root)
            } catch _ {
                throw error
            }
            folders[position].links += links
        }
    }

    /// The links that lead from `path` to a file, by their paths in the root, which are those in the container.
    ///
    /// The first one is where it is listed, since programs look there; the others are where they really are.
    private static func links(
        from path: ByteString, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> [SymbolicLink] {
        var links: [SymbolicLink] = []
        var next = path
        do throws(LinuxError) {
            // As many as the kernel follows (MAXSYMLINKS).
            while links.count < 40 {
                let entry = try root.root.open(next, flags: CLX_O_PATH | O_NOFOLLOW)
                guard try entry.status().kind == .symbolicLink else { return links }
                let text = try entry.linkTarget()
                guard let place = root.pathInRoot(ofHostPath: try root.hostPath(of: entry)), text.isPrintableUTF8,
                    place.isPrintableUTF8
                else { throw LinuxError("follow", next, code: EINVAL) }
                links.append(SymbolicLink(path: links.isEmpty ? path : place, target: text))
                next = text.isAbsolutePath ? text : place.parentPath.appending(component: text)
            }
        } catch {
            throw error.isAbsence ? .absent : .refused(error.description)
        }
        throw .refused("it leads through too many links")
    }

    /// Adds the file that says which Linux for Tegra this is: programs look for it to tell a Tegra.
    mutating func addRelease(in root: borrowing DriverRoot) {
        do throws(DriverRoot.Refusal) {
            let position = try addFile(Self.releasePath, foundIn: Self.releasePath.parentPath, in: root)
            files[position].containerPath = Self.releasePath
        } catch {
            omissions.append(
                Omission(name: Self.releasePath, cause: .notFound(searched: [Self.releasePath.parentPath])))
            return
        }
        do throws(LinuxError) {
            let text = try root.root.readFile(Self.releasePath, limit: 64 << 10) ?? []
            release = Self.release(in: ByteString(text))
        } catch {
            // Only for people.
        }
    }

    /// `36.4.3` from `# R36 (release), REVISION: 4.3, GCID: ...`.
    static func release(in text: ByteString) -> ByteString {
        guard let line = text.lines.first, let major = line.droppingPrefix("# R"),
            let revision = line.range(of: "REVISION: ")
        else { return ByteString() }
        let isDigit: (UInt8) -> Bool = { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        let rest = line.bytes[revision.upperBound...].prefix { isDigit($0) || $0 == UInt8(ascii: ".") }
        let version = ByteString(major.bytes.prefix(while: isDigit)) + "." + ByteString(rest)
        return KernelDriver.isVersion(version) ? version : ByteString()
    }

    /// Sets what of the libraries can be known only with all of them: the loader's names and the links.
    mutating func finish(in root: borrowing DriverRoot) {
        SONAMEOwners.assign(&files)
        var taken = Set(folderPositions.keys).union(filePositions.keys)
        // What the host has goes before what is made up.
        for index in folders.indices { folders[index].links.removeAll { !taken.insert($0.path).inserted } }
        for index in files.indices { files[index].links.removeAll { !taken.insert($0.path).inserted } }
        for index in files.indices {
            files[index].links += TegraLinks(to: files[index], in: root).links.filter {
                taken.insert($0.path).inserted
            }
        }
    }
}

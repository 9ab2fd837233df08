// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Which of several libraries in a folder the loader gets for a SONAME.
///
/// Where NVIDIA's own list names every file, folders have more than one library with the same SONAME (a library and
/// the loader in front of it), and files that are named as the SONAME of another one. The loader can be told one file
/// for each name, and a link can't be made where a file is mounted.
enum SONAMEOwners {
    /// Empties the SONAME of every library that its SONAME does not lead to: it stays in the container, by its path.
    ///
    /// The file that is named so owns a SONAME; else the last of those that have it, in ldconfig's order of file names
    /// (elf/ldconfig.c, `search_dir`).
    static func assign(_ files: inout [DriverFile]) {
        var owners: [ByteString: Int] = [:]
        var places: [ByteString: Int] = [:]
        for (index, file) in files.enumerated() { places[file.containerPath] = index }
        for (index, file) in files.enumerated() where file.isNamedLibrary {
            let place = file.loaderPath
            if let named = places[place] {
                if named == index { owners[place] = index }
            } else if let other = owners[place] {
                let (name, otherName) = (file.containerPath, files[other].containerPath)
                if LibraryCache.compareNames(name.lastPathComponent, otherName.lastPathComponent) > 0 {
                    owners[place] = index
                }
            } else {
                owners[place] = index
            }
        }
        for index in files.indices where files[index].isNamedLibrary && owners[files[index].loaderPath] != index {
            files[index].soname = ByteString()
        }
    }
}

extension DriverFile {
    fileprivate var isNamedLibrary: Bool {
        if case .library = kind { !soname.isEmpty } else { false }
    }

    /// Where the loader looks for it.
    fileprivate var loaderPath: ByteString { containerPath.parentPath.appending(component: soname) }
}

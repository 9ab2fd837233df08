// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// What ldconfig would do for folders of a container's root, where libraries were mounted: SONAME links, the loader's
/// cache, and configuration that lets a later `ldconfig` keep them. For the hook `update-ldcache`, which is told folders
/// and not, as a `LoaderUpdate`, libraries.
///
/// Only these folders are read; what the cache has of others stays. Entries get the places that ldconfig gives them, but
/// for libraries that are mounted, one by one: they are the driver's, and stand before what the image has of the same
/// name, behind CUDA compat libraries alone.
package struct FolderUpdate: Sendable {
    private let folders: [ByteString]

    /// As many as fit into a command line are accepted. Throws where one is no absolute path without `..`, or has a byte
    /// with a meaning in the loader's configuration files.
    package init(_ folders: [ByteString]) throws(LoaderUpdate.InvalidArgument) {
        self.folders = folders.map(\.withoutSlashesAtEnd)
        for folder in self.folders { try LoaderUpdate.checkPath(folder) }
    }

    /// Changes `root` as far as it is not as wanted already; a second call changes nothing. Goes on after a failure. A
    /// folder that is not there is passed over. As for `LoaderUpdate`, a read-only file system is no failure.
    package func apply(to root: borrowing RootDirectory) -> LoaderUpdate.Outcome {
        var outcome = LoaderUpdate.Outcome()
        var readOnly: [ByteString] = []
        var search: LoaderSearchPath
        let hasMusl: Bool
        let hasCache: Bool
        do throws(LinuxError) {
            search = try LoaderSearchPath(of: root)
            hasMusl = try LoaderUpdate.hasMusl(root)
            hasCache = try LoaderUpdate.hasCache(root)
        } catch {
            outcome.failures.append("\(error)")
            return outcome
        }
        let found = directories(in: root, &outcome)
        let listed = found.filter { search.place(of: $0.identity) == nil }.map(\.path)
        if !listed.isEmpty, hasCache {
            configuration(adding: listed, in: root).write(to: root, &outcome.warnings)
            do throws(LinuxError) {
                search = try LoaderSearchPath(of: root)
            } catch {
                outcome.failures.append("\(error)")
                return outcome
            }
        }
        let known = LibraryCacheFile.names(in: root)
        var scanned: [LibraryFolder] = []
        for directory in found {
            // Under the name by which ldconfig knows the directory.
            let path = search.place(of: directory.identity).map { search.directories[$0].path } ?? directory.path
            LoaderUpdate.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                scanned.append(try LibraryFolder(reading: path, known: known[path] ?? [:], in: root))
                return true
            }
        }
        for folder in scanned {
            for library in folder.missingLinks {
                LoaderUpdate.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                    try root.replaceLink(at: folder.path.appending(component: library.name), target: library.file)
                }
            }
        }
        if hasCache {
            let order = CacheOrder(search, before: found.map(\.path))
            LoaderUpdate.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                try LibraryCacheFile.update(in: root) { cache in
                    let before = cache.entries
                    cache.replace(scanned, in: order, root)
                    return cache.entries != before
                }
            }
        }
        if hasMusl {
            let wanted = scanned.filter { $0.libraries.contains { $0.libraryClass == .native } }.map(\.path)
            LoaderUpdate.attempt(&outcome, &readOnly) { () throws(LinuxError) in
                try MuslSearchPath.add(wanted, in: root)
            }
        }
        if !readOnly.isEmpty { outcome.warnings.append(LoaderUpdate.readOnlyText(readOnly)) }
        return outcome
    }

    /// The folders that are there, each once.
    private func directories(
        in root: borrowing RootDirectory, _ outcome: inout LoaderUpdate.Outcome
    ) -> [(path: ByteString, identity: FileIdentity)] {
        var found: [(path: ByteString, identity: FileIdentity)] = []
        for folder in folders {
            do throws(LinuxError) {
                guard let status = try root.status(of: folder), status.kind == .directory else { continue }
                let identity = FileIdentity(status)
                if !found.contains(where: { $0.identity == identity }) { found.append((folder, identity)) }
            } catch {
                outcome.failures.append("\(error)")
            }
        }
        return found
    }

    /// The drop-in with `directories` behind those of it that are still there: each of several hooks of a container adds
    /// its own.
    private func configuration(
        adding directories: [ByteString], in root: borrowing RootDirectory
    ) -> LoaderConfiguration {
        let path = LoaderConfiguration.DropIn.driver.path
        var lines: [ByteString] = []
        do throws(LinuxError) {
            lines = ByteString(try root.readFile(path, limit: LoaderConfiguration.sizeLimit) ?? []).lines
        } catch {
            // It is going to be replaced, or that fails.
        }
        var kept: [ByteString] = []
        for line in lines {
            guard case .directory(let directory) = LoaderConfigurationLine(line, of: path), root.mayContain(directory),
                !directories.contains(directory)
            else { continue }
            kept.append(directory)
        }
        return LoaderConfiguration(listing: kept + directories)
    }
}

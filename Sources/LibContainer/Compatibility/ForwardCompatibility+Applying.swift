// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension ForwardCompatibility {
    /// The driver's link that a program can load beside `libcuda.so.1`. Specifications of others have it always.
    private static let linkNames: [ByteString] = ["libcuda.so"]

    /// Judges the compat libraries of `root` by themselves, with no update of the driver's libraries: for the hook
    /// `enable-cuda-compat`, whose specification has another hook for these, before or behind it.
    ///
    /// Where they are used, they come first in the loader's cache, and ld.so.conf.d lists them before everything, which
    /// ldconfig and `FolderUpdate` follow. Where they are not, both lose what leads to them. A second call changes nothing.
    package func apply(to root: borrowing RootDirectory) -> LoaderUpdate.Outcome {
        var outcome = LoaderUpdate.Outcome()
        var readOnly: [ByteString] = []
        do throws(LinuxError) {
            guard try LoaderUpdate.hasCache(root) else {
                outcome.forwardCompatibility = .no("musl's loader, the image's only one, has no cache")
                return outcome
            }
        } catch {
            outcome.failures.append("\(error)")
            return outcome
        }
        let libraries = CompatibilityLibraries(of: self, linkNames: Self.linkNames, in: root)
        outcome.forwardCompatibility = libraries.decision
        let entries = LoaderUpdate(libraries: libraries.libraries, links: libraries.links).cacheEntries
        let isWritten = LoaderUpdate.attempt(&outcome, &readOnly) { () throws(LinuxError) in
            if entries.isEmpty { return try LibraryCacheFile.merge([], dropping: libraries.unused, into: root) }
            let paths = Set(entries.map(\.path))
            return try LibraryCacheFile.update(in: root) { cache in
                let before = cache.entries
                cache.insert(entries) { paths.contains($0.path) ? 0 : 1 }
                return cache.entries != before
            }
        }
        if !isWritten, libraries.decision.isUsed {
            outcome.forwardCompatibility = .no("\(LibraryCacheFile.path) can't be written")
        }
        LoaderConfiguration(listing: libraries.decision.isUsed ? [directory] : [], in: .forwardCompatibility)
            .write(to: root, &outcome.warnings)
        if !readOnly.isEmpty { outcome.warnings.append(LoaderUpdate.readOnlyText(readOnly)) }
        return outcome
    }
}

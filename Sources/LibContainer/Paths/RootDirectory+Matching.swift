// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension RootDirectory {
    /// The absolute paths in the root that match `pattern`, component by component, in byte order, at most `limit`.
    ///
    /// As Go's filepath.Glob, which the original uses: a folder that can't be read has no matches, links to folders are
    /// followed, and a component without a wildcard is taken as it is. A last component of that kind is not looked at:
    /// the path may not exist.
    func paths(matching pattern: ByteString, limit: Int) -> [ByteString] {
        var paths: [ByteString] = ["/"]
        for component in pattern.pathComponents {
            guard Wildcard.isPattern(component) else {
                paths = paths.map { $0.appending(component: component) }
                continue
            }
            let wildcard = Wildcard(component)
            var found: [ByteString] = []
            for folder in paths where found.count < limit {
                let names = names(in: folder, matching: wildcard).prefix(limit - found.count)
                found += names.map { folder.appending(component: $0) }
            }
            paths = found
        }
        return paths
    }

    private func names(in folder: ByteString, matching wildcard: Wildcard) -> [ByteString] {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try open(folder, flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 1 << 16) { name in
                let name = ByteString(Array(name))
                if wildcard.matches(name) { names.append(name) }
            }
        } catch {
            // What was listed before the error is as good as it was.
        }
        return names.sorted()
    }
}

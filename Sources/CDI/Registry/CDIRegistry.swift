// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The CDI files of a host.
package struct CDIRegistry: Sendable {
    /// Later ones take precedence.
    package let directories: [ByteString]
    private let host: CDIHost

    /// Reads nothing yet.
    package init(directories: [ByteString]) { self.init(directories: directories, host: .live) }

    init(directories: [ByteString], host: CDIHost) {
        self.directories = directories
        self.host = host
    }

    /// What the devices `names` add to a container, checked against the host. A name that is there twice counts once.
    ///
    /// A directory that does not exist is passed over, and so is a file that can't define one of the devices, whatever
    /// is wrong with it. A file that might and can't be used becomes a warning, or the cause why a device is not found.
    package func resolve(_ names: [CDIQualifiedName]) throws(CDIError) -> CDIResolution {
        var wanted: [CDIQualifiedName] = []
        for name in names where !wanted.contains(name) { wanted.append(name) }
        var search = CDISearch(for: wanted)
        for directory in directories.reversed() where !search.isComplete { search.read(directory) }

        var completion = EditCompletion(host: host)
        var resolved: [CDIResolvedEdits] = []
        var seen: [CDISpecification] = []
        for (name, specification) in try search.results() {
            if !seen.contains(where: { $0 === specification }) {
                seen.append(specification)
                if specification.commonEdits != nil {
                    let origin = CDIOrigin(file: specification.file, device: nil)
                    resolved.append(try completion.complete(try specification.containerEdits(), origin: origin))
                }
            }
            guard let edits = try specification.containerEdits(ofDevice: name.name) else { continue }
            let origin = CDIOrigin(file: specification.file, device: name)
            resolved.append(try completion.complete(edits, origin: origin))
        }
        return CDIResolution(edits: resolved, warnings: search.problems + completion.warnings)
    }
}

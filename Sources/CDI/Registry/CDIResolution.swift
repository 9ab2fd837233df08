// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What the requested devices add to a container.
package struct CDIResolution: Equatable, Sendable {
    /// In the order in which they are to be applied: the devices in the order of the request, and a file's own edits once,
    /// before those of its first device (upstream pkg/cdi/cache.go, InjectDevices).
    package let edits: [CDIResolvedEdits]
    /// Files that were left out, and edits that were: nothing that the requested devices need.
    package let warnings: [CDIProblem]

    /// The CDI files that edits come from, in that order.
    package var files: [ByteString] {
        var files: [ByteString] = []
        for edits in edits where !files.contains(edits.origin.file) { files.append(edits.origin.file) }
        return files
    }
}

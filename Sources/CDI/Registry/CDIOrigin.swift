// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Where an edit comes from.
package struct CDIOrigin: Hashable, Sendable {
    /// The CDI file.
    package let file: ByteString
    /// The device whose edit it is; nil for the file's own, which every container with one of its devices gets.
    package let device: CDIQualifiedName?

    package init(file: ByteString, device: CDIQualifiedName?) {
        self.file = file
        self.device = device
    }
}

extension CDIOrigin: CustomStringConvertible {
    /// "nvidia.com/gpu=0 in /etc/cdi/nvidia.yaml"
    package var description: String {
        let place = Shown.path(file, limit: 48)
        return device.map { "\(Shown.cut($0.description, to: 48)) in \(place)" } ?? place
    }
}

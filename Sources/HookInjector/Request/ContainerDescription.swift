// SPDX-License-Identifier: Apache-2.0

package import Linux
package import OCISpec

/// What a config.json says about its container, as far as a request for GPUs can be in it.
package struct ContainerDescription: Sendable {
    /// `process.env`: of two entries with one name the last counts, as it does for the container's process.
    package var environment: [ByteString]
    package var annotations: [(key: ByteString, value: ByteString)]
    package var mounts: [SpecMount]
    /// Whether the container has CAP_SYS_ADMIN, spelt so, in its bounding set: what the original calls privileged.
    package var isPrivileged: Bool

    /// A container that is known by its environment only.
    package init(environment: [ByteString]) {
        self.environment = environment
        annotations = []
        mounts = []
        isPrivileged = false
    }

    /// Reads what `document` says.
    package init(reading document: borrowing SpecDocument) throws(SpecError) {
        environment = try document.environment
        annotations = try document.annotations
        mounts = try document.mounts
        isPrivileged = try document.boundingCapabilities.contains("CAP_SYS_ADMIN")
    }

    /// The value of the variable `name`; nil where it is not set.
    func value(of name: ByteString) -> ByteString? { environment.value(of: name) }
}

extension [ByteString] {
    /// The value of the last entry `NAME=…`.
    func value(of name: ByteString) -> ByteString? {
        last { $0.hasPrefix(name) && $0.bytes.dropFirst(name.count).first == UInt8(ascii: "=") }
            .map { ByteString($0.bytes.dropFirst(name.count + 1)) }
    }
}

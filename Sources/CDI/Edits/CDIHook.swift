// SPDX-License-Identifier: Apache-2.0

package import Linux
package import OCISpec

/// An element of `hooks`.
package struct CDIHook: Hashable, Sendable {
    /// `hookName` in the file.
    package var stage: SpecHook.Stage
    /// Absolute: on the host, or in the container for the stage startContainer.
    package var path: ByteString
    /// With argument 0.
    package var arguments: [ByteString]
    /// `NAME=value`.
    package var environment: [ByteString]
    /// Seconds; nil for no limit.
    package var timeout: Int64?

    package init(
        stage: SpecHook.Stage, path: ByteString, arguments: [ByteString] = [], environment: [ByteString] = [],
        timeout: Int64? = nil
    ) {
        self.stage = stage
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.timeout = timeout
    }

    /// For hooks that have none: runc before 1.3 runs a createContainer hook without environment with the image's
    /// (CVE-2025-23266, also through hooks of CDI files). This one means nothing to any program but ours.
    package static let defaultEnvironment: [ByteString] = ["SWIFT_BACKTRACE=enable=no"]

    /// Seconds, for hooks that have no limit: a hook that hangs must not hang the start of a container.
    package static let defaultTimeout: Int64 = 30
}

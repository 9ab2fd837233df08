// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Something that a container could have had and does not get, and why.
package struct Omission: Hashable, Sendable {
    package enum Cause: Hashable, Sendable {
        /// Nowhere among the places searched.
        case notFound(searched: [ByteString])
        /// Found at `path`, but of another driver version than the kernel module's.
        case versionMismatch(path: ByteString, version: ByteString)
        /// Found and not taken, for the reason given (no period, lower case).
        case refused(String)
    }

    /// What was looked for: `libcuda.so`, `/dev/nvidia-modeset`.
    package var name: ByteString
    package var cause: Cause
    /// Whether a container that asks for the capability can't work without it.
    package var isCore: Bool

    package init(name: ByteString, cause: Cause, isCore: Bool = false) {
        self.name = name
        self.cause = cause
        self.isCore = isCore
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Edits of one device, or of one CDI file, that were checked and completed with what the host says. Nothing is missing
/// and nothing has to be looked at again.
package struct CDIResolvedEdits: Equatable, Sendable {
    package let origin: CDIOrigin
    /// `NAME=value`. They reach the container's process only, and never a hook.
    package var environment: [ByteString] = []
    package var deviceNodes: [CDIHostDevice] = []
    package var netDevices: [CDINetDevice] = []
    package var mounts: [CDIMount] = []
    /// With environment and timeout.
    package var hooks: [CDIHook] = []
    package var intelRDT: CDIIntelRDT?
    /// Without 0.
    package var additionalGIDs: [UInt32] = []

    package init(origin: CDIOrigin) { self.origin = origin }
}

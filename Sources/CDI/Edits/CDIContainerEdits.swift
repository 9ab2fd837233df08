// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The edits of a device or of a whole CDI file, as they are written there (SPEC.md, "OCI Edits").
package struct CDIContainerEdits: Equatable, Sendable {
    /// `NAME=value`.
    package var environment: [ByteString] = []
    package var deviceNodes: [CDIDeviceNode] = []
    package var netDevices: [CDINetDevice] = []
    package var mounts: [CDIMount] = []
    package var hooks: [CDIHook] = []
    package var intelRDT: CDIIntelRDT?
    /// As they are written; 0 may be among them.
    package var additionalGIDs: [UInt32] = []

    package init() {}
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// One GPU as the kernel driver shows it in `/proc/driver/nvidia/gpus/<bus id>/information`.
package struct GPU: Hashable, Sendable {
    /// NVML's index: the position in PCI bus order.
    package var index: Int
    /// `GPU-` and a UUID in lower case; empty while the driver has not initialised the GPU and knows none, so never to be
    /// compared with an empty text.
    package var uuid: ByteString
    /// N of `/dev/nvidiaN`; not always the index.
    package var minor: UInt32
    /// `0000:07:00.0`.
    package var busID: ByteString
    /// The marketing name, such as `NVIDIA A100-SXM4-40GB`.
    package var model: ByteString

    package init(index: Int, uuid: ByteString, minor: UInt32, busID: ByteString, model: ByteString) {
        self.index = index
        self.uuid = uuid
        self.minor = minor
        self.busID = busID
        self.model = model
    }
}

// SPDX-License-Identifier: Apache-2.0

/// `process.user`: the IDs that the container's process gets, as the container sees them.
package struct SpecUser: Hashable, Sendable {
    /// 0 where there is none.
    package var uid: UInt32
    /// 0 where there is none.
    package var gid: UInt32
    /// Supplementary groups, in order.
    package var additionalGIDs: [UInt32]

    package init(uid: UInt32 = 0, gid: UInt32 = 0, additionalGIDs: [UInt32] = []) {
        self.uid = uid
        self.gid = gid
        self.additionalGIDs = additionalGIDs
    }
}

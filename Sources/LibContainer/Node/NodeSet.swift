// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Device nodes for a container with the links that lead to them, and what there is none of.
package struct NodeSet: Sendable {
    package var nodes: [DeviceNode] = []
    package var links: [SymbolicLink] = []
    package var omissions: [Omission] = []

    mutating func omit(_ name: ByteString, _ reason: String, isCore: Bool = false) {
        omissions.append(Omission(name: name, cause: .refused(reason), isCore: isCore))
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// Device nodes for a container with the links that lead to them, and what there is none of.
package struct NodeSet: Sendable {
    package var nodes: [DeviceNode] = []
    package var links: [SymbolicLink] = []
    package var omissions: [Omission] = []
}

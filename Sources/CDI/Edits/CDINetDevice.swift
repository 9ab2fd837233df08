// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An element of `netDevices`: an interface of the host that moves into the container.
package struct CDINetDevice: Hashable, Sendable {
    package var hostInterfaceName: ByteString
    /// Its name in the container.
    package var name: ByteString

    package init(hostInterfaceName: ByteString, name: ByteString) {
        self.hostInterfaceName = hostInterfaceName
        self.name = name
    }
}

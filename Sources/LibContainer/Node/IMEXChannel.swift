// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A channel of the internode memory exchange, by which GPUs of several nodes share memory: `channel<number>`.
package enum IMEXChannel {
    /// The highest number that a channel can have.
    package static let last: UInt32 = (1 << 20) - 1

    /// Its node.
    package static func path(_ number: UInt32) -> ByteString {
        directory.appending(component: prefix).appending(number: number)
    }

    static let directory: ByteString = "/dev/nvidia-caps-imex-channels"
    static let prefix: ByteString = "channel"
    /// In `/proc/devices`.
    static let driver: ByteString = "nvidia-caps-imex-channels"
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DeviceNodes {
    /// The node of the IMEX channel `number`. It is never made: who has it reads the memory of everybody else on that
    /// channel, on all nodes of the domain, so that the administrator decides which channels there are.
    package func imexChannel(_ number: UInt32) throws(DriverError) -> DeviceNode {
        guard number <= IMEXChannel.last else { throw .channelOutOfRange(number) }
        let path = IMEXChannel.path(number)
        guard let major = majors[IMEXChannel.driver] else {
            throw .missingChannel(path: hostPath(of: path), reason: "the kernel module offers no IMEX channels")
        }
        guard let node = try existingNode(path, major: major, minor: number) else {
            throw .missingChannel(path: hostPath(of: path), reason: "it does not exist")
        }
        return node
    }

    /// All IMEX channels that there are, by number. What is called like one and is not it is an omission.
    package func imexChannels() -> NodeSet {
        let major = majors[IMEXChannel.driver]
        return nodes(in: IMEXChannel.directory, prefix: IMEXChannel.prefix) { number in
            guard let major, number <= IMEXChannel.last else { return nil }
            return (major, number)
        }
    }
}

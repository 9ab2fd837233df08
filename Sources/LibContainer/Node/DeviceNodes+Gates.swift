// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DeviceNodes {
    /// IB_UVERBS_MAJOR, IB_UVERBS_BASE_MINOR and IB_UVERBS_NUM_FIXED_MINOR of drivers/infiniband/core/uverbs_main.c. What
    /// comes after these has a major of its own, by the same name, from minor 0.
    private static let verbs: (major: UInt32, firstMinor: UInt32, count: UInt32) = (231, 192, 32)

    /// MISC_MAJOR of include/uapi/linux/major.h.
    private static let miscellaneousMajor: UInt32 = 10

    /// NV_NVSWITCH_CTL_MINOR of nvidia-modprobe-utils.h.
    private static let nvswitchControlMinor: UInt32 = 255

    /// The nodes that `gate` stands for. All are optional, and none is made: their own drivers and services do that. What
    /// is at a node's path and is not that device is an omission, and so is a gate without any node.
    ///
    /// What a node's numbers must be comes from the drivers: nvfs-core.c of nvidia-fs numbers its nodes from 0, insmod.sh of
    /// GDRCopy makes minor 0, nvidia-modprobe-utils.c makes those of NVSwitch.
    package func nodes(for gate: DeviceGate) -> NodeSet {
        var set = NodeSet()
        switch gate {
        case .gds: addNumbered("nvidia-fs", driver: "nvidia-fs", to: &set)
        case .mofed:
            let majors = majors.all(of: "infiniband_verbs")
            let verbs = nodes(in: "/dev/infiniband", prefix: "uverbs") { Self.verbsDevice($0, majors: majors) }
            set.add(verbs, of: "/dev/infiniband/uverbs*", in: root.path)
            let minor = kernel.miscellaneousMinor(of: "rdma_cm")
            addSingle("/dev/infiniband/rdma_cm", device: minor.map { (Self.miscellaneousMajor, $0) }, to: &set)
        case .gdrcopy: addSingle("/dev/gdrdrv", device: majors["gdrdrv"].map { ($0, 0) }, to: &set)
        case .nvswitch:
            let driver: ByteString = "nvidia-nvswitch"
            addSingle(
                "/dev/nvidia-nvswitchctl", device: majors[driver].map { ($0, Self.nvswitchControlMinor) }, to: &set)
            addNumbered(driver, driver: driver, to: &set)
        }
        return set
    }

    private func addSingle(_ path: ByteString, device: (major: UInt32, minor: UInt32)?, to set: inout NodeSet) {
        set.add(nodes(at: path, device: device), of: path, in: root.path)
    }

    private func addNumbered(_ prefix: ByteString, driver: ByteString, to set: inout NodeSet) {
        let major = majors[driver]
        let found = nodes(in: "/dev", prefix: prefix) { number in major.map { ($0, number) } }
        set.add(found, of: "/dev/" + prefix + "*", in: root.path)
    }

    private static func verbsDevice(_ number: UInt32, majors: [UInt32]) -> (major: UInt32, minor: UInt32)? {
        if number < verbs.count {
            return majors.contains(verbs.major) ? (verbs.major, verbs.firstMinor + number) : nil
        }
        return majors.first { $0 != verbs.major }.map { ($0, number - verbs.count) }
    }
}

extension NodeSet {
    /// Adds `found`, or, where that is empty, that there is nothing that `pattern` matches.
    fileprivate mutating func add(_ found: NodeSet, of pattern: ByteString, in root: ByteString) {
        nodes += found.nodes
        omissions += found.omissions
        if found.nodes.isEmpty, found.omissions.isEmpty {
            omissions.append(Omission(name: pattern, cause: .notFound(searched: [root])))
        }
    }
}

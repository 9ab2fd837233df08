// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension DeviceNodes {
    /// What a container with `device` needs besides the control nodes: the parent's node and those of the GPU instance and
    /// the compute instance. Without the latter two CUDA sees the GPU and can't use it. The capability nodes are made
    /// where they are missing.
    ///
    /// The parent's DRM nodes are left out: only an instance with the profile attribute `gfx` can use them, which only
    /// NVML knows.
    package func mig(_ device: MIGDevice) throws(DriverError) -> NodeSet {
        var set = NodeSet()
        set.nodes.append(try gpu(device.parent))
        set.nodes.append(try capability(device.gpuInstanceNode))
        set.nodes.append(try capability(device.computeInstanceNode))
        return set
    }

    /// The node with which a container may configure or monitor MIG on all GPUs, made where it is missing.
    package func mig(_ control: MIGControl) throws(DriverError) -> DeviceNode {
        try capability(try kernel.node(for: control))
    }

    /// `/dev/nvidia-caps/nvidia-cap<minor>`, made where it is missing and both the kernel module's parameters and the
    /// access file allow it, as nvidia-modprobe does (nvidia_cap_mknod in nvidia-modprobe-utils.c).
    func capability(_ capability: CapabilityNode) throws(DriverError) -> DeviceNode {
        let path = CapabilityNode.path(minor: capability.minor)
        guard let major = majors["nvidia-caps"] else {
            throw .missingCapability(
                path: hostPath(of: path), accessFile: capability.accessFile,
                reason: "the kernel module offers no capability devices")
        }
        if let node = try existingNode(path, major: major, minor: capability.minor) { return node }
        var parameters = capability.parameters
        guard parameters.areModifiable else {
            throw .missingCapability(
                path: hostPath(of: path), accessFile: capability.accessFile,
                reason: "its access file does not allow to make it")
        }
        parameters.areModifiable = kernel.nodeParameters().areModifiable
        do throws(DriverError) {
            return try madeNode(
                path, major: major, minor: capability.minor, parameters: parameters, makesFolder: true)
        } catch {
            guard case .missingNode(let path, let reason) = error else { throw error }
            throw .missingCapability(path: path, accessFile: capability.accessFile, reason: reason)
        }
    }
}

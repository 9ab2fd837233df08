// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

extension KernelDriver {
    /// How often in all a GPU's instances are read, and after how long (microseconds) again, where some come or go.
    private static let attempts: (count: Int, pause: UInt32) = (3, 1000)

    /// More than a GPU can have; the kernel module has names for 15 GPU instances of 8 compute instances each.
    private static let instanceLimit = 1024

    /// Whether the GPU is divided into GPU instances, so that CUDA can't use it as a whole.
    ///
    /// A GPU in MIG mode without any instance, and one whose instances the driver has not restored yet since nothing has
    /// used it since boot (without persistence mode), look like one that is not divided.
    package func isPartitioned(_ gpu: GPU) throws(DriverError) -> Bool {
        try !gpuInstances(in: instancesPath(of: gpu)).isEmpty
    }

    /// The MIG devices of `gpu`, ordered by GPU instance and compute instance; none where it is not divided.
    ///
    /// They are read from `/proc/driver/nvidia/capabilities/gpu<minor>/mig/gi<N>/ci<M>/access`, a minor that is not told
    /// there from `/proc/driver/nvidia-caps/mig-minors`. A GPU instance without compute instances holds no device.
    ///
    /// An instance that is made or destroyed meanwhile must not shift the positions of the others: the reading starts
    /// again where something that was listed is not there, and fails if that goes on.
    package func migDevices(of gpu: GPU) throws(DriverError) -> [MIGDevice] {
        var attempt = 1
        while true {
            do throws(DriverError) {
                return try readDevices(of: gpu)
            } catch {
                guard case .partitionsChanging = error, attempt < Self.attempts.count else { throw error }
            }
            attempt += 1
            usleep(Self.attempts.pause)
        }
    }

    /// The node that stands for a right over MIG on all GPUs. Fails where the driver knows no MIG.
    package func node(for control: MIGControl) throws(DriverError) -> CapabilityNode {
        var minors: MIGMinors?
        let path = capabilitiesPath.appending(component: "mig").appending(component: control.name)
        do throws(LinuxError) {
            return try node(accessFile: path, capability: control.name, using: &minors)
        } catch {
            guard error.isAbsence else { throw .unreadable(error) }
            throw .missingCapability(
                path: CapabilityNode.directory, accessFile: path, reason: "the kernel module has no such capability")
        }
    }

    /// Whether the GPU can be divided, be it divided or not.
    package func isMIGCapable(_ gpu: GPU) -> Bool {
        do throws(LinuxError) {
            return try FileStatus.of(instancesPath(of: gpu)).kind == .directory
        } catch {
            return false
        }
    }

    /// The minors of the nodes of every instance that the GPU could have, in the kernel module's order.
    package func migMinors(of gpu: GPU) -> [UInt32] {
        migMinors().all(startingWith: ByteString("gpu").appending(number: gpu.minor) + "/")
    }

    private var capabilitiesPath: ByteString { directory.appending(component: "capabilities") }

    /// The folder with the GPU's instances, for those who may see them all.
    package func instancesPath(of gpu: GPU) -> ByteString {
        capabilitiesPath.appending(component: "gpu").appending(number: gpu.minor) + "/mig"
    }

    /// The GPU instances below `path`, which is `instancesPath` of their GPU.
    private func gpuInstances(in path: ByteString) throws(DriverError) -> [UInt32] {
        do throws(LinuxError) {
            return try numbers(after: "gi", in: path)
        } catch {
            if error.isAbsence { return [] }
            throw .unreadable(error)
        }
    }

    /// Throws `partitionsChanging` where something that was listed is gone when it is read.
    private func readDevices(of gpu: GPU) throws(DriverError) -> [MIGDevice] {
        var devices: [MIGDevice] = []
        var minors: MIGMinors?
        let path = instancesPath(of: gpu)
        for gpuInstance in try gpuInstances(in: path) {
            let name = ByteString("gi").appending(number: gpuInstance)
            let folder = path.appending(component: name)
            let capability = ByteString("gpu").appending(number: gpu.minor).appending(component: name)
            do throws(LinuxError) {
                let gpuInstanceNode = try instanceNode(in: folder, capability, using: &minors)
                for computeInstance in try numbers(after: "ci", in: folder) {
                    let name = ByteString("ci").appending(number: computeInstance)
                    let node = try instanceNode(
                        in: folder.appending(component: name), capability.appending(component: name), using: &minors)
                    devices.append(
                        MIGDevice(
                            parent: gpu, index: devices.count, gpuInstance: gpuInstance,
                            computeInstance: computeInstance, gpuInstanceNode: gpuInstanceNode,
                            computeInstanceNode: node))
                }
            } catch {
                throw error.isVanishing ? .partitionsChanging(path: folder) : .unreadable(error)
            }
        }
        return devices
    }

    /// The numbers of the entries called `prefix` and a number, ascending.
    private func numbers(after prefix: ByteString, in path: ByteString) throws(LinuxError) -> [UInt32] {
        var numbers: [UInt32] = []
        let directory = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
        do throws(LinuxError) {
            try directory.forEachEntry(limit: Self.instanceLimit) { name in
                if let number = ByteString(Array(name)).number(after: prefix) { numbers.append(number) }
            }
        } catch {
            throw LinuxError(error.operation, path, code: error.code)
        }
        return numbers.sorted()
    }

    private func instanceNode(
        in folder: ByteString, _ capability: ByteString, using minors: inout MIGMinors?
    ) throws(LinuxError) -> CapabilityNode {
        let name: ByteString = "access"
        return try node(
            accessFile: folder.appending(component: name), capability: capability.appending(component: name),
            using: &minors)
    }

    /// `minors` is filled when it is needed first. Throws EINVAL where neither source tells a minor.
    private func node(
        accessFile: ByteString, capability: ByteString, using minors: inout MIGMinors?
    ) throws(LinuxError) -> CapabilityNode {
        do throws(LinuxError) {
            if let node = CapabilityNode(accessFile: accessFile, parsing: try read(accessFile)) { return node }
        } catch {
            if error.isVanishing { throw error }
        }
        if minors == nil { minors = migMinors() }
        guard let minor = minors?[capability] else {
            throw LinuxError("find a device minor in", accessFile, code: EINVAL)
        }
        return CapabilityNode(accessFile: accessFile, minor: minor)
    }

    /// The second source; one that can't be read tells nothing.
    private func migMinors() -> MIGMinors {
        let path = procPath.appending(component: "driver/nvidia-caps/mig-minors")
        do throws(LinuxError) {
            return MIGMinors(parsing: try read(path, limit: MIGMinors.sizeLimit))
        } catch {
            return MIGMinors(parsing: ByteString())
        }
    }
}

extension LinuxError {
    /// Whether the kernel removed what was read. EIO is procfs's answer on an open file of that kind (fs/proc/inode.c).
    fileprivate var isVanishing: Bool { isAbsence || code == EIO }
}

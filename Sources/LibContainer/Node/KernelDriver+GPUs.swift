// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension KernelDriver {
    /// One of `/proc/driver/nvidia/gpus`.
    private struct Entry {
        let address: PCIAddress
        let name: ByteString
    }

    /// The GPUs in `/proc/driver/nvidia/gpus`, in NVML's order: by PCI domain, bus, device and function, whatever order
    /// the directory has and whatever minors the nodes have.
    ///
    /// A GPU that can't be read, as after it fell off the bus, keeps its index and stands in `unusable`, so that only
    /// those who ask for it are hurt. GPUs that the administrator excluded (`NVreg_ExcludedGpus`) have no index, as in
    /// NVML. Reading a GPU that has been put to sleep (runtime D3) wakes it.
    package func gpus() throws(DriverError) -> GPUInventory {
        let path = directory.appending(component: "gpus")
        var found: [Entry] = []
        let directory: FileDescriptor
        do throws(LinuxError) {
            directory = try FileDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
        } catch {
            guard error.isAbsence else { throw .unreadable(error) }
            // A module without any GPU has no such directory.
            _ = try version()
            return GPUInventory()
        }
        do throws(LinuxError) {
            try directory.forEachEntry(limit: 4096) { name in
                let name = ByteString(Array(name))
                if let address = PCIAddress(name) { found.append(Entry(address: address, name: name)) }
            }
        } catch {
            throw .unreadable(LinuxError(error.operation, path, code: error.code))
        }
        found.sort { $0.address < $1.address }
        var inventory = GPUInventory()
        var index = 0
        for entry in found {
            let address = entry.address
            do throws(LinuxError) {
                let file = entry.name.appending(component: "information")
                let information = GPUInformation(parsing: try read(file, relativeTo: directory.number))
                if information.isExcluded { continue }
                switch information.gpu(index: index, address: address) {
                case .usable(let gpu): inventory.gpus.append(gpu)
                case .unusable(let reason):
                    inventory.unusable.append(.init(index: index, busID: address.name, reason: reason))
                }
            } catch {
                if error.isShortage { throw .unreadable(error) }
                inventory.unusable.append(.init(index: index, busID: address.name, reason: error.description))
            }
            index += 1
        }
        return inventory
    }
}

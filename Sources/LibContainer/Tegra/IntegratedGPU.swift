// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// The GPU in the SoC of a Tegra, as the kernel shows it.
enum IntegratedGPU {
    /// Where a Thor's is. On a PC it is the usual place of a discrete one, so it says nothing there.
    private static let busID: ByteString = "0000:01:00.0"
    /// What /proc/driver/nvidia has for the display engine of a Tegra; no GPU can be there on a PCI bus.
    private static let displayBusID: ByteString = "0000:00:00.0"
    /// Parts of the names that go-nvlib (pkg/nvlib/info) knows them by.
    private static let models: [ByteString] = ["(nvgpu)", "NVIDIA Thor"]

    /// Whether a GPU of a Tegra is the one in the SoC; any other is a discrete one.
    static func isAt(busID: ByteString, model: ByteString = ByteString()) -> Bool {
        busID == Self.busID || busID == displayBusID || hasName(model)
    }

    /// Whether this machine has one that CUDA uses.
    ///
    /// - nvgpu, the driver of Tegras up to now, serves `/dev/nvgpu/igpu-<bus id>` on a Thor, whose user space can work
    ///   with discrete GPUs beside it.
    /// - It serves `/dev/nvgpu/igpu0` on an Orin, whose user space is for the one kind or for the other: with a
    ///   discrete GPU it is for that one.
    /// - The ordinary kernel module says the name. It is asked only where `namesCount`, for a PC has none to say.
    static func isPresent(in root: borrowing RootDirectory, kernel: KernelDriver, namesCount: Bool) -> Bool {
        let nodes = nvgpuNodes(in: root)
        if nodes.contains(where: { $0.hasPrefix("igpu-") }) { return true }
        if nodes.contains(where: { $0.hasPrefix("igpu") }) { return !hasDiscreteGPU(kernel) }
        return namesCount && hasName(model(kernel))
    }

    /// The names in `/dev/nvgpu`.
    private static func nvgpuNodes(in root: borrowing RootDirectory) -> [ByteString] {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try root.open("/dev/nvgpu", flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 256) { name in
                names.append(ByteString(Array(name)))
            }
        } catch {
            // No such folder, no such driver.
        }
        return names
    }

    private static func hasDiscreteGPU(_ kernel: KernelDriver) -> Bool {
        let known = GPUInventory(readableFrom: kernel)
        return known.gpus.contains { !isAt(busID: $0.busID, model: $0.model) }
            || known.unusable.contains { !isAt(busID: $0.busID) }
    }

    private static func model(_ kernel: KernelDriver) -> ByteString {
        let path = kernel.directory.appending(component: "gpus").appending(component: busID)
        do throws(LinuxError) {
            return GPUInformation(parsing: try kernel.read(path.appending(component: "information"))).model
        } catch {
            return ByteString()
        }
    }

    private static func hasName(_ model: ByteString) -> Bool { models.contains { model.range(of: $0) != nil } }
}

extension GPUInventory {
    /// What the ordinary kernel module drives; nothing where it is not loaded or can't be read, as on most Tegras.
    init(readableFrom kernel: KernelDriver) {
        do throws(DriverError) { self = try kernel.gpus() } catch { self = GPUInventory() }
    }
}

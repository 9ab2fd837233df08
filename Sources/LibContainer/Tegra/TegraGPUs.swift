// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The GPUs of a Tegra, numbered as NVML numbers them there: the integrated one is 0, discrete ones follow in bus
/// order.
struct TegraGPUs {
    private(set) var inventory = GPUInventory()
    /// Those that can be given to containers.
    private(set) var discrete: [GPU] = []

    /// `separates` is false where the administrator wants one GPU that stands for all that the CSV files list
    /// (`disable-multiple-csv-devices`).
    init(_ kernel: KernelDriver, separates: Bool) {
        let known = GPUInventory(readableFrom: kernel)
        let own = known.gpus.first { IntegratedGPU.isAt(busID: $0.busID, model: $0.model) }
        inventory.gpus.append(
            GPU(
                index: 0, uuid: own?.uuid ?? ByteString(), minor: own?.minor ?? 0, busID: own?.busID ?? ByteString(),
                model: own?.model ?? "Tegra"))
        guard separates else { return }
        // A broken one keeps its place, so that the others keep their numbers.
        let others =
            known.gpus.filter { !IntegratedGPU.isAt(busID: $0.busID, model: $0.model) }.map(\.index)
            + known.unusable.filter { !IntegratedGPU.isAt(busID: $0.busID) }.map(\.index)
        for (position, index) in others.sorted().enumerated() {
            if var gpu = known.gpus.first(where: { $0.index == index }) {
                gpu.index = position + 1
                discrete.append(gpu)
            } else if var broken = known.unusable.first(where: { $0.index == index }) {
                broken.index = position + 1
                inventory.unusable.append(broken)
            }
        }
        inventory.gpus += discrete
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// What `info` and `list` print, a line each.
struct Report {
    let root: ByteString
    private let kernel = KernelDriver()

    init(root: ByteString) { self.root = root }

    /// Only NVML knows the CUDA version, the brand and the architecture; they are `N/A`.
    func info(csv: Bool) throws(DriverError) -> [String] {
        let version = "\(try kernel.version())"
        let gpus = try kernel.gpus().gpus
        if csv {
            return ["NVRM version,CUDA version", "\(version),N/A", ""]
                + ["Device Index,Device Minor,Model,Brand,GPU UUID,Bus Location,Architecture"]
                + gpus.map { "\($0.index),\($0.minor),\($0.model),N/A,\($0.uuid),\($0.busID),N/A" }
        }
        var lines = [Self.line("NVRM version:", version), Self.line("CUDA version:", "N/A")]
        for gpu in gpus {
            lines += [
                "", Self.line("Device Index:", "\(gpu.index)"), Self.line("Device Minor:", "\(gpu.minor)"),
                Self.line("Model:", "\(gpu.model)"), Self.line("Brand:", "N/A"),
                Self.line("GPU UUID:", "\(gpu.uuid)"), Self.line("Bus Location:", "\(gpu.busID)"),
                Self.line("Architecture:", "N/A"),
            ]
        }
        return lines
    }

    /// The label in a field of 15 columns.
    private static func line(_ label: String, _ value: String) -> String {
        label + String(repeating: " ", count: max(0, 15 - label.count)) + " " + value
    }

    /// Devices, binaries, libraries, 32-bit libraries, sockets, firmware: in libnvidia-container's order.
    func list(_ options: CommandLineOptions.ListOptions) throws -> [String] {
        let listsAll =
            options.devices.isEmpty && !options.libraries && !options.binaries && !options.sockets
            && !options.firmware && !options.compat32
        let version = try kernel.version()
        var lines: [String] = []
        if listsAll || !options.devices.isEmpty { lines += try devices(listsAll ? ["all"] : options.devices) }

        var capabilities = DriverCapabilities.all
        if !listsAll && !options.compat32 { capabilities.remove(.compat32) }
        let files = try DriverRoot(opening: root).locateFiles(for: capabilities, version: version).found
        func add(_ isListed: Bool, where isKind: (DriverFile.Kind) -> Bool) {
            guard listsAll || isListed else { return }
            lines += files.filter { isKind($0.kind) }.map { "\($0.containerPath)" }
        }
        add(options.binaries) { $0 == .binary }
        add(options.libraries) { $0 == .library(.native) }
        add(options.compat32) { $0 == .library(.compat32) }
        add(options.sockets) { $0 == .socket }
        add(options.firmware) { $0 == .firmware }
        return lines
    }

    private func devices(_ identifiers: [ByteString]) throws -> [String] {
        let nodes = try DeviceNodes(root: try RootDirectory(opening: "/"), kernel: kernel)
        var paths = try nodes.control(for: .all).nodes.map { "\($0.path)" }
        let gpus = try kernel.gpus().gpus
        var selected: Set<GPU> = []
        for identifier in identifiers {
            let matching = gpus.filter {
                identifier == "all" || identifier == $0.uuid || identifier == $0.busID
                    || identifier.decimal(as: Int.self) == $0.index
            }
            guard identifier == "all" || !matching.isEmpty else {
                throw CommandLineOptions.Failure(description: "\(identifier): unknown device")
            }
            selected.formUnion(matching)
        }
        for gpu in gpus where selected.contains(gpu) { paths.append("\(try nodes.gpu(gpu).path)") }
        return paths
    }
}

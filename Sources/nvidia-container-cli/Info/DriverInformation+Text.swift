// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux
internal import OCISpec

extension DriverInformation {
    /// As libnvidia-container prints it: labels in a field of 15 columns, an empty line before each GPU.
    var text: [UInt8] {
        var text: [UInt8] = []
        func add(_ label: String, _ value: ByteString) {
            text += label.utf8
            text += [UInt8](repeating: UInt8(ascii: " "), count: max(0, 16 - label.utf8.count))
            text += value.bytes
            text.append(UInt8(ascii: "\n"))
        }
        add("NVRM version:", driverVersion.orUnknown)
        add("CUDA version:", cudaVersion.orUnknown)
        for gpu in gpus {
            text.append(UInt8(ascii: "\n"))
            for (label, value) in zip(Self.labels, gpu.values) { add("\(label):", value) }
        }
        return text
    }

    var csv: [UInt8] {
        var rows = [
            ["NVRM version", "CUDA version"], [driverVersion.orUnknown, cudaVersion.orUnknown], [], Self.labels,
        ]
        rows += gpus.map(\.values)
        return rows.flatMap { row in row.map(\.bytes).joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "\n")] }
    }

    private static let labels: [ByteString] = [
        "Device Index", "Device Minor", "Model", "Brand", "GPU UUID", "Bus Location", "Architecture",
    ]

    /// Ours: what is not known is null, and MIG devices are there too.
    func json() throws(Failure) -> [UInt8] {
        var writer = JSONWriter(file: "standard output")
        writer.object { writer in
            writer.member("nvrmVersion", driverVersion)
            writer.member("cudaVersion", cudaVersion?.text)
            writer.list("gpus", gpus) { writer, gpu in
                writer.member("index", Int64(gpu.index))
                writer.member("minor") { writer in
                    if let minor = gpu.minor { writer.integer(Int64(minor)) } else { writer.null() }
                }
                writer.member("model", gpu.model)
                writer.member("brand", gpu.brand)
                writer.member("uuid", gpu.uuid)
                writer.member("busLocation", gpu.busLocation)
                writer.member("architecture", gpu.architecture?.text)
                writer.list("migDevices", gpu.migDevices) { writer, device in
                    writer.member("index", Int64(device.index))
                    writer.member("uuid", device.uuid)
                    writer.member("gpuInstance", Int64(device.gpuInstance))
                    writer.member("computeInstance", Int64(device.computeInstance))
                }
            }
        }
        return try writer.line()
    }
}

extension DriverInformation.GPURow {
    fileprivate var values: [ByteString] {
        [
            ByteString("\(index)"), minor.map { ByteString("\($0)") }.orUnknown, model.orUnknown, brand.orUnknown,
            uuid.orUnknown, busLocation.orUnknown, architecture.orUnknown,
        ]
    }
}

extension NVMLReport.Version {
    fileprivate var text: ByteString { ByteString("\(major).\(minor)") }
}

extension ByteString? {
    /// What nobody knows.
    fileprivate var orUnknown: ByteString { self ?? "N/A" }
}

extension NVMLReport.Version? {
    fileprivate var orUnknown: ByteString { (self?.text).orUnknown }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: ByteString, _ value: ByteString?) {
        member(name) { writer in
            if let value { writer.string(value) } else { writer.null() }
        }
    }

    /// An array of objects, whose members `body` writes.
    fileprivate mutating func list<Element>(
        _ name: ByteString, _ elements: [Element], _ body: (inout JSONWriter, Element) -> Void
    ) {
        member(name) { writer in
            writer.array { writer in
                for element in elements { writer.object { writer in body(&writer, element) } }
            }
        }
    }
}

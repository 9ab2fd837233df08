// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension NVMLReport {
    /// The longest answer that is read, in bytes; the helper's own limit.
    static let sizeLimit = 256 << 10

    private static let header: ByteString = "nvidia-runtime-nvml 1"
    private static let uuidLimit = 96

    /// Reads the helper's answer, whose format is described in `Sources/nvidia-runtime-nvml/main.c`.
    ///
    /// Strict: behind the helper is the library of a driver root. Anything that is not just as the helper prints it, a
    /// device that is there twice and an answer without its last line make the whole of it `malformed`.
    package init(parsing answer: [UInt8]) throws(NVMLError) {
        guard answer.count <= Self.sizeLimit else { throw .malformed("longer than \(Self.sizeLimit) bytes") }
        guard answer.allSatisfy({ $0 == 0x0A || (0x20...0x7E).contains($0) }) else {
            throw .malformed("not printable text")
        }
        var lines = ByteString(answer).split(separator: UInt8(ascii: "\n"))
        guard lines.popLast()?.isEmpty == true, lines.popLast() == "end" else { throw .malformed("cut off") }
        guard lines.first == Self.header else { throw .malformed("its first line is not \"\(Self.header)\"") }
        guard lines.count >= 3, let driver = lines[1].droppingPrefix("driver "), KernelDriver.isVersion(driver) else {
            throw .malformed("no driver version in line 2")
        }
        guard let cuda = lines[2].droppingPrefix("cuda "), cuda == "-" || Self.version(cuda) != nil else {
            throw .malformed("no CUDA version in line 3")
        }
        driverVersion = driver
        cudaVersion = Self.version(cuda)
        for (number, line) in lines.enumerated().dropFirst(3) {
            guard add(line) else { throw .malformed("not understood: line \(number + 1), \"\(line)\"") }
        }
        let uuids = gpus.map(\.uuid) + migDevices.map(\.uuid)
        guard Set(uuids).count == uuids.count else { throw .malformed("two devices with one UUID") }
    }

    /// Adds what a line says; false where it says nothing that is expected there.
    private mutating func add(_ line: ByteString) -> Bool {
        var fields = Fields(line)
        switch fields.next() {
        case "gpu": return addGPU(&fields)
        case "mig": return addMIGDevice(&fields)
        case "failed": return addFailure(&fields)
        default: return false
        }
    }

    private mutating func addGPU(_ fields: inout Fields) -> Bool {
        guard let index = fields.number(), index > gpus.last?.index ?? -1, let address = fields.next(),
            let uuid = fields.next(), Self.isUUID(uuid), let capability = fields.next(), let brand = fields.next(),
            let name = fields.rest()
        else { return false }
        let pciAddress = PCIAddress(address)
        guard address == "-" || pciAddress != nil, let arch = Self.optional(capability, Self.version),
            let brand = Self.optional(brand, { $0 })
        else { return false }
        gpus.append(
            GPU(
                index: index, busID: pciAddress?.name, uuid: uuid, arch: arch, brand: brand,
                name: name == "-" ? nil : name))
        return true
    }

    private mutating func addMIGDevice(_ fields: inout Fields) -> Bool {
        guard let gpu = fields.number(), gpu == gpus.last?.index, let index = fields.number(),
            let gpuInstance = fields.number(), let computeInstance = fields.number(), let uuid = fields.rest(),
            Self.isUUID(uuid)
        else { return false }
        if let last = migDevices.last, last.gpu == gpu, last.index >= index { return false }
        migDevices.append(
            MIGDevice(
                gpu: gpu, index: index, gpuInstance: gpuInstance, computeInstance: computeInstance, uuid: uuid))
        return true
    }

    private mutating func addFailure(_ fields: inout Fields) -> Bool {
        guard let gpu = fields.number(), let device = fields.next(), let reason = fields.rest(),
            let migDevice = Self.optional(device, Fields.number)
        else { return false }
        failures.append(Failure(gpu: gpu, migDevice: migDevice, reason: reason))
        return true
    }

    /// What `read` makes of `field`, or nil in an optional for the field `-`; nil where `read` makes nothing of it.
    private static func optional<Value>(
        _ field: ByteString, _ read: (ByteString) -> Value?
    ) -> Value?? {
        if field == "-" { return .some(nil) }
        return read(field).map { .some($0) }
    }

    private static func version(_ text: ByteString) -> Version? {
        let parts = text.split(separator: UInt8(ascii: "."))
        guard parts.count == 2, let major = Fields.number(parts[0]), let minor = Fields.number(parts[1]) else {
            return nil
        }
        return Version(major: major, minor: minor)
    }

    private static func isUUID(_ text: ByteString) -> Bool {
        guard text.count < uuidLimit else { return false }
        return text.bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "/"):
                true
            default: false
            }
        }
    }

    /// The fields of a line, separated by one blank each; none is empty.
    private struct Fields {
        private var bytes: ArraySlice<UInt8>

        init(_ line: ByteString) { bytes = line.bytes[...] }

        mutating func next() -> ByteString? {
            let field = bytes.prefix { $0 != 0x20 }
            guard !field.isEmpty else { return nil }
            bytes = bytes[field.endIndex...].dropFirst()
            return ByteString(field)
        }

        /// A field that is a number of at most 9 digits.
        mutating func number() -> Int? { next().flatMap(Self.number) }

        /// All that is left, as the last field.
        func rest() -> ByteString? { bytes.isEmpty ? nil : ByteString(bytes) }

        static func number(_ text: ByteString) -> Int? { text.count < 10 ? text.decimal() : nil }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The text of one `/proc/driver/nvidia/gpus/<bus id>/information`: lines of `Key: value`.
struct GPUInformation {
    enum Verdict {
        case usable(GPU)
        case unusable(String)
    }

    private(set) var model = ByteString()
    private(set) var uuid = ByteString()
    private(set) var minor = ByteString()
    private(set) var isExcluded = false

    init(parsing text: ByteString) {
        KeyValueLines(text).forEach { key, value in
            if key.isEqual(to: "Model") {
                model = ByteString(Array(value))
            } else if key.isEqual(to: "GPU UUID") {
                uuid = ByteString(Array(value))
            } else if key.isEqual(to: "Device Minor") {
                minor = ByteString(Array(value))
            } else if key.isEqual(to: "GPU Excluded") || key.isEqual(to: "Blacklisted") {
                // The second is the word of older drivers.
                isExcluded = value.isEqual(to: "Yes")
            }
        }
    }

    func gpu(index: Int, address: PCIAddress) -> Verdict {
        guard !minor.isEmpty || !uuid.isEmpty else { return .unusable("the driver says nothing of it") }
        guard !uuid.isEmpty else { return .unusable("no UUID: the GPU has probably fallen off the bus") }
        guard !minor.isEmpty else { return .unusable("no device minor") }
        guard let minor = minor.decimal(as: UInt32.self), minor < 0x10_0000 else {
            return .unusable("device minor '\(minor)' is not one")
        }
        return .usable(
            GPU(
                index: index, uuid: Self.canonical(uuid) ?? ByteString(), minor: minor, busID: address.name,
                model: model))
    }

    /// `GPU-` and the UUID in lower case; nil for another text, such as the question marks that stand for the UUID of a
    /// GPU that is not initialised.
    private static func canonical(_ text: ByteString) -> ByteString? {
        guard let digits = text.droppingPrefix("GPU-"), digits.count == 36 else { return nil }
        var bytes = Array("GPU-".utf8)
        for (position, byte) in digits.bytes.enumerated() {
            switch (position, byte) {
            case (8, UInt8(ascii: "-")), (13, UInt8(ascii: "-")), (18, UInt8(ascii: "-")), (23, UInt8(ascii: "-")):
                bytes.append(byte)
            case (8, _), (13, _), (18, _), (23, _): return nil
            case (_, UInt8(ascii: "0")...UInt8(ascii: "9")), (_, UInt8(ascii: "a")...UInt8(ascii: "f")):
                bytes.append(byte)
            case (_, UInt8(ascii: "A")...UInt8(ascii: "F")): bytes.append(byte | 0x20)
            default: return nil
            }
        }
        return ByteString(bytes)
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
internal import LibContainer
package import Linux

/// One GPU or MIG device as a user names it, before anyone looks whether it exists.
package enum DeviceIdentifier: Hashable, Sendable {
    /// A GPU by NVML's index.
    case index(Int)
    /// A GPU by its UUID or the start of it, `GPU-` included, hexadecimal digits in lower case.
    case uuid(ByteString)
    /// A GPU by its place on the PCI bus, `0000:07:00.0`.
    case busID(ByteString)
    /// A MIG device as `GPU:MIG`.
    case migIndex(gpu: Int, mig: Int)
    /// A MIG device by its UUID or the start of it, `MIG-` included, in lower case.
    case migUUID(ByteString)
    /// A MIG device as `MIG-<GPU's UUID>/<GPU instance>/<compute instance>`, the name of drivers before 470.
    case migInstance(gpu: ByteString, gpuInstance: UInt32, computeInstance: UInt32)

    /// Reads `text` (one element of a device list, blanks trimmed).
    ///
    /// The grammar is closed: anything that is none of the forms above is an error, so that nothing a user writes can
    /// reach a path, a log or another tool's command line by accident.
    package init(parsing text: ByteString) throws(Diagnostic) {
        guard let identifier = Self(text) else { throw Self.malformed(text) }
        self = identifier
    }

    private init?(_ text: ByteString) {
        if let index: Int = text.decimal() {
            self = .index(index)
        } else if let uuid = text.droppingPrefix("GPU-") {
            guard let uuid = uuid.lowercasedUUIDPrefix else { return nil }
            self = .uuid("GPU-" + uuid)
        } else if let name = text.droppingPrefix("MIG-GPU-") {
            self.init(migInstance: name)
        } else if let uuid = text.droppingPrefix("MIG-") {
            guard let uuid = uuid.lowercasedUUIDPrefix else { return nil }
            self = .migUUID("MIG-" + uuid)
        } else if let address = PCIAddress(text) {
            self = .busID(address.name)
        } else {
            let parts = text.split(separator: UInt8(ascii: ":"))
            guard parts.count == 2, let gpu: Int = parts[0].decimal(), let mig: Int = parts[1].decimal() else {
                return nil
            }
            self = .migIndex(gpu: gpu, mig: mig)
        }
    }

    private init?(migInstance text: ByteString) {
        let parts = text.split(separator: UInt8(ascii: "/"))
        guard parts.count == 3, let uuid = parts[0].lowercasedUUIDPrefix, uuid.count == ByteString.uuidLength,
            let gpuInstance: UInt32 = parts[1].decimal(), let computeInstance: UInt32 = parts[2].decimal()
        else { return nil }
        self = .migInstance(gpu: "GPU-" + uuid, gpuInstance: gpuInstance, computeInstance: computeInstance)
    }

    private static func malformed(_ text: ByteString) -> Diagnostic {
        Diagnostic(
            .deviceNameMalformed, "\"\(text.abbreviated)\" is not a GPU index or UUID",
            hint: "use all, none, an index such as 0, a UUID such as GPU-... (nvidia-smi -L lists them), or for MIG"
                + " devices 0:1 or MIG-...")
    }
}

extension DeviceIdentifier: CustomStringConvertible {
    package var description: String {
        switch self {
        case .index(let index): "\(index)"
        case .uuid(let name), .busID(let name), .migUUID(let name): "\(name)"
        case .migIndex(let gpu, let mig): "\(gpu):\(mig)"
        case .migInstance(let gpu, let gpuInstance, let computeInstance):
            "MIG-\(gpu)/\(gpuInstance)/\(computeInstance)"
        }
    }
}

extension ByteString {
    fileprivate static let uuidLength = 36

    /// The string in lower case if it is a UUID in its usual form or the start of one, of at least one digit.
    fileprivate var lowercasedUUIDPrefix: ByteString? {
        guard !isEmpty, count <= Self.uuidLength else { return nil }
        var text = self
        for (position, byte) in bytes.enumerated() {
            switch position {
            case 8, 13, 18, 23: guard byte == UInt8(ascii: "-") else { return nil }
            default:
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): break
                case UInt8(ascii: "A")...UInt8(ascii: "F"): text.bytes[position] = byte + 0x20
                default: return nil
                }
            }
        }
        return text
    }
}

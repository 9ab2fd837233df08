// SPDX-License-Identifier: Apache-2.0

package import Linux

/// One device as a user names it, before anyone looks whether it exists.
package enum DeviceIdentifier: Hashable, Sendable {
    /// A GPU by NVML's index.
    case index(Int)
    /// A GPU by its UUID, `GPU-` included, hexadecimal digits in lower case.
    case uuid(ByteString)
    /// A MIG device as `GPU:MIG`.
    case migIndex(gpu: Int, mig: Int)
    /// A MIG device by its UUID, `MIG-` included.
    case migUUID(ByteString)
    /// A CDI device, `vendor/class=name`.
    case cdi(ByteString)

    /// Bytes in an identifier, at most. The longest real ones are MIG-GPU-<uuid>/<gi>/<ci> and qualified CDI names.
    private static let maximumLength = 256

    /// Reads `text` (one element of a device list, blanks trimmed).
    ///
    /// The grammar is closed: anything that is none of the forms above is an error, so that nothing a user writes can
    /// reach a path, a log or another tool's command line by accident.
    package init(parsing text: ByteString) throws(InjectionError) {
        guard text.count <= Self.maximumLength, let first = text.bytes.first, first.isAlphanumeric,
            text.bytes.allSatisfy({ $0.isAlphanumeric || Self.punctuation.contains($0) })
        else { throw Self.invalid(text) }

        if let index: Int = text.decimal() {
            self = .index(index)
        } else if text.bytes.contains(UInt8(ascii: "=")) {
            self = .cdi(text)
        } else if text.hasPrefix("GPU-") {
            self = .uuid("GPU-" + text.droppingPrefix("GPU-", lowercased: true))
        } else if text.hasPrefix("MIG-") {
            self = .migUUID(text)
        } else {
            let parts = text.split(separator: UInt8(ascii: ":"))
            guard parts.count == 2, let gpu: Int = parts[0].decimal(), let mig: Int = parts[1].decimal() else {
                throw Self.invalid(text)
            }
            self = .migIndex(gpu: gpu, mig: mig)
        }
    }

    private static let punctuation: [UInt8] = Array("-_.:/=".utf8)

    private static func invalid(_ text: ByteString) -> InjectionError {
        InjectionError(
            "\"\(text.abbreviated)\" is not a GPU index or UUID",
            hint: "use all, none, an index such as 0, or a UUID such as GPU-... (nvidia-smi -L lists them)")
    }
}

extension DeviceIdentifier: CustomStringConvertible {
    package var description: String {
        switch self {
        case .index(let index): "\(index)"
        case .uuid(let name), .migUUID(let name), .cdi(let name): "\(name)"
        case .migIndex(let gpu, let mig): "\(gpu):\(mig)"
        }
    }
}

extension UInt8 {
    fileprivate var isAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }

    fileprivate var lowercased: UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self + 0x20 : self
    }
}

extension ByteString {
    fileprivate func droppingPrefix(_ prefix: ByteString, lowercased: Bool) -> ByteString {
        let rest = bytes.dropFirst(prefix.count)
        return ByteString(lowercased ? rest.map(\.lowercased) : Array(rest))
    }

    /// At most 64 bytes of it, for a message about a value that may be of any length.
    package var abbreviated: String {
        count <= 64 ? description : ByteString(bytes.prefix(64)).description + "..."
    }
}

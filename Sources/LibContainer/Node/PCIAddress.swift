// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Where a device is on the PCI bus; ordered as the bus is, which is NVML's order of GPUs.
package struct PCIAddress: Hashable, Comparable {
    let domain: UInt32
    let bus: UInt32
    let device: UInt32
    let function: UInt32

    /// Reads `0000:07:00.0`; a domain of eight digits is understood as well.
    package init?(_ text: ByteString) {
        let parts = text.split(separator: UInt8(ascii: ":"))
        guard parts.count == 3 else { return nil }
        let last = parts[2].split(separator: UInt8(ascii: "."))
        guard last.count == 2, let domain = Self.hexadecimal(parts[0], digits: 4...8),
            let bus = Self.hexadecimal(parts[1], digits: 2...2), let device = Self.hexadecimal(last[0], digits: 2...2),
            let function = Self.hexadecimal(last[1], digits: 1...1)
        else { return nil }
        (self.domain, self.bus, self.device, self.function) = (domain, bus, device, function)
    }

    package static func < (left: PCIAddress, right: PCIAddress) -> Bool {
        (left.domain, left.bus, left.device, left.function) < (right.domain, right.bus, right.device, right.function)
    }

    /// As sysfs names the device: lower case, the domain of at least four digits.
    package var name: ByteString {
        var bytes = Self.hexadecimal(domain, digits: 4)
        bytes.append(UInt8(ascii: ":"))
        bytes += Self.hexadecimal(bus, digits: 2)
        bytes.append(UInt8(ascii: ":"))
        bytes += Self.hexadecimal(device, digits: 2)
        bytes.append(UInt8(ascii: "."))
        bytes += Self.hexadecimal(function, digits: 1)
        return ByteString(bytes)
    }

    private static func hexadecimal(_ text: ByteString, digits: ClosedRange<Int>) -> UInt32? {
        guard digits.contains(text.count), digits.upperBound <= 8 else { return nil }
        var value: UInt32 = 0
        for byte in text.bytes {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    private static func hexadecimal(_ value: UInt32, digits: Int) -> [UInt8] {
        let text = Array(String(value, radix: 16).utf8)
        return Array(repeating: UInt8(ascii: "0"), count: max(0, digits - text.count)) + text
    }
}

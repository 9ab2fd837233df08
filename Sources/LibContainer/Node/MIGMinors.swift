// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The text of `/proc/driver/nvidia-caps/mig-minors`: lines of a capability's name, a space and the minor of its node, such
/// as `gpu0/gi7/ci0/access 67`, for every instance that there could be.
///
/// A line counts only as a whole and only for the name asked for, so that nothing has to be made of names of another
/// shape. (Upstream takes every line for a capability that starts like one.)
struct MIGMinors {
    /// The real file has 4322 lines, 32 GPUs by 15 by 9, of some 90 KB.
    static let sizeLimit = 1 << 20

    private let text: ByteString

    init(parsing text: ByteString) { self.text = text }

    /// The minors of the lines whose names start with `prefix`, in their order.
    func all(startingWith prefix: ByteString) -> [UInt32] {
        text.lines.compactMap { line in
            let words = line.split(separator: UInt8(ascii: " "))
            guard words.count == 2, words[0].hasPrefix(prefix), let minor = words[1].decimal(as: UInt32.self),
                minor < CapabilityNode.minorLimit
            else { return nil }
            return minor
        }
    }

    /// Nil where no line has the name, or where two lines give it different minors.
    subscript(name: ByteString) -> UInt32? {
        let bytes = text.bytes
        var found: UInt32?
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            var line = bytes[start..<end]
            start = end + 1
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            guard line.starts(with: name.bytes) else { continue }
            line.removeFirst(name.count)
            guard line.first == UInt8(ascii: " "),
                let minor = ByteString(Array(line.dropFirst())).decimal(as: UInt32.self),
                minor < CapabilityNode.minorLimit
            else { continue }
            guard found == nil || found == minor else { return nil }
            found = minor
        }
        return found
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux
internal import OCISpec

/// What `list` prints: paths in libnvidia-container's order.
struct ComponentList {
    /// A kind of component. Its order is that of the cases, its name that of a member in JSON.
    enum Kind: String, CaseIterable {
        case controlDevices
        case gpuDevices
        case migAccess
        case imexChannels
        case migConfig
        case migMonitor
        case binaries
        case libraries
        case compat32Libraries
        case ipcs
        case firmwares
    }

    private var paths: [Kind: [ByteString]] = [:]

    /// Adds `more` of a kind that is to be listed, which there may be none of.
    mutating func add(_ kind: Kind, _ more: [ByteString]) { paths[kind, default: []] += more }

    /// One path a line.
    var text: [UInt8] {
        Kind.allCases.flatMap { paths[$0] ?? [] }.flatMap { $0.bytes + [UInt8(ascii: "\n")] }
    }

    /// Ours: an object with an array of paths for each kind that was to be listed.
    func json() throws(Failure) -> [UInt8] {
        var writer = JSONWriter(file: "standard output")
        writer.object { writer in
            for kind in Kind.allCases {
                guard let paths = paths[kind] else { continue }
                writer.member(ByteString(kind.rawValue)) { writer in
                    writer.array { writer in for path in paths { writer.string(path) } }
                }
            }
        }
        return try writer.line()
    }
}

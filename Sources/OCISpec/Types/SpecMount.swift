// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An entry of `mounts` (runtime-spec, config.md, "Mounts").
package struct SpecMount: Hashable, Sendable {
    /// In the container.
    package var destination: ByteString
    /// On the host, or a name such as `proc`; empty where there is none.
    package var source: ByteString
    /// A file system or `bind`; empty where there is none.
    package var type: ByteString
    /// As for mount(8): `ro`, `rbind`, `size=64k`.
    package var options: [ByteString]

    /// A mount to make.
    package init(
        destination: ByteString, source: ByteString, type: ByteString = ByteString(), options: [ByteString] = []
    ) {
        self.destination = destination
        self.source = source
        self.type = type
        self.options = options
    }
}

extension SpecMount: SpecElement {
    var key: MountDestination { MountDestination(destination) }

    static func key(
        reading document: borrowing JSONDocument, at node: JSONNode
    ) throws(SpecError) -> MountDestination {
        MountDestination(try document.string(of: node, "destination") ?? ByteString())
    }

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        destination = try document.string(of: node, "destination") ?? ByteString()
        source = try document.string(of: node, "source") ?? ByteString()
        type = try document.string(of: node, "type") ?? ByteString()
        options = try document.strings(of: node, "options")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("destination", destination)
            json.member("type", ifPresent: type)
            json.member("source", ifPresent: source)
            json.member("options", ifPresent: options)
        }
    }
}

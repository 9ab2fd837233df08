// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The members of `linux.netDevices`, once an edit has touched them.
struct NetDeviceEdits {
    /// An interface: its name on the host, which is the member's, and in the container.
    private typealias Device = (hostName: ByteString, name: ByteString)

    /// All of them; those that were added come last.
    private var devices: [Device] = []
    private let originalCount: Int

    /// Those of `document`.
    init(of document: borrowing JSONDocument) throws(SpecError) {
        guard let node = try document.node(at: SpecDocument.Path.netDevices) else {
            originalCount = 0
            return
        }
        for (hostName, value) in try document.members(of: node) {
            // Without a name, or null to Go, it keeps the host's.
            let name = document.isNull(value) ? nil : try document.string(of: value, "name")
            devices.append((hostName, name.flatMap { $0.isEmpty ? nil : $0 } ?? hostName))
        }
        originalCount = devices.count
    }

    /// Whether there are some to write.
    var isModified: Bool { devices.count > originalCount }

    /// Adds one, unless it is there. `file` is for the error.
    mutating func add(hostName: ByteString, name: ByteString, file: ByteString) throws(SpecError) {
        let member = "linux.netDevices[\"\(JSONText.shown(hostName.bytes))\"]"
        guard !hostName.isEmpty, !name.isEmpty else {
            throw SpecError(.invalid, in: file, "\(member): a network interface must have a name")
        }
        if let device = devices.first(where: { $0.hostName == hostName }) {
            guard device.name == name else {
                throw SpecError(
                    .invalid, in: file,
                    "\(member): is \"\(JSONText.shown(device.name.bytes))\" in the container, can't be"
                        + " \"\(JSONText.shown(name.bytes))\" too")
            }
            return
        }
        if let other = devices.first(where: { $0.name == name }) {
            throw SpecError(
                .invalid, in: file,
                "\(member): \"\(JSONText.shown(name.bytes))\" in the container is"
                    + " \"\(JSONText.shown(other.hostName.bytes))\" of the host already")
        }
        devices.append((hostName, name))
    }

    /// Writes the members for those that were added.
    func write(to json: inout JSONWriter) {
        for device in devices[originalCount...] {
            json.member(device.hostName) { $0.object { $0.member("name", device.name) } }
        }
    }
}

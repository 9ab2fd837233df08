// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An entry of `linux.devices`: a node that the runtime makes (runtime-spec, config-linux.md, "Devices").
package struct SpecDevice: Hashable, Sendable {
    /// In the container.
    package var path: ByteString
    /// `c`, `b`, `u` or `p`.
    package var type: ByteString
    /// The device number that the kernel knows it by.
    package var major: Int64
    package var minor: Int64
    /// Permission bits; nil leaves them to the runtime.
    package var fileMode: UInt32?
    /// Nil is 0 to the runtime.
    package var uid: UInt32?
    /// Nil is 0 to the runtime.
    package var gid: UInt32?

    /// A node to make.
    package init(
        path: ByteString, type: ByteString = "c", major: Int64, minor: Int64, fileMode: UInt32? = nil,
        uid: UInt32? = nil, gid: UInt32? = nil
    ) {
        self.path = path
        self.type = type
        self.major = major
        self.minor = minor
        self.fileMode = fileMode
        self.uid = uid
        self.gid = gid
    }
}

extension SpecDevice: SpecElement {
    var key: ByteString { path }

    static func key(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) -> ByteString {
        try document.string(of: node, "path") ?? ByteString()
    }

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        path = try Self.key(reading: document, at: node)
        type = try document.string(of: node, "type") ?? ByteString()
        major = try document.integer(of: node, "major") ?? 0
        minor = try document.integer(of: node, "minor") ?? 0
        fileMode = try document.integer(of: node, "fileMode")
        uid = try document.integer(of: node, "uid")
        gid = try document.integer(of: node, "gid")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("path", path)
            json.member("type", type)
            json.member("major", major)
            json.member("minor", minor)
            json.member("fileMode", ifPresent: fileMode.map { Int64($0) })
            json.member("uid", ifPresent: uid.map { Int64($0) })
            json.member("gid", ifPresent: gid.map { Int64($0) })
        }
    }
}

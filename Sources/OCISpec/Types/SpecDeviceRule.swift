// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An entry of `linux.resources.devices`: which devices the container's cgroup may use (runtime-spec, config-linux.md,
/// "Allowed Device list"). Of two rules that cover a device, the later one counts.
package struct SpecDeviceRule: Hashable, Sendable {
    /// Whether the rule allows or denies.
    package var allow: Bool
    /// `c`, `b`, or `a` for all; empty is all too.
    package var type: ByteString
    /// Nil and -1 cover every number.
    package var major: Int64?
    /// Nil and -1 cover every number.
    package var minor: Int64?
    /// Letters of `rwm`: read, write, mknod.
    package var access: ByteString

    /// A rule.
    package init(allow: Bool, type: ByteString, major: Int64?, minor: Int64?, access: ByteString) {
        self.allow = allow
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// Whether every device that `other` covers is covered by this rule, whatever the access.
    func covers(_ other: SpecDeviceRule) -> Bool {
        func spans(_ all: Int64?, _ one: Int64?) -> Bool { all == nil || all == -1 || all == one }
        return (type.isEmpty || type == "a" || type == other.type) && spans(major, other.major)
            && spans(minor, other.minor)
    }
}

extension SpecDeviceRule: SpecElement {
    typealias Key = SpecDeviceRule

    init(reading document: borrowing JSONDocument, at node: JSONNode) throws(SpecError) {
        allow = try document.boolean(of: node, "allow")
        type = try document.string(of: node, "type") ?? ByteString()
        major = try document.integer(of: node, "major")
        minor = try document.integer(of: node, "minor")
        access = try document.string(of: node, "access") ?? ByteString()
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("allow", allow)
            json.member("type", ifPresent: type)
            json.member("major", ifPresent: major)
            json.member("minor", ifPresent: minor)
            json.member("access", ifPresent: access)
        }
    }
}

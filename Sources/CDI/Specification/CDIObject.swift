// SPDX-License-Identifier: Apache-2.0

/// The objects of a CDI file and their members (SPEC.md, "JSON Definition"; upstream specs-go/config.go).
enum CDIObject: Sendable {
    case specification, device, edits, deviceNode, netDevice, mount, hook, intelRDT

    /// The type of a member's value. Null stands for a missing member everywhere, as it does for Go.
    enum Value: Sendable {
        case string, integer, boolean
        case object(CDIObject)
        /// Lists.
        case strings, integers
        case objects(CDIObject)
        /// An object with any names, and strings.
        case map
    }

    /// A member that an object may have.
    struct Member: Sendable {
        let name: StaticString
        let value: Value
        /// The first version of CDI that has it.
        let since: CDIVersion
        /// The first version that has it no more.
        let until: CDIVersion?

        init(_ name: StaticString, _ value: Value, since: CDIVersion = CDIVersion(0, 3), until: CDIVersion? = nil) {
            self.name = name
            self.value = value
            self.since = since
            self.until = until
        }
    }

    var members: [Member] {
        switch self {
        case .specification: Self.specificationMembers
        case .device: Self.deviceMembers
        case .edits: Self.editsMembers
        case .deviceNode: Self.deviceNodeMembers
        case .netDevice: Self.netDeviceMembers
        case .mount: Self.mountMembers
        case .hook: Self.hookMembers
        case .intelRDT: Self.intelRDTMembers
        }
    }

    private static let specificationMembers = [
        Member("cdiVersion", .string), Member("kind", .string),
        Member("annotations", .map, since: CDIVersion(0, 6)), Member("devices", .objects(.device)),
        Member("containerEdits", .object(.edits)),
    ]

    private static let deviceMembers = [
        Member("name", .string), Member("annotations", .map, since: CDIVersion(0, 6)),
        Member("containerEdits", .object(.edits)),
    ]

    private static let editsMembers = [
        Member("env", .strings), Member("deviceNodes", .objects(.deviceNode)),
        Member("hooks", .objects(.hook)), Member("mounts", .objects(.mount)),
        Member("intelRdt", .object(.intelRDT), since: CDIVersion(0, 7)),
        Member("additionalGids", .integers, since: CDIVersion(0, 7)),
        Member("netDevices", .objects(.netDevice), since: CDIVersion(1, 1)),
    ]

    private static let deviceNodeMembers = [
        Member("path", .string), Member("hostPath", .string, since: CDIVersion(0, 5)), Member("type", .string),
        Member("major", .integer), Member("minor", .integer), Member("fileMode", .integer),
        Member("permissions", .string), Member("uid", .integer), Member("gid", .integer),
    ]

    private static let netDeviceMembers = [Member("hostInterfaceName", .string), Member("name", .string)]

    private static let mountMembers = [
        Member("hostPath", .string), Member("containerPath", .string), Member("options", .strings),
        Member("type", .string, since: CDIVersion(0, 4)),
    ]

    private static let hookMembers = [
        Member("hookName", .string), Member("path", .string), Member("args", .strings),
        Member("env", .strings), Member("timeout", .integer),
    ]

    private static let intelRDTMembers = [
        Member("closID", .string), Member("l3CacheSchema", .string), Member("memBwSchema", .string),
        Member("enableCMT", .boolean, until: CDIVersion(1, 1)), Member("enableMBM", .boolean, until: CDIVersion(1, 1)),
        Member("schemata", .strings, since: CDIVersion(1, 1)),
        Member("enableMonitoring", .boolean, since: CDIVersion(1, 1)),
    ]
}

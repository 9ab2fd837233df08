// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// What `list` is to print (src/cli/list.c).
struct ListOptions {
    static let table = OptionTable([
        .init("device", "d", .required), .init("libraries", "l"), .init("binaries", "b"), .init("ipcs", "i"),
        .init("firmwares", "f"), .init("compat32"), .init("mig-config", nil, .required),
        .init("mig-monitor", nil, .required), .init("imex-channel", nil, .required), .init("no-persistenced"),
        .init("no-fabricmanager"), .init("no-gsp-firmware"), .init("json"),
    ])

    /// nil where no devices are asked for, which is not the same as an empty list: with that there are control nodes.
    private(set) var devices: DeviceArgument?
    private(set) var listsLibraries = false
    private(set) var listsBinaries = false
    private(set) var listsSockets = false
    private(set) var listsFirmware = false
    private(set) var listsCompat32 = false
    private(set) var migAccess: [MIGControl] = []
    private(set) var imexChannels: [UInt32] = []
    private(set) var exclusions = Exclusions()
    private(set) var isJSON = false

    init(_ arguments: ArraySlice<ByteString>) throws(Interruption) {
        var reader = ArgumentReader(arguments, Self.table, .list)
        var isRestricted = false
        while let element = try reader.next() {
            guard case .option(let name, let value) = element else { throw .misused(.tooManyArguments, .list) }
            if try !takeModifier(name, value ?? ByteString()) {
                try takeRestriction(name, value ?? ByteString())
                isRestricted = true
            }
        }
        if !isRestricted { listAll() }
    }

    /// Without any of these everything is listed.
    private mutating func takeRestriction(_ name: ByteString, _ value: ByteString) throws(Interruption) {
        switch name {
        case "device": devices = (devices ?? DeviceArgument()).adding(value)
        case "libraries": listsLibraries = true
        case "binaries": listsBinaries = true
        case "ipcs": listsSockets = true
        case "firmwares": listsFirmware = true
        case "compat32": listsCompat32 = true
        case "mig-config": try MIGControl.config.take(value, in: &migAccess)
        case "mig-monitor": try MIGControl.monitor.take(value, in: &migAccess)
        default: break
        }
    }

    /// Whether it is an option that changes a list and makes none.
    private mutating func takeModifier(_ name: ByteString, _ value: ByteString) throws(Interruption) -> Bool {
        switch name {
        case "imex-channel": try imexChannels.takeIMEXChannels(value)
        case "json": isJSON = true
        default: return exclusions.take(name)
        }
        return true
    }

    private mutating func listAll() {
        devices = DeviceArgument().adding("all")
        listsLibraries = true
        listsBinaries = true
        listsSockets = true
        listsFirmware = true
        listsCompat32 = true
    }
}

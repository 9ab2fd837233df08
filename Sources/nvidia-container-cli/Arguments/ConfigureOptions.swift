// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

/// What a container is to get (src/cli/configure.c).
///
/// Not kept: `--ldconfig`, as the loader's cache is written by us and no program of host or image is run for it.
struct ConfigureOptions {
    static let table = OptionTable([
        .init("pid", "p", .required), .init("device", "d", .required), .init("require", "r", .required),
        .init("ldconfig", "l", .required), .init("compute", "c"), .init("utility", "u"), .init("video", "v"),
        .init("graphics", "g"), .init("display", "D"), .init("ngx", "n"), .init("compat32"),
        .init("mig-config", nil, .required), .init("mig-monitor", nil, .required), .init("no-cgroups"),
        .init("no-devbind"), .init("imex-channel", nil, .required), .init("no-persistenced"),
        .init("no-fabricmanager"), .init("no-gsp-firmware"), .init("no-cntlibs"),
        .init("cuda-compat-mode", nil, .required),
    ])

    /// As many as libnvidia-container takes.
    private static let requirementLimit = 32

    /// Absolute path of the container's root, not `/`.
    private(set) var root = ByteString()
    /// A process of the container; nil where its namespaces are ours.
    private(set) var pid: Int32?
    private(set) var devices = DeviceArgument()
    private(set) var requirements: [ByteString] = []
    private(set) var capabilities: DriverCapabilities = []
    private(set) var migAccess: [MIGControl] = []
    private(set) var imexChannels: [UInt32] = []
    private(set) var managesCgroup = true
    private(set) var makesDeviceNodes = true
    private(set) var exclusions = Exclusions()
    private var compatibilityModes: Set<ByteString> = []

    /// Whether CUDA libraries of the image may be preferred to the driver's.
    var allowsCUDACompatibility: Bool { !compatibilityModes.contains(Self.disabled) }

    private static let disabled: ByteString = "disabled"

    init(_ arguments: ArraySlice<ByteString>) throws(Interruption) {
        var reader = ArgumentReader(arguments, Self.table, .configure)
        while let element = try reader.next() {
            switch element {
            case .option(let name, let value): try take(name, value ?? ByteString())
            case .word(let word):
                guard root.isEmpty else { throw .misused(.wrongWords, .configure) }
                guard word.isAbsolutePath, !word.pathComponents.isEmpty else {
                    throw .input("invalid rootfs directory", hint: "give the absolute path of the container's root")
                }
                root = word
            }
        }
        guard !root.isEmpty else { throw .misused(.wrongWords, .configure) }
        if compatibilityModes.count > 1, allowsCUDACompatibility {
            throw .invalid(Failure(.container, "only one cuda-compat-mode can be specified at a time"))
        }
    }

    private mutating func take(_ name: ByteString, _ value: ByteString) throws(Interruption) {
        switch name {
        case "pid": pid = try Self.pid(value)
        case "device": devices = devices.adding(value)
        case "require":
            guard requirements.count < Self.requirementLimit else { throw .input("too many requirements") }
            requirements.append(value)
        case "mig-config": try MIGControl.config.take(value, in: &migAccess)
        case "mig-monitor": try MIGControl.monitor.take(value, in: &migAccess)
        case "imex-channel": try imexChannels.takeIMEXChannels(value)
        case "no-cgroups": managesCgroup = false
        case "no-devbind": makesDeviceNodes = false
        case "no-cntlibs": compatibilityModes.insert(Self.disabled)
        case "cuda-compat-mode":
            guard ["mount", "ldconfig", Self.disabled].contains(value) else {
                throw .input(
                    "invalid cuda-compat-mode: \(value.abbreviated)", hint: "it is ldconfig, mount or disabled")
            }
            compatibilityModes.insert(value)
        default:
            if let capability = DriverCapabilities.named.first(where: { $0.name == name })?.capability {
                capabilities.formUnion(capability)
            } else {
                _ = exclusions.take(name)
            }
        }
    }

    /// Nil for what names no process, as libnvidia-container has it: 0 and less.
    private static func pid(_ text: ByteString) throws(Interruption) -> Int32? {
        let isNegative = text.hasPrefix("-")
        let digits = isNegative ? ByteString(text.bytes.dropFirst()) : text
        guard !digits.isEmpty, digits.bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { throw .input("parse pid failed: invalid argument", hint: "\"\(text.abbreviated)\" is no number") }
        guard let number = digits.decimal(as: Int32.self) else {
            throw .input("parse pid failed: numerical result out of range")
        }
        return isNegative || number == 0 ? nil : number
    }
}

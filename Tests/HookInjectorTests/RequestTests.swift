// SPDX-License-Identifier: Apache-2.0

import CDI
import Diagnostics
import Foundation
import LibContainer
import Linux
import OCISpec
import RuntimeConfig
import Testing

@testable import HookInjector

/// A row of a table in testdata/requests about one value.
struct ValueRow: Decodable, CustomTestStringConvertible {
    var value: String
    var supported: String?
    var want: String?
    var error: String?
    var testDescription: String { value.debugDescription }
}

/// A row of testdata/requests/requests.json: a container under some settings, and what it asks for.
struct RequestRow: Decodable, CustomTestStringConvertible {
    struct Mount: Decodable {
        var destination: String
        var source: String?
        var type: String?
        var options: [String]?
    }

    var name: String
    var toml: String?
    var handler: String?
    var env: [String]?
    var annotations: [String: String]?
    var mounts: [Mount]?
    var privileged: Bool?
    /// The devices, those of CDI behind `cdi:`; nil for no request.
    var want: String?
    /// The id of the error.
    var error: String?
    /// A part of a warning; nil for no warning at all.
    var warning: String?
    var channel: String?
    var capabilities: String?
    var optional: Bool?
    var gates: [String]?
    var mig: [String]?
    var imex: [UInt32]?
    var mps: Bool?
    var testDescription: String { name }

    var container: ContainerDescription {
        var container = ContainerDescription(environment: (env ?? []).map { ByteString($0) })
        container.annotations = (annotations ?? [:]).map { (ByteString($0.key), ByteString($0.value)) }
        container.mounts = (mounts ?? []).map {
            SpecMount(
                destination: ByteString($0.destination), source: ByteString($0.source ?? "/dev/null"),
                type: ByteString($0.type ?? "bind"),
                options: ($0.options ?? ["rbind", "rprivate"]).map { ByteString($0) })
        }
        container.isPrivileged = privileged ?? false
        return container
    }

    func reader() throws -> RequestReader {
        try RequestReader(
            settings: try Settings.load(from: Array((toml ?? "").utf8)), handler: ByteString(handler ?? ""))
    }
}

func table<Row: Decodable>(_ name: String, of type: Row.Type = Row.self) -> [Row] {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../../testdata/requests/\(name).json")
    do {
        return try JSONDecoder().decode([Row].self, from: Data(contentsOf: file))
    } catch {
        Issue.record("\(name): \(error)")
        return []
    }
}

@Suite struct RequestTests {
    /// The decision table: channels, their order, the privilege rule, the policy, in every mode.
    @Test(arguments: table("requests", of: RequestRow.self))
    func decision(row: RequestRow) throws {
        var reader = try row.reader()
        do throws(Diagnostic) {
            let request = try reader.request(of: row.container)
            #expect(row.error == nil)
            #expect(request.map { Self.text($0.devices) } == row.want)
            if let channel = row.channel { #expect(request?.channel.description == channel) }
            if let capabilities = row.capabilities { #expect(request?.capabilities.description == capabilities) }
            if let optional = row.optional { #expect(request?.isOptional == optional) }
            if let gates = row.gates { #expect(request?.extras.gates.map { "\($0)" } == gates) }
            if let mig = row.mig { #expect(request?.extras.migAccess.map { "\($0)" } == mig) }
            if let imex = row.imex { #expect(request?.extras.imexChannels == imex) }
            if let mps = row.mps { #expect(request?.extras.mps == mps) }
        } catch {
            #expect(row.error == error.id.description, "\(error)")
            #expect(!error.hint.isEmpty)
        }
        if let warning = row.warning {
            #expect(reader.warnings.count == 1 && reader.warnings[0].contains(warning), "\(reader.warnings)")
        } else {
            #expect(reader.warnings.isEmpty, "\(reader.warnings)")
        }
    }

    /// Whoever gets something has asked for it: what is looked at before the settings are is never too little.
    @Test(arguments: table("requests", of: RequestRow.self))
    func whoGetsSomethingHasAsked(row: RequestRow) throws {
        let settings = try Settings.load(from: Array((row.toml ?? "").utf8))
        let asks = row.container.asksForDevices(
            swarmResources: settings.swarmResources,
            annotationPrefixes: settings.runtime.modes.cdi.annotationPrefixes)
        if row.want != nil || row.error != nil || row.warning != nil { #expect(asks) }
    }

    private static func text(_ devices: DeviceRequest.Devices) -> String {
        switch devices {
        case .gpus(let selection): selection.description
        case .cdi(let names): "cdi:" + names.map(\.description).joined(separator: ",")
        }
    }

    // D-04, D-12: the exact table; an unknown name is an error and never means all.
    @Test(arguments: table("visible-devices", of: ValueRow.self))
    func visibleDevices(row: ValueRow) {
        do throws(Diagnostic) {
            let list = DeviceList(ByteString(row.value).commaSeparatedElements)
            let selection = try list.map { (list) throws(Diagnostic) in try DeviceSelection(list) }
            #expect(row.error == nil)
            #expect(selection?.description == row.want)
        } catch {
            #expect(row.error.map { error.description.contains($0) } == true, "\(error)")
        }
    }

    @Test(arguments: table("driver-capabilities", of: ValueRow.self))
    func driverCapabilities(row: ValueRow) {
        do throws(Diagnostic) {
            let supported = try DriverCapabilities(configured: ByteString(row.supported ?? "all"), setting: "supported")
            let capabilities = try DriverCapabilities(parsing: ByteString(row.value), supported: supported)
            #expect(row.error == nil)
            #expect(capabilities.description == row.want)
        } catch {
            #expect(row.error.map { error.description.contains($0) } == true, "\(error)")
        }
    }

    // D-03: only CAP_SYS_ADMIN, spelt so, in the bounding set makes a container privileged.
    @Test(
        arguments: [
            (#"{"bounding":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#, true), (#"{"bounding":["CAP_CHOWN"]}"#, false),
            (#"{"bounding":["cap_sys_admin"]}"#, false), (#"{"bounding":["CAP_SYS_ADMIN "]}"#, false),
            (#"{"bounding":["SYS_ADMIN"]}"#, false), (#"{"bounding":null}"#, false), ("{}", false), ("null", false),
            (#"{"effective":["CAP_SYS_ADMIN"]}"#, false), (#"{"ambient":["CAP_SYS_ADMIN"]}"#, false),
            (#"{"permitted":["CAP_SYS_ADMIN"],"inheritable":["CAP_SYS_ADMIN"]}"#, false),
        ])
    func privilege(capabilities: String, expected: Bool) throws {
        let text = #"{"process":{"capabilities":"# + capabilities + "}}"
        let document = try SpecDocument(parsing: Array(text.utf8))
        #expect(try ContainerDescription(reading: document).isPrivileged == expected)
    }

    // D-03: what runc would read in two ways, or not at all, is no description of a container.
    @Test(
        arguments: [
            #"{"process":{"capabilities":["CAP_SYS_ADMIN"]}}"#,
            #"{"process":{"capabilities":{"bounding":"CAP_SYS_ADMIN"}}}"#,
            #"{"process":{"capabilities":{"bounding":[],"bounding":["CAP_SYS_ADMIN"]}}}"#,
            #"{"process":{"capabilities":{"bounding":[],"Bounding":["CAP_SYS_ADMIN"]}}}"#,
        ])
    func privilegeIsNotGuessed(text: String) {
        #expect(throws: SpecError.self) {
            try ContainerDescription(reading: try SpecDocument(parsing: Array(text.utf8)))
        }
    }

    // D-04: a long list is read in a time that does not hurt, and a hostile one is refused without being repeated.
    @Test func longListIsRefusedBriefly() {
        let error = #expect(throws: Diagnostic.self) {
            try DeviceIdentifier(parsing: ByteString([UInt8](repeating: 0x41, count: 1 << 20)))
        }
        #expect((error?.description.count ?? .max) < 300)
    }

    // D-13: of a long list of capabilities too.
    @Test func longCapabilityListIsRefusedBriefly() {
        let error = #expect(throws: Diagnostic.self) {
            try DriverCapabilities(parsing: ByteString([UInt8](repeating: 0x41, count: 1 << 20)), supported: .all)
        }
        #expect((error?.description.count ?? .max) < 400)
    }
}

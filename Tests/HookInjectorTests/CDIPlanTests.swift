// SPDX-License-Identifier: Apache-2.0

import CDI
import Diagnostics
import Foundation
import LibContainer
import Linux
import OCISpec
import Testing

@testable import HookInjector

/// What devices of CDI specifications put into a plan, and the plan into a config.json.
@Suite struct CDIPlanTests {
    /// A folder of CDI specifications; whoever made it removes it. Below /var/tmp: the path must be trusted.
    private final class Folder {
        let path: String

        init(_ edits: String, common: String = "null") throws {
            path = "/var/tmp/cdi-plan-\(UUID().uuidString)"
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
            let text =
                #"{"cdiVersion":"1.1.0","kind":"vendor.example/device","containerEdits":\#(common),"#
                + #""devices":[{"name":"a","containerEdits":\#(edits)},{"name":"b","containerEdits":{"env":["B=b"]}}]}"#
            try Data(text.utf8).write(to: URL(filePath: path + "/vendor.json"))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }
    }

    private func plan(
        _ edits: String, common: String = "null", names: [ByteString] = ["vendor.example/device=a"],
        user: SpecUser = SpecUser()
    ) throws -> InjectionPlan {
        let folder = try Folder(edits, common: common)
        let devices = try names.map { try #require(CDIQualifiedName($0)) }
        var plan = InjectionPlan(
            request: DeviceRequest(devices: .cdi(devices), capabilities: .default, channel: .environment))
        try plan.addDevices(named: devices, directories: [ByteString(folder.path)], user: user)
        return plan
    }

    private func applied(_ plan: InjectionPlan, to text: String = "{}") throws -> SpecDocument {
        var document = try SpecDocument(parsing: Array(text.utf8))
        try document.apply(plan)
        let first = try document.rendered()
        var second = try SpecDocument(parsing: first)
        try second.apply(plan)
        let isModified = second.isModified
        #expect(!isModified, "the second run changes something")
        return try SpecDocument(parsing: first)
    }

    @Test func devices() throws {
        let edits =
            #"{"deviceNodes":[{"path":"/dev/null"},{"path":"/dev/mine","hostPath":"/dev/zero","fileMode":384,"#
            + #""permissions":"r","uid":5,"gid":6},{"path":"/dev/shut","hostPath":"/dev/full","permissions":"none"}]}"#
        let document = try applied(plan(edits))
        let devices = try document.devices
        #expect(devices.map(\.path) == ["/dev/null", "/dev/mine", "/dev/shut"])
        #expect(devices.map { [$0.major, $0.minor] } == [[1, 3], [1, 5], [1, 7]])
        #expect(devices.map(\.fileMode) == [0o666, 0o600, 0o666])
        #expect(devices.map(\.uid) == [nil, 5, nil] && devices.map(\.gid) == [nil, 6, nil])
        let rules = try document.deviceRules
        #expect(rules.map(\.minor) == [3, 5] && rules.map(\.access) == ["rwm", "r"])
    }

    // upstream pkg/cdi/container-edits.go: what the file does not say is the container's user's, unless that is root.
    @Test func ownersOfDevices() throws {
        let edits = #"{"deviceNodes":[{"path":"/dev/null"},{"path":"/dev/zero","uid":0,"gid":0}]}"#
        let user = SpecUser(uid: 1000, gid: 7)
        let devices = try applied(plan(edits, user: user)).devices
        #expect(devices.map(\.uid) == [1000, 0] && devices.map(\.gid) == [7, 0])
    }

    // One entry of a name, in the place of the last.
    @Test func environmentOfLaterEditsCounts() throws {
        let plan = try plan(
            #"{"env":["A=device","C=d=e"]}"#, common: #"{"env":["A=file","B=file"]}"#,
            names: ["vendor.example/device=a", "vendor.example/device=b"])
        let document = try applied(plan, to: #"{"process":{"env":["PATH=/bin","B=image","A=image","A=again"]}}"#)
        let environment = try document.environment
        #expect(environment == ["PATH=/bin", "B=b", "A=device", "C=d=e"])
    }

    @Test func mounts() throws {
        let edits =
            #"{"mounts":[{"hostPath":"/etc","containerPath":"/a","options":["ro","rbind"]},"#
            + #"{"hostPath":"none","containerPath":"/t","type":"tmpfs"},{"hostPath":"/usr","containerPath":"/a"}]}"#
        let mounts = try applied(plan(edits)).mounts
        #expect(mounts.map(\.destination) == ["/t", "/a"])
        #expect(mounts.map(\.source) == ["none", "/usr"])
        #expect(mounts.map(\.type) == ["tmpfs", ""])
    }

    // CVE-2025-23266: a hook without an environment gets one, and none of the container's.
    @Test func hooks() throws {
        let edits =
            #"{"env":["LD_PRELOAD=/x.so"],"hooks":[{"hookName":"createContainer","path":"/usr/bin/env"},"#
            + #"{"hookName":"createContainer","path":"/usr/bin/env","args":["env","-i"],"env":["A=b"],"timeout":3},"#
            + #"{"hookName":"poststop","path":"/usr/bin/env"}]}"#
        let text = #"{"hooks":{"createContainer":[{"path":"/usr/bin/env","args":["env","-i"]},{"path":"/other"}]}}"#
        let document = try applied(plan(edits), to: text)
        let hooks = try document.hooks(.createContainer)
        #expect(hooks.map(\.path) == ["/usr/bin/env", "/other", "/usr/bin/env"])
        #expect(hooks.map(\.environment) == [["A=b"], [], CDIHook.defaultEnvironment])
        #expect(hooks.map(\.timeout) == [3, nil, CDIHook.defaultTimeout])
        #expect(try document.hooks(.poststop).count == 1)
    }

    @Test func groups() throws {
        let edits = #"{"additionalGids":[0,44,44,5]}"#
        let document = try applied(plan(edits), to: #"{"process":{"user":{"uid":0,"gid":0,"additionalGids":[5]}}}"#)
        #expect(try document.user.additionalGIDs == [5, 44])
    }

    @Test func networkInterfacesAndResctrl() throws {
        let edits = #"{"netDevices":[{"hostInterfaceName":"eth3","name":"net0"}],"intelRdt":{"closID":"one"}}"#
        let old =
            #"{"linux":{"netDevices":{"eth1":{"name":"eth1"}},"intelRdt":{"closID":"zero","memBwSchema":"MB:0=1"}}}"#
        let text = String(decoding: try applied(plan(edits), to: old).rendered(), as: UTF8.self)
        #expect(text.contains(#""eth1":{"name":"eth1"}"#) && text.contains(#""eth3":{"name":"net0"}"#))
        #expect(text.contains(#""intelRdt":{"closID":"one"}"#) && !text.contains("MB:0=1"))
    }

    // Two interfaces of one name can't be.
    @Test func networkInterfaceThatIsTaken() throws {
        let plan = try plan(#"{"netDevices":[{"hostInterfaceName":"eth3","name":"eth1"}]}"#)
        var document = try SpecDocument(parsing: Array(#"{"linux":{"netDevices":{"eth1":{"name":"eth1"}}}}"#.utf8))
        #expect(throws: SpecError.self) { try document.apply(plan) }
    }

    @Test func warningsAreRecorded() throws {
        let plan = try plan(#"{"additionalGids":[0],"env":["A=b"]}"#)
        #expect(plan.omissions.count == 1)
        #expect("\(plan.omissions[0])".contains("group 0"))
    }

    @Test(
        arguments: [
            (#"{"mounts":[{"hostPath":"/etc","containerPath":"/proc/x"}]}"#, ErrorID.cdiEditRefused),
            (#"{"deviceNodes":[{"path":"/dev/nowhere-at-all"}]}"#, .cdiDeviceNode),
            (#"{"deviceNodes":[{"path":"/dev/null","major":1,"minor":5}]}"#, .cdiDeviceNode),
            (#"{"mounts":[{"hostPath":"/nowhere-at-all","containerPath":"/x"}]}"#, .cdiDeviceNode),
            (#"{"hooks":[{"hookName":"prestart","path":"/nowhere-at-all"}]}"#, .cdiEditRefused),
            (#"{"hooks":[{"hookName":"start","path":"/usr/bin/env"}]}"#, .cdiDeviceNotResolved),
        ])
    func ids(edits: String, id: ErrorID) {
        let error = #expect(throws: Diagnostic.self) { try plan(edits) }
        #expect(error?.id == id)
        #expect(error?.hint.isEmpty == false)
    }

    @Test func countOfGPUs() throws {
        #expect(try plan(#"{"env":["A=b"]}"#).gpuCount == 1)
        let both: [ByteString] = ["vendor.example/device=a", "vendor.example/device=b"]
        #expect(try plan(#"{"env":["A=b"]}"#, names: both).gpuCount == 2)
        let four = (0...3).map { #"{"path":"/dev/nvidia\#($0)","hostPath":"/dev/null"}"# }.joined(separator: ",")
        #expect(try plan(#"{"deviceNodes":[\#(four),{"path":"/dev/nvidiactl","hostPath":"/dev/null"}]}"#).gpuCount == 4)
        let mixed: [ByteString] = [
            "nvidia.com/gpu=0", "k8s.device-plugin.nvidia.com/gds=all", "nvidia.com/imex-channel=0",
        ]
        let devices = try mixed.map { try #require(CDIQualifiedName($0)) }
        let request = DeviceRequest(devices: .cdi(devices), capabilities: .default, channel: .environment)
        #expect(InjectionPlan(request: request).gpuCount == 1)
    }
}

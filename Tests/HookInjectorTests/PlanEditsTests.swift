// SPDX-License-Identifier: Apache-2.0

import LibContainer
import Linux
import OCISpec
import RuntimeConfig
import Testing

@testable import HookInjector

@Suite struct PlanEditsTests {
    private let reason = InjectionPlan.Reason(requestedBy: .gpu(0), foundIn: "/dev/nvidia0")

    private func plan(stage: HookInvocation.Stage = .createContainer) throws -> InjectionPlan {
        let request = DeviceRequest(
            devices: .gpus(.devices([.index(0)])), capabilities: .default, channel: .environment)
        var plan = InjectionPlan(request: request, driverVersion: "570.86.15")
        let node = DeviceNode(
            path: "/dev/nvidia0", hostPath: "/dev/nvidia0", major: 195, minor: 0, permissions: 0o660, owner: 0,
            group: 44)
        plan.devices = [(InjectionPlan.Device(node), reason)]
        plan.additionalGIDs = [(44, reason)]
        let options = InjectionPlan.Mount.fileOptions
        plan.mounts = [(InjectionPlan.Mount(source: "/bin/sh", destination: "/usr/bin/smi", options: options), reason)]
        let update = LoaderUpdate(links: [SymbolicLink(path: "/usr/lib/libcuda.so", target: "libcuda.so.1")])
        plan.hook = HookInvocation(
            stage: stage, path: "/usr/bin/nvidia-runtime-hook", update: update, hidesParameters: false)
        return plan
    }

    private func applied(_ plan: InjectionPlan, to text: [UInt8]) throws -> (text: [UInt8], isModified: Bool) {
        var document = try SpecDocument(parsing: text)
        try document.apply(plan)
        return (try document.rendered(), document.isModified)
    }

    // J-20: what is there already is not written again, and the document stays as it is.
    @Test func secondTimeChangesNothing() throws {
        let first = try applied(plan(), to: Array(#"{"ociVersion":"1.0.2","x":1}"#.utf8))
        #expect(first.isModified)
        let second = try applied(plan(), to: first.text)
        #expect(!second.isModified)
        #expect(second.text == first.text)
    }

    // D-15: the device that was granted is allowed, and nothing else is.
    @Test func grantsWhatThePlanSays() throws {
        let document = try SpecDocument(parsing: applied(plan(), to: Array("{}".utf8)).text)
        #expect(try document.devices.map(\.path) == ["/dev/nvidia0"])
        #expect(try document.deviceRules.map { [$0.major, $0.minor] } == [[195, 0]])
        #expect(try document.deviceRules.allSatisfy(\.allow))
        #expect(try document.user.additionalGIDs == [44])
        #expect(try document.mounts.map(\.destination) == ["/usr/bin/smi"])
    }

    // Rules have no type u, a FIFO has no rule, and runc and crun fail on one that allows nothing.
    @Test func rulesAreOnesThatRuntimesTake() throws {
        var plan = try plan()
        func device(_ type: ByteString, minor: Int64, access: ByteString) -> InjectionPlan.Device {
            let path: ByteString = "/dev/x" + ByteString("\(minor)")
            return InjectionPlan.Device(
                node: SpecDevice(path: path, type: type, major: 1, minor: minor), access: access)
        }
        plan.devices = [
            (device("u", minor: 1, access: "rw"), reason), (device("c", minor: 2, access: ""), reason),
            (device("p", minor: 3, access: "rwm"), reason), (device("b", minor: 4, access: "r"), reason),
        ]
        let document = try SpecDocument(parsing: applied(plan, to: Array("{}".utf8)).text)
        #expect(try document.devices.map(\.type) == ["u", "c", "p", "b"])
        #expect(try document.deviceRules.map(\.type) == ["c", "b"])
        #expect(try document.deviceRules.map(\.minor) == [1, 4])
        #expect(try document.deviceRules.map(\.access) == ["rw", "r"])
    }

    // CVE-2025-23266: our hook has an environment of its own, and a time limit.
    @Test func hookHasAnEnvironmentAndATimeout() throws {
        let document = try SpecDocument(parsing: applied(plan(), to: Array("{}".utf8)).text)
        let hooks = try document.hooks(.createContainer)
        #expect(hooks.count == 1)
        #expect(hooks.first?.environment == HookInvocation.environment)
        #expect(HookInvocation.environment.isEmpty == false)
        #expect(hooks.first?.timeout == 30)
    }

    @Test func hookOfAnotherStageIsReplaced() throws {
        let before = try applied(plan(), to: Array("{}".utf8)).text
        let document = try SpecDocument(parsing: applied(plan(stage: .prestart), to: before).text)
        #expect(try document.hooks(.createContainer).isEmpty)
        #expect(try document.hooks(.prestart).count == 1)
        #expect(try document.hooks(.prestart).first?.arguments.contains("--enter-mount-namespace") == true)
    }

    // Docker's --gpus adds the original's hook; others of the stage are not ours to touch.
    @Test func supersededHooksGo() throws {
        let text = #"""
            {"hooks":{"prestart":[{"path":"/usr/bin/nvidia-container-runtime-hook","args":["x","prestart"]},
            {"path":"/proc/1/exe","args":["libnetwork-setkey"]}]}}
            """#
        let document = try SpecDocument(parsing: applied(plan(), to: Array(text.utf8)).text)
        #expect(try document.hooks(.prestart).map(\.path) == ["/proc/1/exe"])
    }

    // A driver upgrade between two runs of one bundle: what the first run mounted and is gone must not stop the second.
    @Test func mountsWhoseSourceIsGoneAreDroppedFromOurOwnBundleOnly() throws {
        var old = try plan()
        let options = InjectionPlan.Mount.fileOptions
        let gone = InjectionPlan.Mount(
            source: "/nonexistent/libcuda.so.1", destination: "/usr/lib/old", options: options)
        old.mounts.append((gone, reason))
        let before = try applied(old, to: Array("{}".utf8)).text
        let after = try SpecDocument(parsing: applied(plan(), to: before).text)
        #expect(try after.mounts.map(\.destination) == ["/usr/bin/smi"])

        let foreign = #"""
            {"mounts":[{"destination":"/m","type":"bind","source":"/nonexistent",
            "options":["ro","nosuid","nodev","rbind","rprivate"]}]}
            """#
        let kept = try SpecDocument(parsing: applied(plan(), to: Array(foreign.utf8)).text)
        #expect(try kept.mounts.map(\.destination) == ["/m", "/usr/bin/smi"])
    }
}

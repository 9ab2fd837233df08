// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import RuntimeConfig

/// `[nvidia-container-runtime.policy]`. The files that are refused are in testdata/config/bad.
@Suite struct PolicyTests {
    @Test func none() throws {
        let policy = try Settings.load(from: ConfigData.bytes("good/shipped.toml")).policy(handler: "nvidia-tenant")
        #expect(policy == Settings.Policy())
        #expect(policy.channels == .all)
        #expect(policy.maximumGPUs == nil)
        #expect(policy.capabilities == nil)
        #expect(policy.onViolation == .refuse)
    }

    @Test func handlers() throws {
        let settings = try Settings.load(from: ConfigData.bytes("good/policy.toml"))
        #expect(settings.warnings.isEmpty)
        for name in ["nvidia-container-runtime", "", "/opt/nvidia-tenant2", "NVIDIA-TENANT", "nvidia-tenant/"]
            as [ByteString]
        {
            let policy = settings.policy(handler: name)
            #expect(policy.channels == [.environment, .volumeMounts])
            #expect(policy.maximumGPUs == 4)
            #expect(policy.capabilities == "compute,utility")
            #expect(policy.onViolation == .refuse)
        }
        let tenant = settings.policy(handler: "/usr/local/bin/nvidia-tenant")
        #expect(tenant.channels == [.environment, .volumeMounts])
        #expect(tenant.maximumGPUs == 1)
        #expect(tenant.capabilities == "compute,utility")
        #expect(tenant.onViolation == .ignore)
        let system = settings.policy(handler: "nvidia-system")
        #expect(system.channels == .all)
        #expect(system.maximumGPUs == 4)
        #expect(system.capabilities == "all")
        #expect(system.onViolation == .refuse)
        let none = settings.policy(handler: "nvidia-none")
        #expect(none.channels == [])
        #expect(none.maximumGPUs == 0)
    }

    @Test func channelNames() throws {
        for (name, channel) in [
            ("image", .image), ("environment", .environment), ("engine-environment", .engineEnvironment),
            ("volume-mounts", .volumeMounts), ("annotations", .annotations),
        ] as [(String, Settings.Channels)] {
            let text = "nvidia-container-runtime.policy.channels = ['\(name)', '\(name)']"
            let policy = try Settings.load(from: Array(text.utf8)).policy(handler: "x")
            #expect(policy.channels == channel)
            #expect(Settings.Channels.all.contains(channel))
        }
    }

    /// A table without keys is no restriction, and one that says nothing for a handler leaves the one above.
    @Test func emptyTables() throws {
        let text = "[nvidia-container-runtime.policy]\nmax-gpus = 2\n[nvidia-container-runtime.policy.handlers.x]"
        #expect(try Settings.load(from: Array(text.utf8)).policy(handler: "x").maximumGPUs == 2)
        let empty = "[nvidia-container-runtime.policy.handlers]"
        #expect(try Settings.load(from: Array(empty.utf8)) == Settings())
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import CDI
package import LibContainer
internal import Linux
internal import OCISpec

extension InjectionPlan {
    /// The plan in words, a line each: what the container gets, who asked for it and where it was found, and what it
    /// does not get. For people; the format may change.
    package var explanation: [String] {
        var lines = ["request: \(request)"]
        if !driverVersion.isEmpty { lines.append("driver: \(driverVersion)") }
        lines += gpus.map { gpu in
            // A Tegra's own GPU has no UUID and is on no bus.
            let facts = [gpu.model, gpu.uuid, gpu.busID].filter { !$0.isEmpty }
            return "GPU \(gpu.index): \(facts.map(\.description).joined(separator: ", "))"
        }
        lines += migDevices.map {
            "MIG device \($0.parent.index):\($0.index): GPU instance \($0.gpuInstance), compute instance \($0.computeInstance)"
        }
        lines += environment.map { "environment \($0.value.name)=\($0.value.value): for \($0.reason)" }
        lines += devices.map { item in
            let node = item.value.node
            return "device \(node.path) (\(node.major):\(node.minor)): for \(item.reason)"
        }
        lines += netDevices.map { "network device \($0.value.name) from \($0.value.hostName): for \($0.reason)" }
        lines += additionalGIDs.map { "group \($0.value): owns \($0.reason.foundIn)" }
        lines += mounts.map { item in
            let (source, destination) = (item.value.source, item.value.destination)
            let what = source == destination ? "\(source)" : "\(destination) from \(source)"
            return "mount \(what): for \(item.reason)"
        }
        lines += links.map { "link \($0.value.path) -> \($0.value.target): for \($0.reason.requestedBy)" }
        lines += libraries.map { "loader \($0.value.soname) -> \($0.value.path)" }
        if let hook { lines.append("hook \(hook.stage.rawValue): \(hook.path)") }
        lines += foreignHooks.map { "hook \($0.value.stage.rawValue): \($0.value.hook.path): for \($0.reason)" }
        if let intelRDT { lines.append("Intel RDT: for \(intelRDT.reason)") }
        lines += omissions.map { "without \($0)" }
        return lines
    }
}

extension InjectionPlan.Requester: CustomStringConvertible {
    package var description: String {
        switch self {
        case .capabilities(let capabilities): capabilities.description
        case .gpu(let index): "GPU \(index)"
        case .mig(let gpu, let device): "MIG device \(gpu):\(device)"
        case .migAccess(let access): "MIG \(access)"
        case .imexChannel(let number): "IMEX channel \(number)"
        case .gate(let gate): "\(gate)"
        case .mps: "MPS"
        case .platform(let platform): "\(platform)"
        case .cdi(let device): device.map(\.description) ?? "CDI"
        }
    }
}

extension InjectionPlan.Reason: CustomStringConvertible {
    package var description: String { "\(requestedBy), found in \(foundIn)" }
}

extension Omission: CustomStringConvertible {
    package var description: String {
        switch cause {
        case .notFound(let searched):
            "\(name): not found in \(searched.map(\.description).joined(separator: ", "))"
        case .versionMismatch(let path, let version): "\(name): \(path) is of version \(version)"
        case .refused(let reason): "\(name): \(reason)"
        }
    }
}

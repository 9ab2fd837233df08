// SPDX-License-Identifier: Apache-2.0

package import LibContainer
internal import Linux

extension InjectionPlan {
    /// The plan in words, a line each: what the container gets, who asked for it and where it was found, and what it
    /// does not get. For people; the format may change.
    package var explanation: [String] {
        var lines = [
            "request: devices \(request.selection), capabilities \(request.capabilities)",
            "driver: \(driverVersion)",
        ]
        lines += gpus.map { "GPU \($0.index): \($0.model), \($0.uuid), \($0.busID), /dev/nvidia\($0.minor)" }
        lines += devices.map { item in
            let device = item.value
            return "device \(device.path) (\(device.major):\(device.minor)): for \(item.reason)"
        }
        lines += additionalGIDs.map { "group \($0.value): owns \($0.reason.foundIn)" }
        lines += mounts.map { item in
            let (source, destination) = (item.value.source, item.value.destination)
            let what = source == destination ? "\(source)" : "\(destination) from \(source)"
            return "mount \(what): for \(item.reason)"
        }
        lines += links.map { "link \($0.value.path) -> \($0.value.target): for \($0.reason.requestedBy)" }
        lines += libraries.map { "loader \($0.value.soname) -> \($0.value.path)" }
        if let hook { lines.append("hook \(hook.stage.rawValue): \(hook.path)") }
        lines += omissions.map { "without \($0)" }
        return lines
    }
}

extension InjectionPlan.Requester: CustomStringConvertible {
    package var description: String {
        switch self {
        case .capabilities(let capabilities): capabilities.description
        case .gpu(let index): "GPU \(index)"
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

// SPDX-License-Identifier: Apache-2.0

internal import CDI
package import Linux

extension ContainerDescription {
    private static let devicesVariable: ByteString = "NVIDIA_VISIBLE_DEVICES"

    /// The annotation of ours that makes a request a soft one.
    private static let optionalAnnotation: ByteString = "nvidia-runtime/optional"

    /// The words that must stand somewhere in a config.json that asks for a GPU, beside those that the settings name
    /// (`swarm-resource`, `annotation-prefixes`): a file without any of them needs no parsing.
    package static let triggers: [StaticString] = [
        "NVIDIA_VISIBLE_DEVICES", "CUDA_VERSION", "nvidia-container-devices",
    ]

    /// Whether anything asks for a device, good or bad, by whatever channel: what can be known before the
    /// administrator's settings are.
    package func asksForDevices(swarmResources: [ByteString], annotationPrefixes: [ByteString]) -> Bool {
        DeviceList.isMade(by: devicesInEnvironment(swarmResources: swarmResources)?.elements ?? [])
            || DeviceList.isMade(by: VolumeMountList(mounts).devices)
            || DeviceList.isMade(by: annotatedDevices(prefixes: annotationPrefixes)?.elements ?? [])
    }

    /// Whether the container asks softly by annotation.
    var hasOptionalAnnotation: Bool {
        annotations.last { $0.key == Self.optionalAnnotation }?.value == "true"
    }

    /// The device list in the environment: that of the variables in `swarmResources`, if one is set, together, in the
    /// order of the setting; else NVIDIA_VISIBLE_DEVICES; else all for an image that is older than this variable. Nil
    /// where there is none.
    func devicesInEnvironment(
        swarmResources: [ByteString]
    ) -> (channel: RequestChannel, elements: [ByteString])? {
        var elements: [ByteString] = []
        var setter: ByteString?
        for name in swarmResources {
            guard let value = value(of: name) else { continue }
            setter = setter ?? name
            elements += value.commaSeparatedElements
        }
        if let setter { return (.engineEnvironment(setter), elements) }
        if let value = value(of: Self.devicesVariable) { return (.environment, value.commaSeparatedElements) }
        return isLegacyImage ? (.image, ["all"]) : nil
    }

    /// Whether the image is a CUDA image from before NVIDIA_REQUIRE_CUDA.
    private var isLegacyImage: Bool {
        value(of: "CUDA_VERSION")?.isEmpty == false && value(of: "NVIDIA_REQUIRE_CUDA")?.isEmpty != false
    }

    /// The device list in annotations whose key starts with one of `prefixes`: that of all of them, in the order of the
    /// keys, and the first key. Nil where there is none.
    func annotatedDevices(prefixes: [ByteString]) -> (key: ByteString, elements: [ByteString])? {
        var matching = annotations.filter { annotation in
            prefixes.contains { !$0.isEmpty && annotation.key.hasPrefix($0) }
        }
        if matching.count > 1 { matching.sort { $0.key < $1.key } }
        guard let first = matching.first else { return nil }
        return (first.key, matching.flatMap { $0.value.commaSeparatedElements })
    }
}

extension DeviceList {
    /// Whether the list is of qualified names of CDI devices only.
    var isAllQualified: Bool {
        guard case .names(let names) = content else { return false }
        return names.allSatisfy { CDIQualifiedName($0) != nil }
    }
}

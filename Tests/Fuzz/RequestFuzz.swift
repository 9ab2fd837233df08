// SPDX-License-Identifier: Apache-2.0

@testable import HookInjector
@testable import Linux
@testable import OCISpec
@testable import RuntimeConfig

/// Settings under which every channel counts.
private let settings = {
    var settings = Settings()
    settings.acceptsVolumeMounts = true
    settings.swarmResources = ["DOCKER_RESOURCE_GPU"]
    return settings
}()

/// An input is lines: `m` and a mount's destination, `a` and an annotation's value, anything else an entry of the
/// environment.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var container = ContainerDescription(environment: [])
    for line in ByteString(Array(UnsafeBufferPointer(start: start, count: count))).lines {
        let rest = ByteString(Array(line.bytes.dropFirst()))
        switch line.bytes.first {
        case UInt8(ascii: "m"):
            container.mounts.append(SpecMount(destination: rest, source: "/dev/null", type: "bind"))
        case UInt8(ascii: "a"): container.annotations.append((key: "cdi.k8s.io/x", value: rest))
        default: container.environment.append(line)
        }
    }
    guard var reader = try? RequestReader(settings: settings, handler: "nvidia-runtime"),
        let request = try? reader.request(of: container)
    else { return 0 }
    // Who gets something has asked for it.
    precondition(
        container.asksForDevices(
            swarmResources: settings.swarmResources,
            annotationPrefixes: settings.runtime.modes.cdi.annotationPrefixes))
    _ = request.description
    return 0
}

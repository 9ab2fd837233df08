// SPDX-License-Identifier: Apache-2.0
// libFuzzer target for config.toml: the settings, or an error that names the place.

@testable import Linux
@testable import RuntimeConfig

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzSettings(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    do throws(SettingsError) {
        let settings = try Settings.load(from: bytes)
        precondition(settings.runtime.runtimes.allSatisfy(\.isCString))
        precondition(settings.features.allowLdconfigFromContainer || settings.containerCLI.ldconfig.hasPrefix("@/"))
    } catch {
        precondition(error.description.hasPrefix("config.toml:"))
    }
    precondition(!EssentialSettings(recoveredFrom: bytes).runtimes.isEmpty)
    return 0
}

// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: an environment, entries separated by NUL, and the requirements in it, checked against hosts that know
// all, nothing, and something else. Nothing is met with less knowledge that is not met with more, nobody is asked twice,
// and an error is one short line.

@testable import HookInjector
@testable import LibContainer
@testable import Linux

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRequirements(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = ByteString(UnsafeBufferPointer(start: start, count: count))
    let environment = bytes.split(separator: 0)
    let whole = [ByteString(Array("NVIDIA_REQUIRE_CUDA=".utf8) + bytes.bytes)]
    for environment in [environment, whole] {
        do throws(RequirementError) {
            let list = try RequirementList(environment: environment)
            for driver: ByteString in ["550.144.03", "612.10", "540.4.0", "nonsense"] {
                let ignorant = meets(list, driver, knows: false)
                let knowing = meets(list, driver, knows: true)
                precondition(!ignorant || knowing, "knowing more takes it back")
            }
        } catch {
            check(error)
        }
    }
    return 0
}

private func meets(_ list: RequirementList, _ driver: ByteString, knows: Bool) -> Bool {
    let gpus = [
        GPUFacts(name: "0", brand: .known("tesla"), architecture: .known(RequirementVersion(8, 0))),
        GPUFacts(name: "1", brand: .known("GeForce"), architecture: .known(RequirementVersion(8, 9))),
    ]
    var asked = (cuda: 0, gpus: 0)
    let host = HostFacts(
        driverVersion: driver,
        cuda: {
            asked.cuda += 1
            return knows ? .known(CUDAVersion(13, 4)) : .unknown(because: "nobody knows")
        },
        gpus: {
            asked.gpus += 1
            return knows ? .known(gpus) : .unknown(because: "nobody knows")
        })
    defer { precondition(asked.cuda <= 1 && asked.gpus <= 1, "asked twice") }
    do throws(RequirementError) {
        try list.check(host)
        return true
    } catch {
        check(error)
        return false
    }
}

private func check(_ error: RequirementError) {
    let text = error.description
    precondition(text.count <= 200 && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }, "not one short line")
    precondition(error.hint.count <= 1200, "a long hint")
}

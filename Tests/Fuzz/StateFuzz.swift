// SPDX-License-Identifier: Apache-2.0

// libFuzzer target: the container state on a hook's standard input. The bundle that it gives out must be absolute.

@testable import Linux
@testable import OCISpec

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzState(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    guard let state = try? ContainerState(parsing: text) else { return 0 }
    precondition(state.bundle.isAbsolutePath && state.root?.isEmpty != true, "a path is relative or empty")
    precondition(state.pid.map { $0 > 0 } != false, "a process ID is not positive")
    precondition(state.bundle.isCString && !state.id.isEmpty, "an ID or a path is no C string")
    return 0
}

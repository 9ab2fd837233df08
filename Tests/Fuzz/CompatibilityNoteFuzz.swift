// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the note of an image's libcuda. The input is the file and, on its own, the text in it.

import Glibc

@testable import LibContainer
@testable import Linux

/// The file that each input is written to: ELFFile reads descriptors.
private let number: CInt = {
    guard let file = tmpfile() else { return -1 }
    return fileno(file)
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if let note = try? CompatibilityNote(parsing: bytes) { check(note) }
    guard ftruncate(number, 0) == 0, pwrite(number, start, count, 0) == count else { return 0 }
    if let note = try? CompatibilityNote(reading: FileDescriptor(owning: dup(number))) { check(note) }
    return 0
}

private func check(_ note: CompatibilityNote) {
    precondition(note.driverBranches.count <= 256)
    guard let driver = DottedVersion("570.211.01"), let cuda = DottedVersion("12.6"),
        let request = try? ForwardCompatibility(driverVersion: driver, cudaVersion: cuda)
    else { preconditionFailure() }
    // A note never makes a library count that is not newer, by the one measure or by the other.
    for version: ByteString in ["575.57.08", "570.211.01", "1.1", "x"] {
        let decision = request.decide(libraryVersion: version, note: note)
        let isNewer =
            DottedVersion(version)?.isNewer(than: driver) == true && note.driverBranches.contains(driver.major)
        let hasNewerCUDA = note.cudaVersion?.isNewer(than: cuda) == true
        precondition(!decision.isUsed || isNewer || hasNewerCUDA)
        precondition(!decision.description.contains("\n"))
    }
}

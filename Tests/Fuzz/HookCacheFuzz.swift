// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: an image's ld.so.cache, read, merged with ours, written and read again. Built outside of the
// package, with the sources of Linux and LibContainer compiled with -sanitize=fuzzer,address.

@testable import LibContainer
@testable import Linux

/// The input is the file. Our entries must be in what is written, in front of their name, and writing must be stable.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHookCache(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    let additions = [
        LibraryCache.Entry(flags: 0x303, name: "libcuda.so.1", path: "/opt/nv/libcuda.so.1"),
        LibraryCache.Entry(flags: 0x303, name: "libz.so.1", path: "/opt/nv/libz.so.1"),
        LibraryCache.Entry(flags: 3, name: "libcuda.so.1", path: "/opt/nv32/libcuda.so.1"),
    ]
    var cache = LibraryCache()
    do throws(LibraryCache.Failure) {
        cache = try LibraryCache(parsing: Array(UnsafeBufferPointer(start: data, count: size)))
    } catch {
        // As the hook does: a file that is none is written anew.
    }
    // glibc's own order is none for numbers that overflow an int: a < b < c < a.
    if cache.entries.contains(where: { hasLongNumber($0.name) }) { return 0 }
    cache.merge(additions)
    guard let written = cache.serialized() else { return 0 }
    do throws(LibraryCache.Failure) {
        let again = try LibraryCache(parsing: written)
        for addition in additions {
            let sameName = again.entries.filter {
                $0.flags & 0xFF00 == addition.flags & 0xFF00 && LibraryCache.compareNames($0.name, addition.name) == 0
            }
            precondition(sameName == [addition])
        }
        let names = again.entries.map(\.name)
        precondition(zip(names, names.dropFirst()).allSatisfy { LibraryCache.compareNames($0, $1) >= 0 })
        var merged = again
        merged.merge(additions)
        precondition(merged.serialized() == written)
    } catch {
        preconditionFailure("what was written can't be read: \(error)")
    }
    return 0
}

private func hasLongNumber(_ name: ByteString) -> Bool {
    name.bytes.split { !(0x30...0x39).contains($0) }.contains { $0.count > 9 }
}

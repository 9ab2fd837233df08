// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LoaderUpdateArgumentsTests {
    @Test func roundTrip() throws {
        var update = LoaderUpdate()
        try update.addLibrary(parsing: "native:libcuda.so.1:/usr/lib64/libcuda.so.550.1")
        try update.addLibrary(parsing: "compat32:libcuda.so.1:/usr/lib/libcuda.so.550.1")
        try update.addLink(parsing: "libcuda.so.1::/usr/lib64/libcuda.so")
        try update.addLink(parsing: "../a:b::/usr/lib64/gbm/x::y")
        #expect(update.libraries.map(\.libraryClass) == [.native, .compat32])
        #expect(update.links[1] == SymbolicLink(path: "/usr/lib64/gbm/x::y", target: "../a:b"))
        #expect(
            update.arguments == [
                "--library", "native:libcuda.so.1:/usr/lib64/libcuda.so.550.1",
                "--library", "compat32:libcuda.so.1:/usr/lib/libcuda.so.550.1",
                "--link", "libcuda.so.1::/usr/lib64/libcuda.so", "--link", "../a:b::/usr/lib64/gbm/x::y",
            ])
    }

    @Test(arguments: [
        "", "native", "native:x", "native::/x", "other:x:/x", "native:x:y", "native:x:", "native:x:/", "native:x:/a/",
        "native:a/b:/x", "native:..:/x", "native:x:/a/../b", "native:x:/a b", "native:x:/a\n/b", "native:x:/a:b",
        "native:x:/a#b", "native:x:/..",
    ]) func refusedLibraries(value: String) {
        var update = LoaderUpdate()
        #expect(throws: LoaderUpdate.InvalidArgument.self) { try update.addLibrary(parsing: ByteString(value)) }
        #expect(update.libraries.isEmpty)
    }

    @Test(arguments: ["", "::", "::/x", "a", "a:/x", "a::", "a::b"]) func refusedLinks(value: String) {
        var update = LoaderUpdate()
        #expect(throws: LoaderUpdate.InvalidArgument.self) { try update.addLink(parsing: ByteString(value)) }
        #expect(update.links.isEmpty)
    }
}

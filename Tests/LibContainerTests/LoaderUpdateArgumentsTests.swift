// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct LoaderUpdateArgumentsTests {
    @Test func roundTrip() throws {
        var update = LoaderUpdate()
        try update.take("--library", "native:libcuda.so.1:/usr/lib64/libcuda.so.550.1")
        try update.take("--library", "compat32:libcuda.so.1:/usr/lib/libcuda.so.550.1")
        try update.take("--link", "libcuda.so.1::/usr/lib64/libcuda.so")
        try update.take("--link", "../a:b::/usr/lib64/gbm/x::y")
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
        #expect(throws: LoaderUpdate.InvalidArgument.self) { try update.take("--library", ByteString(value)) }
        #expect(update.libraries.isEmpty)
    }

    @Test(arguments: ["", "::", "::/x", "a", "a:/x", "a::", "a::b"]) func refusedLinks(value: String) {
        var update = LoaderUpdate()
        #expect(throws: LoaderUpdate.InvalidArgument.self) { try update.take("--link", ByteString(value)) }
        #expect(update.links.isEmpty)
    }

    @Test func compatibility() throws {
        var update = LoaderUpdate()
        try update.take("--cuda-compat-driver", "575.57.08")
        #expect(update.forwardCompatibility?.directory == "/usr/local/cuda/compat")
        try update.take("--cuda-compat-cuda", "12.9")
        try update.take("--cuda-compat-root", "/usr/local/cuda/compat_orin")
        #expect(
            update.arguments == [
                "--cuda-compat-root", "/usr/local/cuda/compat_orin", "--cuda-compat-driver", "575.57.08",
                "--cuda-compat-cuda", "12.9",
            ])
    }

    @Test(arguments: [
        ("--cuda-compat-driver", ""), ("--cuda-compat-driver", "*"), ("--cuda-compat-driver", "5x"),
        ("--cuda-compat-cuda", "12."), ("--cuda-compat-cuda", "-1"), ("--cuda-compat-root", ""),
        ("--cuda-compat-root", "/"), ("--cuda-compat-root", "a/b"), ("--cuda-compat-root", "/a/../b"),
        ("--cuda-compat-root", "/a b"), ("--cuda-compat-root", "/a:b"), ("--other", "x"),
    ]) func refusedOthers(option: String, value: String) {
        var update = LoaderUpdate()
        #expect(throws: LoaderUpdate.InvalidArgument.self) { try update.take(ByteString(option), ByteString(value)) }
        #expect(update == LoaderUpdate())
    }

    /// Whatever an update is, its arguments give it back.
    @Test func everyUpdateRoundTrips() throws {
        var generator = SeededGenerator(seed: 24)
        let names: [ByteString] = ["libcuda.so.1", "libnvidia-nvvm.so.4", "x", "a:b", "libm\u{E9}.so"]
        let directories: [ByteString] = ["/usr/lib64", "/opt/nv", "/a/b/c", "/\u{E9}"]
        let versions: [DottedVersion?] = [nil, DottedVersion("575.57.08"), DottedVersion("12.9"), DottedVersion("0")]
        func pick<Element>(_ elements: [Element]) throws -> Element {
            try #require(elements.randomElement(using: &generator))
        }
        for _ in 0..<500 {
            var update = LoaderUpdate()
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                let soname = try pick(names.filter { !$0.bytes.contains(UInt8(ascii: ":")) })
                update.libraries.append(
                    try LoaderUpdate.Library(
                        libraryClass: try pick([.native, .compat32]), soname: soname,
                        path: try pick(directories).appending(component: soname)))
                update.links.append(
                    SymbolicLink(path: try pick(directories).appending(component: try pick(names)), target: soname))
            }
            if Bool.random(using: &generator) {
                update.forwardCompatibility = try ForwardCompatibility(
                    driverVersion: try pick(versions), cudaVersion: try pick(versions), directory: try pick(directories)
                )
            }
            var parsed = LoaderUpdate()
            let arguments = update.arguments
            for index in stride(from: 0, to: arguments.count, by: 2) {
                try parsed.take(arguments[index], arguments[index + 1])
            }
            #expect(parsed == update)
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct ELFFileTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    func read(_ bytes: [UInt8]) throws -> (ELFFile, needed: [ByteString]) {
        try tree.file("/lib.so", bytes)
        let descriptor = try FileDescriptor(opening: ByteString(tree.host("/lib.so")), flags: O_RDONLY)
        let file = try ELFFile(reading: descriptor)
        return (file, try file.needed(reading: descriptor))
    }

    static let images: [ELFImage] = [
        ELFImage(soname: "libcuda.so.1", needed: ["libc.so.6", "libm.so.6"]),
        ELFImage(soname: nil, needed: []),
        ELFImage(soname: "libcuda.so.1", needed: [], base: 0, padding: 5000),
        ELFImage(is64Bit: false, machine: 3, soname: "libcuda.so.1", needed: ["libc.so.6"]),
        ELFImage(is64Bit: false, machine: 40, soname: "libx.so", needed: [], padding: 70000),
        ELFImage(machine: 183, soname: "libcuda.so.1", needed: (0..<40).map { "lib\($0).so" }),
    ]

    @Test(arguments: images) func wellFormed(_ image: ELFImage) throws {
        let (file, needed) = try read(image.bytes)
        #expect(file.is64Bit == image.is64Bit)
        #expect(file.machine == image.machine)
        #expect(file.soname == image.soname.map { ByteString($0) })
        #expect(needed == image.needed.map { ByteString($0) })
    }

    /// The loader of this machine, written by a real linker.
    @Test func realLibrary() throws {
        let path = "/proc/self/exe"
        let descriptor = try FileDescriptor(opening: ByteString(path), flags: O_RDONLY)
        let file = try ELFFile(reading: descriptor)
        #expect(file.machine == ELFImage.nativeMachine)
        #expect(try file.needed(reading: descriptor).contains("libc.so.6"))
    }

    /// P-05: one field at a time. Offsets are those of ELFCLASS64: the header is 64 bytes, then two program headers.
    static let damages: [(name: String, offset: Int, bytes: [UInt8], failure: ELFFile.Failure?)] = [
        ("magic", 0, [0x7E], .notELF),
        ("class 3", 4, [3], .unsupported("class 3")),
        ("big-endian", 5, [2], .unsupported("not little-endian")),
        ("e_phoff at the end of numbers", 32, [UInt8](repeating: 0xFF, count: 8), nil),
        ("e_phoff past the end", 32, ELFImage.little(UInt64(1) << 40), nil),
        ("e_phentsize 0", 54, [0, 0], .malformed("program headers of 0 bytes")),
        ("e_phnum 0xffff", 56, [0xFF, 0xFF], .malformed("65535 program headers")),
        ("p_offset of PT_DYNAMIC overflows", 64 + 56 + 8, [UInt8](repeating: 0xFF, count: 8), nil),
        ("p_filesz of PT_DYNAMIC", 64 + 56 + 32, [UInt8](repeating: 0xFF, count: 8), nil),
        ("p_vaddr of PT_LOAD overflows", 64 + 16, [UInt8](repeating: 0xFF, count: 8), nil),
        ("p_offset of PT_LOAD overflows", 64 + 8, [UInt8](repeating: 0xFF, count: 8), nil),
        ("p_filesz of PT_LOAD 0", 64 + 32, [UInt8](repeating: 0, count: 8), nil),
        ("DT_SONAME outside of the strings", 176 + 8, ELFImage.little(UInt64(1) << 33), nil),
        ("DT_STRTAB outside of the file", 176 + 24, ELFImage.little(UInt64(1) << 63), nil),
        ("DT_STRSZ 0", 176 + 40, [UInt8](repeating: 0, count: 8), nil),
        ("DT_STRSZ huge is no harm", 176 + 40, [UInt8](repeating: 0xFF, count: 8), .some(.notELF)),
    ]

    @Test(arguments: damages)
    func damagedImage(name: String, offset: Int, bytes: [UInt8], failure: ELFFile.Failure?) throws {
        var image = ELFImage(soname: "libcuda.so.1", needed: []).bytes
        image.replaceSubrange(offset..<(offset + bytes.count), with: bytes)
        if name.hasSuffix("no harm") {
            #expect(try read(image).0.soname == "libcuda.so.1")
        } else if let failure {
            #expect(throws: failure) { _ = try read(image) }
        } else {
            #expect { _ = try read(image) } throws: {
                if case .malformed = $0 as? ELFFile.Failure { true } else { false }
            }
        }
    }

    @Test func everyTruncationIsAnErrorOrHasNoNames() throws {
        let image = ELFImage(soname: "libcuda.so.1", needed: ["libc.so.6"]).bytes
        for count in 0..<image.count {
            do {
                let (file, _) = try read(Array(image[..<count]))
                Issue.record("\(count) of \(image.count) bytes gave \(file.soname as Any)")
            } catch is ELFFile.Failure {}
        }
    }

    @Test func aNameMustEnd() throws {
        var image = ELFImage(soname: String(repeating: "x", count: 255), needed: [])
        #expect(try read(image.bytes).0.soname?.count == 255)
        image.soname = String(repeating: "x", count: 256)
        #expect(throws: ELFFile.Failure.malformed("name without an end")) { _ = try read(image.bytes) }
    }

    @Test func mutatedImagesDoNotTrap() throws {
        var generator = FixedGenerator(state: 2)
        for round in 0..<3000 {
            let image = ELFImage(
                is64Bit: round % 2 == 0, machine: 62, soname: "libcuda.so.1", needed: ["libc.so.6", "libm.so.6"])
            var bytes = image.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                let value: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF]
                bytes[Int.random(in: 4..<bytes.count, using: &generator)] = value.randomElement(using: &generator) ?? 0
            }
            do {
                let (file, needed) = try read(bytes)
                #expect((file.soname?.count ?? 0) <= 255 && needed.count <= 512)
            } catch is ELFFile.Failure {}
        }
    }
}

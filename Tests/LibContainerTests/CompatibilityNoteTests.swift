// SPDX-License-Identifier: Apache-2.0

import Glibc
import Linux
import Testing

@testable import LibContainer

@Suite struct CompatibilityNoteTests {
    let tree: DiscoveryTree

    init() throws { tree = try DiscoveryTree() }

    private func read(_ bytes: [UInt8]) throws -> CompatibilityNote? {
        try tree.file("/libcuda.so", bytes)
        return try CompatibilityNote(
            reading: try FileDescriptor(opening: ByteString(tree.host("/libcuda.so")), flags: O_RDONLY))
    }

    private func parse(_ text: String) throws -> CompatibilityNote { try CompatibilityNote(parsing: Array(text.utf8)) }

    /// What the libraries of branch 575 and of CUDA 13.2 for Orin say.
    static let text575 =
        #"{"Format": 1, "CUDA Version": "12.9", "Driver": [535, 550, 560, 565, 570, 575], "Device": [1, 2, 7, 8]}"#
    static let note575 = CompatibilityNote(
        cudaVersion: DottedVersion("12.9"), driverBranches: [535, 550, 560, 565, 570, 575])
    static let textOrin = #"{"Format":1,"CUDA Version":"13.2"}"#

    static let notes: [(name: String, note: ELFImage.Note, is64Bit: Bool)] = [
        ("plain", .init(text: text575), true),
        ("padded to 8", .init(text: text575, alignment: 8), true),
        ("not padded", .init(text: text575, alignment: 1), true),
        ("NULs at the end", .init(text: text575 + "\0\0\0"), true),
        ("promises two bytes more than the section has", .init(text: text575, excess: 2), true),
        ("promises 4 GiB", .init(text: text575, excess: Int(UInt32.max) - text575.utf8.count), true),
        ("32 bits", .init(text: text575), false),
    ]

    @Test(arguments: notes) func wellFormed(name: String, note: ELFImage.Note, is64Bit: Bool) throws {
        #expect(try read(ELFImage(is64Bit: is64Bit, soname: "libcuda.so.1", note: note).bytes) == Self.note575)
    }

    static let otherNotes: [(name: String, note: ELFImage.Note?)] = [
        ("no sections", nil),
        ("another section", .init(section: ".note.gnu.build-id", text: text575)),
        ("longer name", .init(section: ".note.cuda.fwd_compatibility2", text: text575)),
        ("no note", .init(text: text575, type: 1)),
        ("another owner", .init(owner: "NVIDIA", text: text575)),
        ("owner of the same start", .init(owner: "NVIDIA Corporation 2", text: text575)),
    ]

    @Test(arguments: otherNotes) func absent(name: String, note: ELFImage.Note?) throws {
        #expect(try read(ELFImage(soname: "libcuda.so.1", note: note).bytes) == nil)
    }

    @Test(
        arguments: [
            (textOrin, "13.2", []), (text575, "12.9", note575.driverBranches), ("{}", nil, []),
            (" {\n\t\"Driver\" : [ 1 , 2 ] ,\r\n \"x\": \"y\", \"z\":[] } \n", nil, [1, 2]),
            (#"{"Driver": [0, 4294967295]}"#, nil, [0, 4_294_967_295]),
        ] as [(String, String?, [UInt32])])
    func texts(text: String, cuda: String?, branches: [UInt32]) throws {
        let note = try parse(text)
        #expect(note.cudaVersion?.text == cuda.map { ByteString($0) })
        #expect(note.driverBranches == branches)
    }

    @Test(arguments: [
        "", " ", "[]", "1", "null", "{", "}", "{}}", "{} x", "{,}", #"{"Driver"}"#, #"{"Driver":}"#, #"{"Driver":[}"#,
        #"{"Driver":[1,]}"#, #"{"Driver":[1 2]}"#, #"{"Driver":[1}"#, #"{"Driver":[-1]}"#, #"{"Driver":[1.5]}"#,
        #"{"Driver":[1e3]}"#, #"{"Driver":[01]}"#, #"{"Driver":[4294967296]}"#, #"{"Driver":["570"]}"#,
        #"{"Driver":[[570]]}"#, #"{"Driver":570}"#, #"{"Driver":"570"}"#, #"{"Driver":null}"#, #"{"Driver":[570],}"#,
        #"{"Driver":[570]"Format":1}"#, #"{"Driver":[570],"Driver":[580]}"#, #"{"Format":2}"#, #"{"Format":"1"}"#,
        #"{"CUDA Version":12.9}"#, #"{"CUDA Version":"x"}"#, #"{"CUDA Version":""}"#, #"{"CUDA Version":"12.9}"#,
        #"{"CUDA Version":"12\u002e9"}"#, "{\"a\nb\":1}", #"{"é":1}"#, #"{'Driver':[570]}"#, #"{"a":{}}"#,
        #"{"a":true}"#,
        "{\"a\0\":1}", "\u{FEFF}{}",
    ]) func malformed(text: String) {
        #expect(throws: CompatibilityNote.Malformed.self) { try parse(text) }
    }

    /// P-05: nothing that is too large is read to its end.
    @Test func bombs() throws {
        let nested = String(repeating: "[", count: 1_000_000)
        #expect(throws: CompatibilityNote.Malformed.self) { try parse("{\"a\":" + nested) }
        let members = (0..<33).map { "\"\($0)\":1" }.joined(separator: ",")
        #expect(throws: CompatibilityNote.Malformed.self) { try parse("{\(members)}") }
        let elements = (0..<257).map(String.init).joined(separator: ",")
        #expect(throws: CompatibilityNote.Malformed.self) { try parse("{\"Driver\":[\(elements)]}") }
        let large = ELFImage(soname: "libcuda.so.1", note: .init(text: String(repeating: " ", count: 70_000)))
        #expect(throws: CompatibilityNote.Malformed.self) { try read(large.bytes) }
    }

    /// P-05: one field of the ELF header, the section headers or the note at a time.
    @Test(arguments: [
        ("e_shoff at the end of numbers", 40, 8, 0xFF), ("e_shentsize 0", 58, 2, 0), ("e_shnum 0xffff", 60, 2, 0xFF),
        ("e_shstrndx 0xffff", 62, 2, 0xFF), ("sh_offset of the note", -64 * 2 + 24, 8, 0xFF),
        ("sh_size of the note", -64 * 2 + 32, 8, 0xFF), ("sh_offset of the names", -64 + 24, 8, 0xFF),
        ("sh_size of the names", -64 + 32, 8, 0xFF),
    ]) func damagedSections(name: String, offset: Int, count: Int, value: UInt8) throws {
        var bytes = ELFImage(soname: "libcuda.so.1", note: .init(text: Self.text575)).bytes
        let start = offset < 0 ? bytes.count + offset : offset
        bytes.replaceSubrange(start..<(start + count), with: [UInt8](repeating: value, count: count))
        #expect(throws: CompatibilityNote.Malformed.self) { try read(bytes) }
    }

    @Test func aNoteOfAnyOtherSizeOfNameIsNobodys() throws {
        let image = ELFImage(soname: "libcuda.so.1", note: .init(text: Self.text575)).bytes
        let start = try #require(ByteString(image).range(of: "NVIDIA Corporation")).lowerBound - 12
        for size: UInt32 in [0, 1, 17, 200, .max] {
            var bytes = image
            bytes.replaceSubrange(start..<(start + 4), with: ELFImage.little(size))
            #expect(try read(bytes) == nil)
        }
    }

    @Test func aNoteThatIsCutOff() throws {
        let image = ELFImage(soname: "libcuda.so.1", note: .init(text: Self.text575)).bytes
        for size: UInt64 in [0, 4, 11] {
            var bytes = image
            let start = bytes.count - 64 * 2 + 32
            bytes.replaceSubrange(start..<(start + 8), with: ELFImage.little(size))
            #expect(throws: CompatibilityNote.Malformed(description: "malformed ELF file: note is cut off")) {
                try read(bytes)
            }
        }
    }

    @Test func mutatedLibrariesDoNotTrap() throws {
        var generator = FixedGenerator(state: 3)
        let image = ELFImage(soname: "libcuda.so.1", note: .init(text: Self.text575)).bytes
        for _ in 0..<3000 {
            var bytes = image
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let value: [UInt8] = [0, 1, 0x22, 0x5B, 0x7F, 0x80, 0xFF]
                bytes[Int.random(in: 4..<bytes.count, using: &generator)] = value.randomElement(using: &generator) ?? 0
            }
            do { _ = try read(bytes) } catch is CompatibilityNote.Malformed {}
        }
        for count in stride(from: 0, to: image.count, by: 3) {
            do { _ = try read(Array(image[..<count])) } catch is CompatibilityNote.Malformed {}
        }
    }

    @Test func mutatedTextsDoNotTrap() throws {
        var generator = FixedGenerator(state: 4)
        for _ in 0..<5000 {
            var text = Array(Self.text575.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                text[Int.random(in: 0..<text.count, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            if let note = try? CompatibilityNote(parsing: text) { #expect(note.driverBranches.count <= 256) }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import LibContainer

struct ForwardCompatibilityTests {
    private func request(driver: String?, cuda: String?) throws -> ForwardCompatibility {
        try ForwardCompatibility(
            driverVersion: driver.map { try #require(DottedVersion(ByteString($0))) },
            cudaVersion: cuda.map { try #require(DottedVersion(ByteString($0))) })
    }

    private static let note575 = CompatibilityNoteTests.note575
    private static let orin = CompatibilityNote(cudaVersion: DottedVersion("13.2"), driverBranches: [])

    /// Upstream's cases first: a note decides by branches and version, or by CUDA; without one the branch does.
    @Test(
        arguments: [
            (
                "575.57.08", note575, "575.99.99", nil, false,
                "libcuda 575.57.08 is not newer than the host's driver 575.99.99"
            ),
            (
                "575.57.08", note575, "570.211.01", nil, true,
                "libcuda 575.57.08 works with branch 570 and is newer than the host's 570.211.01"
            ),
            (
                "575.57.08", note575, "590.44.01", nil, false,
                "libcuda 575.57.08 works with the driver branches 535, 550, 560, 565, 570, 575, the host has 590.44.01"
            ),
            ("575.57.08", note575, nil, "12.10", false, "its CUDA 12.9 is not newer than the host's 12.10"),
            ("575.57.08", note575, nil, "12.8", true, "its CUDA 12.9 is newer than the host's 12.8"),
            ("575.57.08", note575, nil, "12.9", false, "its CUDA 12.9 is not newer than the host's 12.9"),
            (
                "575.57.08", note575, nil, nil, false,
                "the note of libcuda 575.57.08 names nothing that is known of the host"
            ),
            // The branches count, not CUDA, where both are known.
            ("575.57.08", note575, "590.44.01", "11.0", false, nil),
            ("575.57.08", note575, "570.211.01", "13.0", true, nil),
            // A branch in between that the library is not made for.
            ("575.57.08", note575, "545.23.06", nil, false, nil), ("575.57.08", note575, "575.57.08", nil, false, nil),
            ("575.57.08", note575, "575.51.03", nil, true, nil), ("575.57.08", note575, "575.57.8", nil, false, nil),
            ("580.82.07", .init(cudaVersion: nil, driverBranches: [580]), "580.126.16", nil, false, nil),
            // Tegra: no branches, and a file name that says nothing.
            ("1.1", orin, nil, "12.6", true, "its CUDA 13.2 is newer than the host's 12.6"),
            ("1.1", orin, nil, "13.2", false, nil),
            ("1.1", orin, "540.4.0", "12.6", true, nil), ("1.1", orin, "540.4.0", nil, false, nil),
            (
                "1.1", nil, nil, "12.6", false,
                "libcuda 1.1 has no note, and the version of the host's driver is not known"
            ),
            ("1.1", nil, "540.4.0", "12.6", false, nil),
            // Before there were notes.
            (
                "525.60.13", nil, "470.223.02", nil, true,
                "libcuda 525.60.13 is of a newer branch than the host's driver 470.223.02"
            ),
            (
                "525.60.13", nil, "525.60.12", nil, false,
                "libcuda 525.60.13 is not of a newer branch than the host's driver 525.60.12"
            ),
            ("525.60.13", nil, "535.54.03", nil, false, nil), ("222.88.99", nil, "99.55.66", nil, true, nil),
            ("525.x", nil, "470.223.02", nil, false, "libcuda 525.x has neither a note nor a version in its name"),
            ("525.x", note575, "470.223.02", "12.0", true, nil),
        ] as [(String, CompatibilityNote?, String?, String?, Bool, String?)])
    func decisions(
        library: String, note: CompatibilityNote?, driver: String?, cuda: String?, isUsed: Bool, reason: String?
    ) throws {
        let decision = try request(driver: driver, cuda: cuda).decide(libraryVersion: ByteString(library), note: note)
        #expect(decision.isUsed == isUsed)
        if let reason { #expect(decision.reason == reason) }
    }

    @Test func oneLine() throws {
        let decision = try request(driver: "470.1", cuda: nil).decide(libraryVersion: "525.1", note: nil)
        #expect(
            "\(decision)"
                == "CUDA forward compatibility: used: libcuda 525.1 is of a newer branch than the host's driver 470.1")
        let hostile = try request(driver: "470.1", cuda: nil).decide(libraryVersion: "1.\n2", note: nil)
        #expect("\(hostile)".hasSuffix("libcuda 1.\\n2 has neither a note nor a version in its name"))
    }

    @Test(arguments: [
        ("NVIDIA A100-SXM4-40GB", true), ("Tesla V100-SXM2-16GB", true), ("NVIDIA H200", true), ("GRID T4-8Q", true),
        ("NVIDIA RTX A6000", true), ("NVIDIA RTX 6000 Ada Generation", true), ("Quadro RTX 6000", true),
        ("NVIDIA L40S", true), ("NVIDIA Graphics Device", true), ("", true), ("Orin (nvgpu)", true),
        ("NVIDIA GeForce RTX 3090", false), ("GeForce GTX 1080 Ti", false), ("NVIDIA GeForce MX450", false),
        ("NVIDIA TITAN RTX", false), ("TITAN Xp", false), ("NVIDIA Titan V", false), ("NVS 810", false),
        ("NVIDIA NVSomething", true),
    ]) func models(model: String, isSupported: Bool) {
        #expect(ForwardCompatibility.isSupported(byModel: ByteString(model)) == isSupported)
    }

    @Test(arguments: [
        ("12.10", "12.9", true), ("12.9", "12.10", false), ("575.57.08", "575.57.7", true), ("1", "0.9.9.9", true),
        ("12", "12.0.0", false), ("12.0.0.1", "12", true), ("575.57.08", "575.57.8", false),
    ]) func versions(left: String, right: String, isNewer: Bool) throws {
        let (left, right) = (
            try #require(DottedVersion(ByteString(left))), try #require(DottedVersion(ByteString(right)))
        )
        #expect(left.isNewer(than: right) == isNewer)
    }

    @Test(arguments: [
        "", ".", "1.", ".1", "1..2", "1.2.3.4.5", "1 ", "v1", "1-2", "4294967296", "1.99999999999999999999",
    ])
    func noVersions(text: String) { #expect(DottedVersion(ByteString(text)) == nil) }
}

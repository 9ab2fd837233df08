// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Linux

@testable import LibContainer

/// A tree like a Jetson's: CSV files of `testdata/tegra` and, with `populate`, all that an Orin has of what they list.
final class TegraTree {
    let tree: DiscoveryTree
    static let csvFolder = "/etc/nvidia-container-runtime/host-files-for-container.d"
    /// Where a JetPack 6 has its libraries, here in the folder of this machine's architecture.
    static let libraries = "/usr/lib/multiarch"
    static let release =
        "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 UTC 2025\n"

    init() throws {
        tree = try DiscoveryTree()
        try tree.text("/etc/nv_tegra_release", Self.release)
        try tree.file("/proc/devices", nodeFixture("devices/without-uvm"))
    }

    func csv(_ name: String, _ lines: [String]) throws {
        try tree.text("\(Self.csvFolder)/\(name)", lines.joined(separator: "\n") + "\n")
    }

    /// The CSV files of `board`, with the folder of libraries in them.
    func board(_ board: String, _ names: [String] = ["devices.csv", "drivers.csv"]) throws {
        for name in names {
            let text = String(
                decoding: try ScratchRoot.testData("tegra/\(board)/\(name)", file: Self.file), as: UTF8.self)
            try tree.text(
                "\(Self.csvFolder)/\(name)",
                text.replacingOccurrences(of: "@LIB@", with: Self.libraries)
                    .replacingOccurrences(of: "@VERSION@", with: "540.4.0"))
        }
    }

    private static let file = (#filePath as NSString).deletingLastPathComponent

    /// A library below `libraries` with a SONAME.
    func library(_ path: String, soname: String?) throws {
        var image = ELFImage()
        image.soname = soname
        try tree.file(path.hasPrefix("/") ? path : "\(Self.libraries)/\(path)", image.bytes)
    }

    func driver(
        hasAllFiles: Bool = false, ignoring patterns: [ByteString] = [], separatesGPUs: Bool = true
    ) -> TegraDriver {
        let path = ByteString(tree.host(Self.csvFolder))
        let folder = CSVFolder(path, hasAllFiles: hasAllFiles, fallbackPath: tree.bytes + "/fallback")
        return TegraDriver(folder: folder, ignoring: patterns, separatesGPUs: separatesGPUs)
    }

    func locate(
        _ capabilities: DriverCapabilities = .default, hasAllFiles: Bool = false, ignoring patterns: [ByteString] = [],
        separatesGPUs: Bool = true
    ) throws -> TegraInventory {
        try driver(hasAllFiles: hasAllFiles, ignoring: patterns, separatesGPUs: separatesGPUs)
            .locate(for: capabilities, in: tree.root(), devices: tree.devices())
    }
}

extension TegraInventory {
    /// `container path [soname]` of every file.
    var list: [String] {
        files.map { "\($0.containerPath)" + ($0.soname.isEmpty ? "" : " [\($0.soname)]") }
    }

    /// `path -> text` of every link.
    var linkList: [String] { files.flatMap(\.links).map { "\($0.path) -> \($0.target)" } }

    func omission(_ name: ByteString) -> String? {
        guard case .refused(let reason) = omissions.first(where: { $0.name == name })?.cause else { return nil }
        return reason
    }
}

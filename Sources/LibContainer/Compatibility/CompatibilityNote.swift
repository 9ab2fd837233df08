// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// What a compat library says about itself in its ELF section `.note.cuda.fwd_compatibility`:
///
///     {"Format": 1, "CUDA Version": "12.9", "Driver": [535, 550, 575], "Device": [1, 2, 7]}
///
/// "Device" has the brands of GPUs, which only NVML knows; see `ForwardCompatibility.isSupported(byModel:)`.
package struct CompatibilityNote: Hashable, Sendable {
    package var cudaVersion: DottedVersion?
    /// The first numbers of the driver versions that it works with; none in a library for Tegra.
    package var driverBranches: [UInt32]

    /// A note that does not read as one of the known format.
    package struct Malformed: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    private static let section: ByteString = ".note.cuda.fwd_compatibility"
    private static let owner: ByteString = "NVIDIA Corporation"
    private static let format: UInt32 = 1

    package init(cudaVersion: DottedVersion?, driverBranches: [UInt32]) {
        self.cudaVersion = cudaVersion
        self.driverBranches = driverBranches
    }

    /// Reads the note of `file`, a shared object open for reading; nil where it has none.
    package init?(reading file: borrowing FileDescriptor) throws(Malformed) {
        let text: [UInt8]?
        do throws(ELFFile.Failure) {
            text = try ELFFile.note(inSection: Self.section, ownedBy: Self.owner, reading: file)
        } catch {
            throw Malformed(description: "\(error)")
        }
        guard let text else { return nil }
        try self.init(parsing: text)
    }

    /// Reads the JSON text of a note. A key that is not known counts for nothing; one that is given twice, or has a
    /// value of another kind, is an error.
    package init(parsing text: [UInt8]) throws(Malformed) {
        self.init(cudaVersion: nil, driverBranches: [])
        var scanner = FlatJSONScanner(text)
        var seen: [ByteString] = []
        for (key, value) in try scanner.object() {
            if seen.contains(key) { throw Malformed(description: "\"\(key)\" is given twice") }
            seen.append(key)
            switch (key, value) {
            case ("Format", .number(Self.format)): break
            case ("CUDA Version", .string(let text)):
                guard let version = DottedVersion(text) else {
                    throw Malformed(description: "\"\(text)\" is no CUDA version")
                }
                cudaVersion = version
            case ("Driver", .numbers(let branches)): driverBranches = branches
            case ("Format", _), ("CUDA Version", _), ("Driver", _):
                throw Malformed(description: "the value of \"\(key)\" is not understood")
            default: break
            }
        }
    }
}

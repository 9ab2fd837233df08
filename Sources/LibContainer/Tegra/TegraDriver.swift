// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The driver of a Tegra (Jetson, IGX, DRIVE): what a container needs of it stands in CSV files, since neither the
/// names of its libraries nor those of its device nodes follow from anything (nvidia-container-toolkit,
/// internal/platform-support/tegra).
package struct TegraDriver: Sendable {
    package var folder: CSVFolder
    /// Links (`sym`) that are left out: a path with wildcards, or `**/` and a name with wildcards.
    package var ignoredPatterns: [ByteString]
    /// Whether discrete GPUs beside the integrated one have numbers of their own.
    package var separatesGPUs: Bool

    package init(
        folder: CSVFolder = CSVFolder(), ignoring ignoredPatterns: [ByteString] = [], separatesGPUs: Bool = true
    ) {
        self.folder = folder
        self.ignoredPatterns = ignoredPatterns
        self.separatesGPUs = separatesGPUs
    }

    /// Files and nodes that patterns may match in all.
    private static let matchLimit = 1 << 14

    /// Reads the CSV files and finds what they list, in `root` and, for device nodes, in the dev root of `devices`.
    /// `capabilities` are whom the files are for; a CSV file does not tell them apart.
    ///
    /// Fails only for the CSV files themselves. What they list and is not there is normal, since one file serves many
    /// boards, and an omission each.
    package func locate(
        for capabilities: DriverCapabilities, in root: borrowing DriverRoot, devices: borrowing DeviceNodes
    ) throws(TegraError) -> TegraInventory {
        var omissions: [Omission] = []
        let contents = try folder.read(recording: &omissions)
        let gpus = TegraGPUs(devices.kernel, separates: separatesGPUs)
        var files = TegraFiles(for: capabilities)
        var nodes = TegraNodes()
        var left = Self.matchLimit
        for content in contents {
            for entry in content.file.entries where !isIgnored(entry) {
                let isNode = entry.kind == .device
                let isPattern = Wildcard.isPattern(entry.path)
                var paths = [entry.path]
                if isPattern {
                    paths =
                        isNode
                        ? devices.root.paths(matching: entry.path, limit: left)
                        : root.root.paths(matching: entry.path, limit: left)
                    left -= paths.count
                }
                let listing = TegraListing(entry: entry, isPattern: isPattern, csv: content.path)
                if paths.isEmpty { omissions.append(listing.omission(.absent)) }
                if isNode {
                    nodes.add(paths, listing, in: devices)
                } else {
                    files.add(paths, listing, in: root)
                }
            }
        }
        files.addRelease(in: root)
        files.finish(in: root)
        return TegraInventory(
            gpus: gpus, files: files, nodes: nodes, omissions: omissions, csvFiles: contents.map(\.path),
            driverRoot: root.root.path, capabilities: capabilities)
    }

    private func isIgnored(_ entry: CSVFile.Entry) -> Bool {
        guard entry.kind == .symbolicLink else { return false }
        return ignoredPatterns.contains { pattern in
            if let name = pattern.droppingPrefix("**/") {
                return Wildcard(name).matches(entry.path.lastPathComponent)
            }
            return pattern.isAbsolutePath && Wildcard.path(entry.path, matches: pattern)
        }
    }
}

/// One line of a CSV file, for what is found by it.
struct TegraListing {
    let entry: CSVFile.Entry
    let isPattern: Bool
    /// The CSV file.
    let csv: ByteString

    func omission(_ refusal: DriverRoot.Refusal) -> Omission {
        switch refusal {
        case .absent:
            Omission(
                name: entry.path,
                cause: .refused("listed in \(csv), but " + (isPattern ? "nothing matches it" : "it does not exist")))
        case .refused(let reason): Omission(name: entry.path, cause: .refused("listed in \(csv), but \(reason)"))
        }
    }
}

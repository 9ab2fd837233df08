// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The search for the driver's libraries: first in the loader's cache, then, for what the cache lacks, in folders.
struct LibrarySearch {
    /// One library of one architecture.
    struct Slot {
        let component: LibraryComponent
        let libraryClass: DriverFile.LibraryClass
        let capability: DriverCapabilities
        var file: DriverFile?
        /// Why what was found was not taken; a wrong version wins over other reasons.
        var problem: Omission.Cause?
        /// Whether the host has the linker's name (`libcuda.so`) as a link.
        var hasLinkerName = false

        /// Not a comparison with nil, which compares whole files.
        var isFilled: Bool { if case .some = file { true } else { false } }

        var name: ByteString { libraryClass == .native ? component.stem : component.stem + " (32-bit)" }

        mutating func note(_ cause: Omission.Cause) {
            if case .versionMismatch = problem { return }
            if case .versionMismatch = cause {
                problem = cause
            } else if problem == nil {
                problem = cause
            }
        }
    }

    let version: ByteString
    let capabilities: DriverCapabilities
    /// Wanted libraries; those of `LibraryComponent.all[n]` are at `starts[n]..<starts[n + 1]`, native before 32-bit.
    var slots: [Slot] = []
    private var starts: [Int] = []
    var searched: [ByteString] = []

    init(for capabilities: DriverCapabilities, version: ByteString) {
        self.version = version
        self.capabilities = capabilities
        slots.reserveCapacity(2 * LibraryComponent.all.count)
        for component in LibraryComponent.all {
            starts.append(slots.count)
            let asked = component.capabilities.intersection(capabilities)
            if !asked.isEmpty {
                slots.append(Slot(component: component, libraryClass: .native, capability: asked))
                if capabilities.contains(.compat32) {
                    slots.append(
                        Slot(component: component, libraryClass: .compat32, capability: asked.union(.compat32)))
                }
            }
        }
        starts.append(slots.count)
    }

    /// The slots that a file or SONAME called `name` can fill.
    func slots(forName name: ByteString) -> Range<Int> {
        guard let index = LibraryComponent.index(ofName: name) else { return 0..<0 }
        return starts[index]..<starts[index + 1]
    }

    mutating func run(
        in root: borrowing DriverRoot, using folders: inout DriverFolders, adding files: inout DriverFiles
    ) {
        if slots.isEmpty { return }
        searchCache(in: root, using: &folders, files: &files)
        if slots.contains(where: { !$0.isFilled }) { searchFolders(in: root) }
        let has32Bit = slots.contains { $0.libraryClass == .compat32 && ($0.isFilled || $0.problem != nil) }
        for slot in slots {
            if var file = slot.file {
                file.links = slot.links(to: file)
                files.found.append(file)
            } else if slot.libraryClass == .native || has32Bit {
                files.omissions.append(
                    Omission(
                        name: slot.name, cause: slot.problem ?? .notFound(searched: searched),
                        isCore: slot.component.isCore && slot.libraryClass == .native))
            }
        }
        if capabilities.contains(.compat32), !has32Bit { files.omit("32-bit libraries", .absent, searched: searched) }
    }

    /// The folders in the root where the driver's 64-bit libraries were found, each once.
    var driverFolders: [ByteString] { folders(of: .native) }

    func folders(of libraryClass: DriverFile.LibraryClass) -> [ByteString] {
        var folders: [ByteString] = []
        for slot in slots where slot.libraryClass == libraryClass {
            guard let folder = slot.file?.containerPath.parentPath, !folders.contains(folder) else { continue }
            folders.append(folder)
        }
        return folders
    }
}

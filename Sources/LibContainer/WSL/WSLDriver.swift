// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// NVIDIA's driver for Windows as the Windows Subsystem for Linux 2 shows it (nvidia-container-toolkit,
/// pkg/nvcdi/driver-wsl.go).
package enum WSLDriver {
    static let devicePath: ByteString = "/dev/dxg"
    static let dxcorePath: ByteString = "/usr/lib/wsl/lib/libdxcore.so"
    static let storesPath: ByteString = "/usr/lib/wsl/drivers"
    /// CUDA itself, by which NVIDIA's package is known.
    static let libraryName: ByteString = "libcuda.so.1.1"
    /// What programs load as `libcuda.so.1`. It asks libdxcore where the package is.
    static let loaderName: ByteString = "libcuda_loader.so"
    /// The copy of the loader that Windows makes for the package in use.
    static let loaderInUsePath: ByteString = "/usr/lib/wsl/lib/libcuda.so.1.1"

    /// MISC_MAJOR of include/uapi/linux/major.h.
    private static let miscMajor: UInt32 = 10

    /// Files of the package that are told when they are missing, and whether the loader has to find them.
    private static let components: [(name: ByteString, isLibrary: Bool)] = [
        (libraryName, true), (loaderName, true), ("libnvidia-ptxjitcompiler.so.1", true), ("libnvidia-ml.so.1", true),
        ("libnvidia-ml_loader.so", true), ("libnvdxgdmal.so.1", true), ("nvcubins.bin", false), ("nvidia-smi", false),
    ]

    /// Finds the device, in the dev root of `devices`, and the files, in `root`. `capabilities` are whom the files are
    /// for; NVIDIA's driver for WSL is one piece. Fails for what CUDA can't do without.
    package static func locate(
        for capabilities: DriverCapabilities, in root: borrowing DriverRoot, devices: borrowing DeviceNodes
    ) throws(WSLError) -> WSLInventory {
        var nodes = NodeSet()
        nodes.nodes.append(try device(in: devices))
        let dxcore: DriverFile
        do throws(DriverRoot.Refusal) {
            dxcore = try library(dxcorePath, for: capabilities, in: root)
        } catch {
            throw .noDXCore(reason: error.reason)
        }
        let store = try WSLStore(in: root)
        var inventory = WSLInventory(store: store.path, nodes: nodes, files: [dxcore], omissions: [])
        inventory.omissions = store.others.map {
            Omission(name: $0, cause: .refused("another driver package is in use, \(store.path)"))
        }
        try addComponents(for: capabilities, in: root, to: &inventory)
        addOthers(for: capabilities, in: root, to: &inventory)
        SONAMEOwners.assign(&inventory.files)
        for index in inventory.files.indices { addLinks(to: &inventory.files[index]) }
        return inventory
    }

    /// `/dev/dxg`, with the numbers that the kernel has for it, if it says them.
    private static func device(in devices: borrowing DeviceNodes) throws(WSLError) -> DeviceNode {
        let kernel = devices.kernel
        let release = kernel.release
        let served = kernel.miscellaneousMinor(of: devicePath.lastPathComponent)
        let status: FileStatus?
        do throws(LinuxError) {
            status = try devices.status(of: devicePath)
        } catch {
            throw .unsuitableDevice(found: "not readable (\(error))", expected: "a character device")
        }
        guard let status else {
            // 4.4.0-19041-Microsoft; WSL 2 has had kernels of its own since 4.19.
            if release.hasPrefix("4.4.0-"), release.hasSuffix("-Microsoft") { throw .versionOne(release: release) }
            throw .noDevice(release: release, isServed: served != nil)
        }
        let numbers = "\(status.major):\(status.minor)"
        guard status.kind == .characterDevice else {
            throw .unsuitableDevice(found: "no device", expected: "a character device")
        }
        if let served, (status.major, status.minor) != (miscMajor, served) {
            throw .unsuitableDevice(
                found: "character device \(numbers)", expected: "character device \(miscMajor):\(served)")
        }
        return DeviceNode(
            path: devicePath, hostPath: devices.hostPath(of: devicePath), major: status.major, minor: status.minor,
            permissions: status.permissions & 0o777, owner: status.owner, group: status.group)
    }

    private static func addComponents(
        for capabilities: DriverCapabilities, in root: borrowing DriverRoot, to inventory: inout WSLInventory
    ) throws(WSLError) {
        for component in components {
            let path = inventory.store.appending(component: component.name)
            do throws(DriverRoot.Refusal) {
                inventory.files.append(
                    component.isLibrary
                        ? try library(path, for: capabilities, in: root) : try file(path, for: capabilities, in: root))
            } catch {
                if component.name == libraryName { throw .unusableStore(store: inventory.store, reason: error.reason) }
                inventory.omissions.append(
                    Omission(
                        name: component.name,
                        cause: error.isAbsence ? .notFound(searched: [inventory.store]) : .refused(error.reason)))
            }
        }
    }

    /// Adds every other library, blob and DLL, which those above open by their paths.
    private static func addOthers(
        for capabilities: DriverCapabilities, in root: borrowing DriverRoot, to inventory: inout WSLInventory
    ) {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try root.root.open(inventory.store, flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 1 << 14) { name in
                let name = ByteString(Array(name))
                let isWanted = name.range(of: ".so") != nil || name.hasSuffix(".bin") || name.hasSuffix(".dll")
                if isWanted, name.isFileName { names.append(name) }
            }
        } catch {
            inventory.omissions.append(Omission(name: inventory.store, cause: .refused(error.description)))
        }
        for name in names.sorted() where !components.contains(where: { $0.name == name }) {
            do throws(DriverRoot.Refusal) {
                inventory.files.append(
                    try file(inventory.store.appending(component: name), for: capabilities, in: root))
            } catch {
                inventory.omissions.append(Omission(name: name, cause: .refused(error.reason)))
            }
        }
    }

    private static func file(
        _ path: ByteString, for capabilities: DriverCapabilities, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> DriverFile {
        let location = try root.file(at: path).location
        // At its own path, since the libraries have that from Windows.
        return DriverFile(
            kind: path.lastPathComponent == "nvidia-smi" ? .binary : .configuration, hostPath: location.hostPath,
            containerPath: path, capability: capabilities, foundIn: path.parentPath)
    }

    private static func library(
        _ path: ByteString, for capabilities: DriverCapabilities, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> DriverFile {
        let file = try root.file(at: path)
        let library = try LibrarySearch.library(file, in: root)
        guard let libraryClass = DriverFile.LibraryClass(library) else {
            throw .refused("\(file.location.hostPath) is for another machine")
        }
        let name = path.lastPathComponent
        let soname = library.soname ?? name
        return DriverFile(
            kind: .library(libraryClass), hostPath: file.location.hostPath, containerPath: path,
            soname: soname.isFileName ? soname : name, capability: capabilities, foundIn: path.parentPath)
    }

    private static func addLinks(to file: inout DriverFile) {
        let (folder, name) = (file.containerPath.parentPath, file.containerPath.lastPathComponent)
        if !file.soname.isEmpty, file.soname != name {
            file.links.append(SymbolicLink(path: folder.appending(component: file.soname), target: name))
        }
        if name == "nvidia-smi" {
            file.links.append(SymbolicLink(path: "/usr/bin/nvidia-smi", target: file.containerPath))
        }
    }
}

extension DriverRoot.Refusal {
    fileprivate var isAbsence: Bool { if case .absent = self { true } else { false } }

    fileprivate var reason: String {
        switch self {
        case .absent: "it does not exist"
        case .refused(let reason): reason
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension LibrarySearch.Slot {
    private static let alwaysLinked: [ByteString] = [
        "libcuda.so", "libnvidia-opticalflow.so", "libnvidia-vulkan-producer.so",
    ]
    private static let glx: ByteString = "libGLX_nvidia.so"
    private static let allocator: ByteString = "libnvidia-allocator.so"

    /// The links that programs need beside `file` in the container.
    ///
    /// ldconfig in the container would make the SONAME's. The linker's names and those of other names are what
    /// libnvidia-container (src/nvc_mount.c) and nvidia-container-toolkit (internal/discover) make: some always, the
    /// others where the host has them.
    func links(to file: DriverFile) -> [SymbolicLink] {
        let folder = file.containerPath.parentPath
        let name = file.containerPath.lastPathComponent
        let stem = component.stem
        var links: [SymbolicLink] = []
        func link(_ path: ByteString, to target: ByteString) {
            links.append(SymbolicLink(path: folder.appending(component: path), target: target))
        }
        if file.soname != name { link(file.soname, to: name) }
        if hasLinkerName || Self.alwaysLinked.contains(stem), stem != file.soname, stem != name {
            link(stem, to: file.soname)
        }
        if stem == Self.glx { link("libGLX_indirect.so.0", to: name) }
        if stem == Self.allocator, libraryClass == .native, !file.capability.isDisjoint(with: .drawing) {
            links.append(Self.gbmBackend(besides: folder))
        }
        return links
    }

    /// libgbm looks for the backend below the folder that it is in itself, which is above Debian's folder of
    /// alternatives.
    private static func gbmBackend(besides folder: ByteString) -> SymbolicLink {
        let alternatives: ByteString = "/nvidia/current"
        guard folder.hasSuffix(alternatives) else {
            return SymbolicLink(
                path: folder.appending(component: "gbm/nvidia-drm_gbm.so"), target: "../libnvidia-allocator.so.1")
        }
        let base = ByteString(folder.bytes.dropLast(alternatives.count))
        return SymbolicLink(
            path: base.appending(component: "gbm/nvidia-drm_gbm.so"),
            target: "../nvidia/current/libnvidia-allocator.so.1")
    }
}

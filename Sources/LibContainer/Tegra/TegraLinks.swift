// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The links that belong to a library beside those that a CSV file lists (nvidia-container-toolkit,
/// internal/discover/symlinks.go).
struct TegraLinks {
    private(set) var links: [SymbolicLink] = []
    private let folder: ByteString

    init(to file: DriverFile, in root: borrowing DriverRoot) {
        folder = file.containerPath.parentPath
        guard case .library = file.kind, !file.soname.isEmpty else { return }
        let name = file.containerPath.lastPathComponent
        if file.soname != name { link(file.soname, to: name) }
        guard let stem = Self.stem(of: file.soname), stem != file.soname else { return }
        let isVersioned = name.split(separator: UInt8(ascii: ".")).count > 3
        if isVersioned, stem == "libcuda.so" || stem == "libnvidia-opticalflow.so" {
            link(stem, to: file.soname)
        } else if root.isLink(folder.appending(component: stem)) {
            link(stem, to: file.soname)
        }
        if isVersioned, stem == "libGLX_nvidia.so" { link("libGLX_indirect.so.0", to: name) }
    }

    private mutating func link(_ path: ByteString, to target: ByteString) {
        links.append(SymbolicLink(path: folder.appending(component: path), target: target))
    }

    /// `libcuda.so` of `libcuda.so.1`: what is before the last `.so`, with it; nil where there is none.
    static func stem(of name: ByteString) -> ByteString? {
        let parts = name.split(separator: UInt8(ascii: "."))
        guard let last = parts.lastIndex(of: "so"), last > 0 else { return nil }
        return ByteString(parts[...last].map(\.bytes).joined(separator: [UInt8(ascii: ".")]))
    }
}

extension DriverRoot {
    fileprivate borrowing func isLink(_ path: ByteString) -> Bool {
        do throws(LinuxError) {
            return try root.status(of: path, followLinks: false)?.kind == .symbolicLink
        } catch {
            return false
        }
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Linux

extension LibrarySearch {
    private enum Classes {
        case native, compat32, both

        func contains(_ libraryClass: DriverFile.LibraryClass) -> Bool {
            self == .both || (self == .native) == (libraryClass == .native)
        }
    }

    /// A folder and the architectures that its libraries can be of.
    private struct Folder {
        let path: ByteString
        let classes: Classes
    }

    /// Where 64-bit libraries of the machine's own architecture are.
    #if arch(arm64)
        static let nativeFolders: [ByteString] = [
            "/usr/lib64", "/usr/lib/aarch64-linux-gnu", "/lib64", "/lib/aarch64-linux-gnu",
        ]
        private static let compat32Folders: [ByteString] = [
            "/usr/lib/arm-linux-gnueabihf", "/usr/lib32", "/run/opengl-driver-32/lib",
        ]
    #else
        static let nativeFolders: [ByteString] = [
            "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/lib64", "/lib/x86_64-linux-gnu",
        ]
        private static let compat32Folders: [ByteString] = [
            "/usr/lib/i386-linux-gnu", "/usr/lib32", "/run/opengl-driver-32/lib",
        ]
    #endif

    /// 64-bit with Arch and 32-bit with Red Hat; then Talos and NixOS.
    private static let mixedFolders: [ByteString] = [
        "/usr/lib", "/lib", "/usr/local/lib", "/usr/local/glibc/usr/lib", "/run/opengl-driver/lib",
        // Where node images of clouds mount the driver.
        "/usr/local/nvidia/lib64", "/usr/local/nvidia/lib",
    ]

    /// Where drivers put what ldconfig should not see: Debian's alternatives, VDPAU's and others.
    private static let subfolders: [ByteString] = ["nvidia/current", "vdpau", "nvidia", "tls"]

    /// Fills what is still empty. Each folder is opened and listed at most once, whatever number of paths leads to it.
    ///
    /// Where the cache had libraries of the right version, ldconfig has seen the driver, and its own folders, which on
    /// a big host have thousands of files, have nothing more; only the folders below them are listed then.
    mutating func searchFolders(in root: borrowing DriverRoot) {
        let isCacheCurrent = slots.contains {
            $0.isFilled && $0.component.naming == .driverVersion && $0.libraryClass == .native
        }
        var seen: [FolderIdentity] = []
        for folder in folders() {
            guard slots.contains(where: { !$0.isFilled && folder.classes.contains($0.libraryClass) }) else {
                continue
            }
            guard let directory = Self.open(folder.path, forListing: !isCacheCurrent, in: root, seen: &seen) else {
                continue
            }
            if !isCacheCurrent { fill(from: folder, directory, in: root) }
            for name in Self.subfolders where folder.path != "/" {
                let subfolder = Folder(path: folder.path.appending(component: name), classes: folder.classes)
                guard let directory = Self.open(subfolder.path, forListing: true, in: root, seen: &seen)
                else { continue }
                fill(from: subfolder, directory, in: root)
            }
        }
    }

    /// The usual places, then where libraries were found: the latter are known already unless ld.so.conf has a place of
    /// its own for the driver. In this order, since Debian's alternatives are below a usual place, not one themselves.
    private func folders() -> [Folder] {
        var folders = Self.nativeFolders.map { Folder(path: $0, classes: .native) }
        if capabilities.contains(.compat32) {
            folders += Self.compat32Folders.map { Folder(path: $0, classes: .compat32) }
        }
        folders += Self.mixedFolders.map { Folder(path: $0, classes: .both) }
        folders.append(Folder(path: "/", classes: .both))
        func add(_ libraryClass: DriverFile.LibraryClass, _ classes: Classes) {
            for path in self.folders(of: libraryClass)
            where !folders.contains(where: { $0.path == path && $0.classes.contains(libraryClass) }) {
                folders.append(Folder(path: path, classes: classes))
            }
        }
        add(.native, .native)
        add(.compat32, .compat32)
        return folders
    }

    /// Opens a folder that was not seen before; nil where there is none.
    private static func open(
        _ path: ByteString, forListing isListed: Bool, in root: borrowing DriverRoot,
        seen: inout [FolderIdentity]
    ) -> FileDescriptor? {
        do throws(LinuxError) {
            let directory = try root.root.open(path, flags: (isListed ? O_RDONLY : CLX_O_PATH) | O_DIRECTORY)
            let identity = FolderIdentity(try directory.status())
            if seen.contains(identity) { return nil }
            seen.append(identity)
            return directory
        } catch {
            return nil
        }
    }

    private mutating func fill(
        from folder: Folder, _ directory: consuming FileDescriptor, in root: borrowing DriverRoot
    ) {
        searched.append(folder.path)
        var names: [ByteString] = []
        do throws(LinuxError) {
            try directory.forEachEntry(limit: 1 << 20) { name in
                if LibraryComponent.mayBeNamed(name), names.count < 1024 { names.append(ByteString(Array(name))) }
            }
        } catch {
            // What was listed before the error is as good as it was.
        }
        // The file of the right version before links and files of other versions.
        let suffix = "." + version
        names.sort { ($0.hasSuffix(suffix) ? 0 : 1, $0) < ($1.hasSuffix(suffix) ? 0 : 1, $1) }
        for name in names {
            let range = slots(forName: name)
            guard let first = range.first else { continue }
            if name == slots[first].component.stem {
                for index in range where folder.classes.contains(slots[index].libraryClass) {
                    slots[index].hasLinkerName = true
                }
            } else if range.contains(where: {
                !slots[$0].isFilled && folder.classes.contains(slots[$0].libraryClass)
            }) {
                takeFile(at: folder.path.appending(component: name), foundIn: folder.path, slots: range, in: root)
            }
        }
    }
}

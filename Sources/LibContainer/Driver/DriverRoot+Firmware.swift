// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

extension DriverRoot {
    /// Adds the GSP firmware, `nvidia/<version>/gsp*.bin`, from every folder that the kernel loads firmware from. In
    /// the container it is at the folder's path as the kernel has it, links in it not resolved.
    func addFirmware(
        for capabilities: DriverCapabilities, using opened: inout DriverFolders, to files: inout DriverFiles
    ) {
        if capabilities.isEmpty { return }
        let places = firmwareFolders(version: files.version)
        let folders = existing(places, using: &opened)
        let before = files.found.count
        for folder in folders {
            for name in firmwareNames(in: folder, files: &files) {
                let path = folder.appending(component: name)
                do throws(Refusal) {
                    let location = try location(of: path, using: &opened)
                    files.found.append(
                        DriverFile(
                            kind: .firmware, hostPath: location.hostPath, containerPath: path, capability: capabilities,
                            foundIn: folder))
                } catch {
                    files.omit(path, error, searched: [folder])
                }
            }
        }
        if files.found.count == before { files.omit("gsp*.bin", .absent, searched: folders.isEmpty ? places : folders) }
    }

    /// drivers/base/firmware_loader/main.c, fw_path.
    private func firmwareFolders(version: ByteString) -> [ByteString] {
        var bases: [ByteString] = []
        do throws(LinuxError) {
            let parameter = sysPath.appending(component: "module/firmware_class/parameters/path")
            let file = try FileDescriptor(opening: parameter, flags: O_RDONLY | O_NONBLOCK)
            let custom = ByteString(try file.readToEnd(limit: 4096, sizeHint: 4095)).lines.first ?? ByteString()
            if custom.isAbsolutePath, custom.isPrintableUTF8 { bases.append(custom) }
        } catch {
            // No such parameter; the kernel has its own folders then.
        }
        let release = Self.kernelRelease
        bases += [
            "/lib/firmware/updates/" + release, "/lib/firmware/updates", "/lib/firmware/" + release, "/lib/firmware",
        ]
        return bases.map { $0.appending(component: "nvidia").appending(component: version) }
    }

    private func firmwareNames(in folder: ByteString, files: inout DriverFiles) -> [ByteString] {
        var names: [ByteString] = []
        do throws(LinuxError) {
            try root.open(folder, flags: O_RDONLY | O_DIRECTORY).forEachEntry(limit: 4096) { name in
                let name = ByteString(Array(name))
                if name.hasPrefix("gsp"), name.hasSuffix(".bin"), name.isPrintableUTF8 { names.append(name) }
            }
        } catch {
            files.omit(folder, .refused(error.description), searched: [])
        }
        return names.sorted()
    }

    /// What `uname -r` prints.
    private static var kernelRelease: ByteString {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: name.release) { ByteString(Array($0.prefix { $0 != 0 })) }
    }
}

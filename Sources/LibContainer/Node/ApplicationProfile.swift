// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Linux

/// The profile by which the driver's EGL library uses those GPUs alone whose nodes a container has (upstream,
/// update-application-profile). EGL's enumeration of devices goes by what the kernel module has, not by nodes.
package enum ApplicationProfile {
    private static let folder: ByteString = "/etc/nvidia/nvidia-application-profiles-rc.d"
    private static let file: ByteString = "10-container.conf"
    private static let prefix: ByteString = "nvidia"
    private static let entryLimit = 1 << 16

    /// What was done about it.
    package struct Outcome {
        /// Whether a file was written: not where the container has no GPU, nor where the file is right already.
        package fileprivate(set) var isWritten = false
        /// Minor numbers for which the driver's mask of 64 bits has no place.
        package fileprivate(set) var skipped: [UInt32] = []
    }

    /// Writes the profile of the GPUs in the `/dev` of `root`.
    package static func write(to root: borrowing RootDirectory) throws(LinuxError) -> Outcome {
        var outcome = Outcome()
        var mask: UInt64 = 0
        for minor in try minors(in: root) {
            if minor < UInt64.bitWidth { mask |= 1 << UInt64(minor) } else { outcome.skipped.append(minor) }
        }
        if mask == 0 { return outcome }
        let path = folder.appending(component: file)
        let contents = text(mask: mask)
        if try root.status(of: path, followLinks: false)?.kind == .regular,
            try root.readFile(path, limit: 1 << 16) == contents
        {
            return outcome
        }
        _ = try root.makeDirectories(folder, permissions: 0o555)
        try root.replaceFile(at: path, contents: contents, permissions: 0o444)
        outcome.isWritten = true
        return outcome
    }

    /// The minor numbers of the GPUs' nodes, each once, ascending. The number in the name is not the device's.
    private static func minors(in root: borrowing RootDirectory) throws(LinuxError) -> [UInt32] {
        var names: [ByteString] = []
        let directory: FileDescriptor
        do throws(LinuxError) {
            directory = try root.open("/dev", flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK)
        } catch {
            if error.code == ENOENT || error.code == ENOTDIR { return [] }
            throw error
        }
        try directory.forEachEntry(limit: entryLimit) { bytes in
            guard bytes.starts(with: prefix.bytes), bytes.count > prefix.count,
                bytes.dropFirst(prefix.count).allSatisfy({ (0x30...0x39).contains($0) })
            else { return }
            names.append(ByteString(Array(bytes)))
        }
        var minors: Set<UInt32> = []
        for name in names {
            let status = try FileStatus.of(name, relativeTo: directory.number, followLinks: false)
            if status.kind == .characterDevice { minors.insert(status.minor) }
        }
        return minors.sorted()
    }

    /// In the driver's own form of JSON, which has hexadecimal numbers.
    private static func text(mask: UInt64) -> [UInt8] {
        let profile = #"{"name":"_container_","settings":["EGLVisibleDGPUDevices",0x"# + String(mask, radix: 16) + "]}"
        let rule = #"{"pattern":[],"profile":"_container_"}"#
        return Array((#"{"profiles":["# + profile + #"],"rules":["# + rule + "]}").utf8)
    }
}

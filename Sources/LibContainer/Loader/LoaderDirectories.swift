// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The directories that the loader and ldconfig of a root search without being told to. They are built into glibc and
/// differ by distribution.
struct LoaderDirectories {
    private static let plain: [ByteString] = ["/lib", "/usr/lib"]
    private static let wide: [ByteString] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"]
    #if arch(x86_64)
        private static let multiarch: [ByteString] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"]
    #elseif arch(arm64)
        private static let multiarch: [ByteString] = ["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
    #endif

    /// In the order of ldconfig (elf/ldconfig.c, `main`; sysdeps/unix/sysv/linux/x86_64/dl-cache.h, `add_system_dir`).
    let directories: [ByteString]

    /// Debian and what derives from it have their multiarch directories instead of lib64.
    init(of root: borrowing RootDirectory) throws(LinuxError) {
        directories = try root.contains("/etc/debian_version") ? Self.multiarch + Self.plain : Self.wide
    }

    func contains(_ directory: ByteString) -> Bool { directories.contains(directory) }
}

extension RootDirectory {
    /// Whether `path` leads to anything inside the root. False too where the file system does not tell; fails where only
    /// we could not ask.
    func contains(_ path: ByteString) throws(LinuxError) -> Bool {
        do throws(LinuxError) {
            return try status(of: path) != nil
        } catch {
            if error.isShortage { throw error }
            return false
        }
    }

    /// The same, and true where we could not ask.
    func mayContain(_ path: ByteString) -> Bool {
        do throws(LinuxError) { return try contains(path) } catch { return true }
    }
}

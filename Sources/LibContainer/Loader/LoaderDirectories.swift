// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The directories that the loader and ldconfig of a root search without being told to. They are built into glibc and
/// differ by distribution.
struct LoaderDirectories {
    private static let common: [ByteString] = ["/lib", "/usr/lib"]
    private static let wide: [ByteString] = ["/lib64", "/usr/lib64"]
    #if arch(x86_64)
        private static let multiarch: [ByteString] = ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"]
    #elseif arch(arm64)
        private static let multiarch: [ByteString] = ["/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu"]
    #endif

    private let directories: [ByteString]

    /// Debian and what derives from it have their multiarch directories instead of lib64.
    init(of root: borrowing RootDirectory) {
        directories = Self.common + (root.contains("/etc/debian_version") ? Self.multiarch : Self.wide)
    }

    func contains(_ directory: ByteString) -> Bool { directories.contains(directory) }
}

extension RootDirectory {
    /// Whether `path` leads to anything inside the root. False where that can't be told.
    func contains(_ path: ByteString) -> Bool {
        do throws(LinuxError) { return try status(of: path) != nil } catch { return false }
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// A symbolic link to make in a container.
package struct SymbolicLink: Hashable, Sendable {
    /// Absolute, inside the container.
    package var path: ByteString
    /// The text of the link, such as `libcuda.so.1`.
    package var target: ByteString

    package init(path: ByteString, target: ByteString) {
        self.path = path
        self.target = target
    }
}

/// A file of the driver's user space that a container gets by a bind mount.
package struct DriverFile: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case library(LibraryClass)
        case binary
        case firmware
        /// A UNIX socket or the MPS pipe directory: writable, not executable.
        case socket
        /// Vulkan, EGL, OpenCL, X11 and other configuration or data, the X server's modules included, which are found by
        /// path and never through the loader's cache.
        case configuration
    }

    /// The architecture of a library as the loader's cache has it.
    package enum LibraryClass: Hashable, Sendable {
        /// 64-bit, the machine's own.
        case native
        /// 32-bit.
        case compat32
    }

    package var kind: Kind
    /// What to mount, as the shim sees it: the driver root's own path included, links resolved inside that root.
    package var hostPath: ByteString
    /// Where it goes in the container.
    package var containerPath: ByteString
    /// A library's SONAME, by which the loader asks for it; empty for other kinds.
    package var soname: ByteString
    /// Links that belong to it in the container, such as `libcuda.so`; the SONAME's own link is among them where the
    /// file is named otherwise.
    package var links: [SymbolicLink]
    /// The capability that asks for it.
    package var capability: DriverCapabilities
    /// Where it was found: the cache file or the folder searched.
    package var foundIn: ByteString

    package init(
        kind: Kind, hostPath: ByteString, containerPath: ByteString, soname: ByteString = ByteString(),
        links: [SymbolicLink] = [], capability: DriverCapabilities, foundIn: ByteString
    ) {
        self.kind = kind
        self.hostPath = hostPath
        self.containerPath = containerPath
        self.soname = soname
        self.links = links
        self.capability = capability
        self.foundIn = foundIn
    }
}

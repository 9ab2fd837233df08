// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import LibContainer
package import Linux

/// The machine that a container is started on: the kernel module, its device nodes and the driver's user space.
package struct Node: ~Copyable, Sendable {
    package let kernel: KernelDriver
    package let deviceNodes: DeviceNodes
    package let driverRoot: DriverRoot
    /// Of the kernel module.
    package let driverVersion: ByteString

    /// Opens the node. Fails where the kernel module is not loaded or a root can't be opened.
    ///
    /// `driverRoot` is the directory with the driver's user space, `/` for the host's own. The device nodes are
    /// taken from a `dev` folder in it that has any, as a driver container's root does, else from `/dev`. `loaderCache` is
    /// the loader's cache in it. A kernel module that `capabilities` need is loaded first if it is not, unless
    /// `loadsModules` is false.
    package init(
        driverRoot path: ByteString, loaderCache: ByteString = DriverRoot.usualCachePath,
        for capabilities: DriverCapabilities, loadsModules: Bool,
        kernel: KernelDriver = KernelDriver()
    ) throws(Diagnostic) {
        do throws(DriverError) {
            var node = try Self.open(path, loaderCache, kernel)
            if loadsModules, let module = node.deviceNodes.missingModule(for: capabilities), KernelModule.load(module) {
                node = try Self.open(path, loaderCache, kernel)
            }
            self = node
        } catch {
            throw Diagnostic(error)
        }
    }

    private init(
        kernel: KernelDriver, driverVersion: ByteString, driverRoot: consuming DriverRoot,
        deviceNodes: consuming DeviceNodes
    ) {
        self.kernel = kernel
        self.driverVersion = driverVersion
        self.driverRoot = driverRoot
        self.deviceNodes = deviceNodes
    }

    private static func open(
        _ path: ByteString, _ loaderCache: ByteString, _ kernel: KernelDriver
    ) throws(DriverError) -> Node {
        // The version first: without the kernel module nothing else says what is wrong.
        Node(
            kernel: kernel, driverVersion: try kernel.version(),
            driverRoot: try DriverRoot(opening: path, cachePath: loaderCache),
            deviceNodes: try DeviceNodes(root: try openDevRoot(below: path), kernel: kernel))
    }

    /// The dev root of the driver root at `path`.
    package static func openDevRoot(below path: ByteString) throws(DriverError) -> RootDirectory {
        do throws(LinuxError) {
            let root = try RootDirectory(opening: path)
            if path == "/" { return root }
            return try root.status(of: "/dev/nvidiactl") == nil ? try RootDirectory(opening: "/") : root
        } catch {
            throw .rootUnusable(error)
        }
    }
}

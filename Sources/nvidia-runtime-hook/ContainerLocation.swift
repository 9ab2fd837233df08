// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import Linux
internal import OCISpec

/// Where a container is, from its state and its bundle.
struct ContainerLocation {
    /// Absolute path of the root file system.
    let root: ByteString
    /// The container's process; nil where the state has none.
    let pid: Int32?

    /// Reads the state that the runtime gives to a hook. crun names the root in it; other runtimes leave it in the
    /// bundle's config.json.
    init(state text: [UInt8]) throws(Diagnostic) {
        do throws(SpecError) {
            let state = try ContainerState(parsing: text)
            pid = state.pid
            let path: ByteString
            if let root = state.root { path = root } else { path = try Self.root(inBundle: state.bundle) }
            root = path.isAbsolutePath ? path : state.bundle.appending(component: path)
        } catch {
            throw Diagnostic(.hookStateUnreadable, error.description)
        }
        guard !root.pathComponents.isEmpty else { throw Diagnostic(.hookRootUnusable, "the container's root is /") }
    }

    private static func root(inBundle bundle: ByteString) throws(SpecError) -> ByteString {
        let file = try SpecFile(bundle: bundle)
        guard let root = try SpecDocument(parsing: try file.read(), file: file.path).rootPath, !root.isEmpty else {
            throw SpecError(.invalid, in: file.path, "root.path: missing or empty")
        }
        return root
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// What of the driver's folder in procfs is for containers.
extension KernelDriver {
    /// The files that every container with a GPU sees, as far as there are any, with their contents: the parameters say
    /// that device nodes are not to be made by programs, whatever the host's say.
    package func sharedFiles() -> [(name: ByteString, contents: ByteString)] {
        let names: [ByteString] = ["params", "version", "registry"]
        return names.compactMap { name in
            do throws(LinuxError) {
                let text = try read(directory.appending(component: name))
                return (name, name == "params" ? NodeParameters.withoutModification(text) ?? text : text)
            } catch {
                return nil
            }
        }
    }

    /// The folders of `gpus`, each once.
    package func folders(of gpus: [GPU]) -> [ByteString] {
        var paths: [ByteString] = []
        for gpu in gpus {
            let path = directory.appending(component: "gpus").appending(component: gpu.busID)
            if !paths.contains(path) { paths.append(path) }
        }
        return paths
    }

    /// What tells of MIG's rights and instances.
    package var capabilitiesFolder: ByteString { directory.appending(component: "capabilities") }
}

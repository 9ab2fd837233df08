// SPDX-License-Identifier: Apache-2.0

internal import LibContainer
internal import Linux

extension InjectionPlan {
    /// Works out what a container gets on `node`.
    ///
    /// Only reads, but for device nodes that the kernel module serves and nobody has made yet, and their links in
    /// `/dev/char`. Fails where a GPU asked for, its control nodes, or the libraries that a capability can't do without
    /// are missing; everything else that is missing is recorded. `addsDeviceGroups` is false where the administrator
    /// set `no-additional-gids-for-device-nodes`.
    package init(
        request: DeviceRequest, node: borrowing Node, addsDeviceGroups: Bool = true
    ) throws(InjectionError) {
        let selected = try node.gpus(selectedBy: request.selection)
        self.init(request: request, driverVersion: node.driverVersion, gpus: selected.gpus)
        omissions = selected.omissions
        do throws(DriverError) {
            try addDevices(of: node, addsGroups: addsDeviceGroups)
            try addFiles(of: node)
        } catch {
            throw InjectionError(error)
        }
        // What of the libraries is missing has been thrown by now: this is a control node.
        if !gpus.isEmpty, let missing = omissions.first(where: \.isCore) {
            throw InjectionError("the container's capabilities need more than the node has: \(missing)")
        }
    }

    private mutating func addDevices(of node: borrowing Node, addsGroups: Bool) throws(DriverError) {
        add(try node.deviceNodes.control(for: request.capabilities), requestedBy: .capabilities(request.capabilities))
        for gpu in gpus {
            let requester = Requester.gpu(gpu.index)
            add(try node.deviceNodes.gpu(gpu), requestedBy: requester)
            if !request.capabilities.isDisjoint(with: .drawing) {
                add(try node.deviceNodes.graphics(of: gpu), requestedBy: requester)
            }
        }
        omissions += node.deviceNodes.ensureCharLinks(devices.map(\.value))
        guard addsGroups else { return }
        // Who is neither root nor in the node's group needs the group, unless everyone may read and write.
        for item in devices where item.value.group != 0 && item.value.permissions & 0o006 != 0o006 {
            guard !additionalGIDs.contains(where: { $0.value == item.value.group }) else { continue }
            additionalGIDs.append((item.value.group, item.reason))
        }
    }

    private mutating func add(_ node: DeviceNode, requestedBy requester: Requester) {
        devices.append((node, Reason(requestedBy: requester, foundIn: node.hostPath)))
    }

    private mutating func add(_ set: NodeSet, requestedBy requester: Requester) {
        for node in set.nodes { add(node, requestedBy: requester) }
        for link in set.links { links.append((link, Reason(requestedBy: requester, foundIn: link.path))) }
        omissions += set.omissions
    }

    private mutating func addFiles(of node: borrowing Node) throws(DriverError) {
        let files = node.driverRoot.locateFiles(for: request.capabilities, version: driverVersion)
        if let failure = files.coreFailure { throw failure }
        omissions += files.omissions
        for file in files.found {
            let reason = Reason(requestedBy: .capabilities(file.capability), foundIn: file.foundIn)
            let options = file.kind == .socket ? Mount.socketOptions : Mount.fileOptions
            let mount = Mount(source: file.hostPath, destination: file.containerPath, options: options)
            mounts.append((mount, reason))
            let library = library(of: file)
            if let library { libraries.append((library, reason)) }
            // The link of the SONAME belongs to the library.
            if file.links.isEmpty { continue }
            let loaderPath = library?.loaderPath
            for link in file.links where link.path != loaderPath { links.append((link, reason)) }
        }
    }

    private mutating func library(of file: DriverFile) -> LoaderUpdate.Library? {
        guard case .library(let libraryClass) = file.kind, !file.soname.isEmpty else { return nil }
        do throws(LoaderUpdate.InvalidArgument) {
            return try LoaderUpdate.Library(
                libraryClass: libraryClass, soname: file.soname, path: file.containerPath)
        } catch {
            omissions.append(Omission(name: file.soname, cause: .refused("\(error)")))
            return nil
        }
    }
}

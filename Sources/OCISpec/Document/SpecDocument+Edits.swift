// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Edits. They are recorded, and `rendered` writes them. Each one does nothing where the document, earlier edits
/// included, has what it asks for: the same edits on the result change nothing.
///
/// Each throws where the list it changes, or an object on the way to it, is of another type than the specification's.
extension SpecDocument {
    /// Whether `rendered` would differ from the text as it was read.
    package var isModified: Bool {
        environmentEdits?.isModified == true || additionalGIDEdits?.isModified == true
            || mountEdits?.isModified == true || deviceEdits?.isModified == true
            || deviceRuleEdits?.isModified == true || netDeviceEdits?.isModified == true || intelRDTEdit != nil
            || hookEdits.isModified
    }

    /// Makes `name=value` the one entry of that name in `process.env`: in the place of the last, or at the end.
    package mutating func setEnvironment(name: ByteString, value: ByteString) throws(SpecError) {
        guard !name.isEmpty, !name.bytes.contains(UInt8(ascii: "=")) else {
            throw SpecError(.invalid, in: json.file, "\"\(name)\" can't be the name of an environment variable")
        }
        let prefix = name + "="
        var list = try loaded(environmentEdits.take(), at: Path.environment)
        try list.put(prefix + value, in: json, isUnique: true) { $0.hasPrefix(prefix) }
        environmentEdits = list
    }

    /// Adds a group to `process.user.additionalGids`, except 0, which gives nothing.
    package mutating func addAdditionalGID(_ gid: UInt32) throws(SpecError) {
        guard gid != 0 else { return }
        var list = try loaded(additionalGIDEdits.take(), at: Path.additionalGIDs)
        if !list.keys.contains(gid) { list.append(gid) }
        additionalGIDEdits = list
    }

    /// Adds to `mounts`, in the place of the one with the identical destination, if that is what is seen there. Others
    /// with that destination were covered before and stay. Where there is none, at the end, or before the first one that
    /// the new mount would hide since it is below its destination. (The CDI library sorts the whole list by depth instead;
    /// we move nothing.)
    package mutating func addMount(_ mount: SpecMount) throws(SpecError) {
        var list = try loaded(mountEdits.take(), at: Path.mounts)
        let (position, isSeen) = list.place(for: mount.key)
        try list.put(mount, at: position, in: json, isUnique: false) { isSeen && $0.text == mount.destination }
        mountEdits = list
    }

    /// Removes the entries of `mounts` whose destination is one of `destinations`.
    package mutating func removeMounts(at destinations: Set<ByteString>) throws(SpecError) {
        var list = try loaded(mountEdits.take(), at: Path.mounts)
        list.removeAll { destinations.contains($0.text) }
        mountEdits = list
    }

    /// Makes `device` the one entry with its path in `linux.devices`.
    package mutating func addDevice(_ device: SpecDevice) throws(SpecError) {
        var list = try loaded(deviceEdits.take(), at: Path.devices)
        try list.put(device, in: json, isUnique: true) { $0 == device.path }
        deviceEdits = list
    }

    /// Adds an allow rule at the end of `linux.resources.devices`, unless the same one is there and no later rule
    /// denies all that it allows.
    package mutating func allowDevice(_ rule: SpecDeviceRule) throws(SpecError) {
        guard rule.allow else {
            throw SpecError(.invalid, in: json.file, "a device rule that denies is not one to add")
        }
        var list = try loaded(deviceRuleEdits.take(), at: Path.deviceRules)
        let decisive = list.keys.lastIndex { $0 == rule || !$0.allow && $0.covers(rule) }
        if let decisive, list.keys[decisive].allow {
            deviceRuleEdits = list
            return
        }
        list.append(rule)
        deviceRuleEdits = list
    }

    /// Moves the host's network interface `hostName` into the container, as `name`: a member of `linux.netDevices`
    /// (runtime-spec 1.3).
    ///
    /// Throws where the host's interface has another name in the container already, and where another one has that name
    /// there: there is one of each, so two edits fight about it.
    package mutating func setNetDevice(hostName: ByteString, name: ByteString) throws(SpecError) {
        var edits = if let edits = netDeviceEdits.take() { edits } else { try NetDeviceEdits(of: json) }
        try edits.add(hostName: hostName, name: name, file: json.file)
        netDeviceEdits = edits
    }

    /// Makes `resources` the value of `linux.intelRdt`, whatever that was, as the CDI library does (container-edits.go):
    /// a class of service and lines for another one must not mix.
    package mutating func setIntelRDT(_ resources: SpecIntelRDT) throws(SpecError) {
        let node = try json.node(at: Path.intelRDT)
        let isThere = if let node { try resources.isText(at: node, of: json) } else { false }
        intelRDTEdit = isThere ? nil : resources
    }

    /// Adds a hook to `stage`: in the place of the last one for which `isSame` is true (the others of those go), or at
    /// the end. `isSame` sees hooks that were added before too, so it must tell one of ours from another.
    package mutating func addHook(
        _ hook: SpecHook, stage: SpecHook.Stage, replacing isSame: (SpecHook) -> Bool
    ) throws(SpecError) {
        var list = try loaded(hookEdits[stage].take(), at: Path.hooks(stage))
        try list.put(hook, in: json, isUnique: true, replacing: isSame)
        hookEdits[stage] = list
    }

    /// Removes the hooks of `stage` for which `isUnwanted` is true.
    package mutating func removeHooks(
        stage: SpecHook.Stage, where isUnwanted: (SpecHook) -> Bool
    ) throws(SpecError) {
        var list = try loaded(hookEdits[stage].take(), at: Path.hooks(stage))
        list.removeAll(where: isUnwanted)
        hookEdits[stage] = list
    }

    /// `list`, or the one at `path` where it is nil. The callers take their list out of the document, so that it is
    /// edited in place and not copied.
    private func loaded<Element: SpecElement>(
        _ list: consuming EditedList<Element>?, at path: [StaticString]
    ) throws(SpecError) -> EditedList<Element> {
        if let list { return list }
        return try EditedList(of: json, at: path)
    }
}

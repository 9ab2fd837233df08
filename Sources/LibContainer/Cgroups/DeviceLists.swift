// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The lists of a version 1 cgroup's controller `devices` (Documentation/admin-guide/cgroup-v1/devices.rst).
struct DeviceLists {
    private let directory: CgroupDirectory

    /// Bytes; a line is 20 of them and there are a dozen lines.
    private static let listLimit = 4 << 20

    init(_ directory: CgroupDirectory) { self.directory = directory }

    /// Adds to `devices.allow` what no line of `devices.list` has yet. The cgroups above must allow it too, or the kernel
    /// refuses it (EPERM).
    ///
    /// A cgroup that says that it allows all is left alone. It can have exceptions, which the kernel does not show, so that
    /// they could not be restored.
    func allow(_ rules: [DeviceCgroup.Rule], recording change: inout DeviceCgroupChange) throws(CgroupError) {
        let list = DeviceList(parsing: try directory.reading("devices.list", limit: Self.listLimit))
        for rule in rules where !list.allows(rule) {
            do throws(LinuxError) {
                try directory.write(rule.description, to: "devices.allow")
            } catch {
                throw .ruleRefused(rule, error)
            }
            let added = rule.access.subtracting(list.accessOfSingleDevice(rule))
            if !added.isEmpty { change.record(.added(rule.with(added), self)) }
        }
    }

    /// Takes the access in the rule back. It was added before, so nothing else is denied with it.
    func deny(_ rule: DeviceCgroup.Rule) {
        do throws(LinuxError) {
            try directory.write(rule.description, to: "devices.deny")
        } catch {
            // Then the container may open a device more than it asked for: there is nothing left to try.
        }
    }
}

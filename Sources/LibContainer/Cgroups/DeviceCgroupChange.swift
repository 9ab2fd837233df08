// SPDX-License-Identifier: Apache-2.0

/// What `DeviceCgroup.allow` changed, for a caller that fails later. Nothing is undone unless it is asked for.
package struct DeviceCgroupChange: ~Copyable {
    enum Step {
        /// Version 1: the access in the rule was added to the lists.
        case added(DeviceCgroup.Rule, DeviceLists)
        /// Version 2: a program took the place of another one.
        case replaced(DeviceProgram, by: DeviceProgram, DevicePrograms, flags: CInt)
    }

    private(set) var steps: [Step] = []

    /// Nothing changed.
    package init() {}

    mutating func record(_ step: Step) { steps.append(step) }

    /// Takes it all back, the last step first, as far as nobody else has changed the same since; errors are passed over.
    package consuming func undo() {
        for step in steps.reversed() {
            switch step {
            case .added(let rule, let lists): lists.deny(rule)
            case .replaced(let original, let extended, let programs, let flags):
                programs.restore(original, for: extended, flags: flags)
            }
        }
    }
}

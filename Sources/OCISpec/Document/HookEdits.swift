// SPDX-License-Identifier: Apache-2.0

/// The lists of hooks that edits have touched, by stage; nil until then.
struct HookEdits {
    private var prestart, createRuntime, createContainer: EditedList<SpecHook>?
    private var startContainer, poststart, poststop: EditedList<SpecHook>?

    subscript(stage: SpecHook.Stage) -> EditedList<SpecHook>? {
        get {
            switch stage {
            case .prestart: prestart
            case .createRuntime: createRuntime
            case .createContainer: createContainer
            case .startContainer: startContainer
            case .poststart: poststart
            case .poststop: poststop
            }
        }
        set {
            switch stage {
            case .prestart: prestart = newValue
            case .createRuntime: createRuntime = newValue
            case .createContainer: createContainer = newValue
            case .startContainer: startContainer = newValue
            case .poststart: poststart = newValue
            case .poststop: poststop = newValue
            }
        }
    }

    /// Whether one of the lists would be written differently.
    var isModified: Bool { SpecHook.Stage.allCases.contains { self[$0]?.isModified == true } }
}

// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Edits of `hooks` (J-20).
struct HookEditTests {
    private static let cases: [EditCase] = [
        EditCase(
            "a hook is appended", #"{"hooks":{"createContainer":[{"path":"/o"}]}}"#,
            #"{"hooks":{"createContainer":[{"path":"/o"},\#(Sample.hookText)]}}"#
        ) {
            try $0.addHook(Sample.hook, stage: .createContainer) { $0.path == "/h" }
        },
        EditCase(
            "J-20: ours is replaced, not added",
            #"{"hooks":{"createContainer":[{"path":"/h"},{"path":"/o"},{"path":"/h","args":["x"]},{"path":"/p"}]}}"#,
            #"{"hooks":{"createContainer":[{"path":"/o"},\#(Sample.hookText),{"path":"/p"}]}}"#
        ) {
            try $0.addHook(Sample.hook, stage: .createContainer) { $0.path == "/h" }
        },
        EditCase(
            "other stages are left alone", #"{"hooks":{"prestart":[{"path":"/h"}]}}"#,
            #"{"hooks":{"prestart":[{"path":"/h"}],"createContainer":[\#(Sample.hookText)]}}"#
        ) {
            try $0.addHook(Sample.hook, stage: .createContainer) { $0.path == "/h" }
        },
        EditCase(
            "every stage", "{}",
            #"{"hooks":{"prestart":[\#(Sample.hookText)],"createRuntime":[\#(Sample.hookText)],"#
                + #""createContainer":[\#(Sample.hookText)],"startContainer":[\#(Sample.hookText)],"#
                + #""poststart":[\#(Sample.hookText)],"poststop":[\#(Sample.hookText)]}}"#,
            isRepeatable: false
        ) {
            for stage in SpecHook.Stage.allCases { try $0.addHook(Sample.hook, stage: stage) { _ in false } }
        },
        EditCase(
            "hooks are removed at the start, in the middle and at the end",
            #"{"hooks":{"prestart":[ {"path":"/x"}, {"path":"/a"} , {"path":"/x"},{"path":"/x"} , {"path":"/b"} "#
                + #",{"path":"/x"} , {"path":"/x"} ]}}"#,
            #"{"hooks":{"prestart":[ {"path":"/a"} , {"path":"/b"} ]}}"#
        ) {
            try $0.removeHooks(stage: .prestart) { $0.path == "/x" }
        },
        EditCase(
            "all hooks are removed", #"{"hooks":{"prestart":[ {"path":"/x"} , {"path":"/x"} ], "poststop":[]}}"#,
            #"{"hooks":{"prestart":[  ], "poststop":[]}}"#
        ) {
            try $0.removeHooks(stage: .prestart) { _ in true }
        },
        EditCase(
            "hooks are removed and added", #"{"hooks":{"prestart":[{"path":"/x"},{"path":"/a"},{"path":"/x"}]}}"#,
            #"{"hooks":{"prestart":[{"path":"/a"},\#(Sample.hookText)]}}"#
        ) {
            try $0.removeHooks(stage: .prestart) { $0.path == "/x" }
            try $0.addHook(Sample.hook, stage: .prestart) { $0.path == "/h" }
        },
        EditCase(
            "all are removed and one is added", #"{"hooks":{"prestart":[ {"path":"/x"} ]}}"#,
            #"{"hooks":{"prestart":[ \#(Sample.hookText) ]}}"#, isRepeatable: false
        ) {
            try $0.removeHooks(stage: .prestart) { _ in true }
            try $0.addHook(Sample.hook, stage: .prestart) { _ in false }
        },
        EditCase("what is not there is not removed", #"{"hooks":{"prestart":null}}"#, #"{"hooks":{"prestart":null}}"#) {
            try $0.removeHooks(stage: .prestart) { _ in true }
            try $0.removeHooks(stage: .poststop) { _ in true }
        },
        EditCase("an added hook can be removed", "{}", "{}") {
            try $0.addHook(Sample.hook, stage: .prestart) { _ in false }
            try $0.removeHooks(stage: .prestart) { $0.path == "/h" }
        },
    ]

    @Test(arguments: cases)
    func edit(_ test: EditCase) throws { try test.check() }

    @Test("each stage: appended, replaced, kept", arguments: SpecHook.Stage.allCases)
    func stage(_ stage: SpecHook.Stage) throws {
        for (before, after) in [
            ("{}", #"{"hooks":{"STAGE":[\#(Sample.hookText)]}}"#),
            (#"{"hooks":{"STAGE":[ {"path":"/o"} ]}}"#, #"{"hooks":{"STAGE":[ {"path":"/o"},\#(Sample.hookText) ]}}"#),
            (
                #"{"hooks":{"STAGE":[{"path":"/h"},{"path":"/o"}]}}"#,
                #"{"hooks":{"STAGE":[\#(Sample.hookText),{"path":"/o"}]}}"#
            ),
        ] {
            let name = stage.rawValue
            let test = EditCase(
                name, before.replacing("STAGE", with: name), after.replacing("STAGE", with: name)
            ) { try $0.addHook(Sample.hook, stage: stage) { $0.path == "/h" } }
            try test.check()
            let document = try SpecDocument(parsing: Array(test.output.utf8))
            for other in SpecHook.Stage.allCases {
                #expect(try document.hooks(other).contains(Sample.hook) == (other == stage))
            }
        }
    }
}

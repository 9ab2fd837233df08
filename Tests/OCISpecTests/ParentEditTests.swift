// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Edits where the objects on the way are missing (J-10).
struct ParentEditTests {
    private static let everything =
        #""process":{"env":["A=b"],"user":{"additionalGids":[7]}},"mounts":[\#(Sample.mountText)],"#
        + #""linux":{"devices":[\#(Sample.deviceText)],"resources":{"devices":[\#(Sample.ruleText)]}},"#
        + #""hooks":{"prestart":[\#(Sample.hookText)],"poststop":[\#(Sample.hookText)]}"#

    private static let cases: [EditCase] = [
        EditCase("missing parents are made", "{}", "{\(everything)}", addAll),
        EditCase(
            "and put behind what is there", "{ \"ociVersion\" : \"1.0.0\" }\n",
            "{ \"ociVersion\" : \"1.0.0\",\(everything) }\n", addAll),
        EditCase(
            "null is as good as missing",
            #"{"process":{"env":null,"user":null},"mounts":null,"#
                + #""linux":{"devices":null,"resources":{"devices":null}},"hooks":null}"#,
            "{\(everything)}", addAll),
        EditCase(
            "empty parents are filled",
            #"{"process":{"user":{ }},"mounts":[ ],"linux":{"resources":{}},"hooks":{}}"#,
            #"{"process":{"user":{"additionalGids":[7] },"env":["A=b"]},"mounts":[\#(Sample.mountText) ],"#
                + #""linux":{"resources":{"devices":[\#(Sample.ruleText)]},"devices":[\#(Sample.deviceText)]},"#
                + #""hooks":{"prestart":[\#(Sample.hookText)],"poststop":[\#(Sample.hookText)]}}"#, addAll),
        EditCase(
            "a name with escapes is found", #"{"\u0070rocess":{"\u0065nv":[]}}"#,
            #"{"\u0070rocess":{"\u0065nv":["A=b"]}}"#
        ) {
            try $0.setEnvironment(name: "A", value: "b")
        },
    ]

    private static func addAll(_ document: inout SpecDocument) throws {
        try document.addMount(Sample.mount)
        try document.addDevice(Sample.device)
        try document.allowDevice(Sample.rule)
        try document.addHook(Sample.hook, stage: .poststop) { $0.path == "/h" }
        try document.addHook(Sample.hook, stage: .prestart) { $0.path == "/h" }
        try document.setEnvironment(name: "A", value: "b")
        try document.addAdditionalGID(7)
    }

    @Test(arguments: cases)
    func edit(_ test: EditCase) throws { try test.check() }
}

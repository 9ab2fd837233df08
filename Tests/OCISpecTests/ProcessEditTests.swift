// SPDX-License-Identifier: Apache-2.0

import Linux
import Testing

@testable import OCISpec

/// Edits of `process.env` and `process.user.additionalGids`.
struct ProcessEditTests {
    private static let cases: [EditCase] = [
        EditCase("a variable is appended", #"{"process":{"env":["B=1"]}}"#, #"{"process":{"env":["B=1","A=x"]}}"#) {
            try $0.setEnvironment(name: "A", value: "x")
        },
        EditCase(
            "a variable is replaced where it is", #"{"process":{"env":[ "A=1" , "B=1" ]}}"#,
            #"{"process":{"env":[ "A=x" , "B=1" ]}}"#
        ) {
            try $0.setEnvironment(name: "A", value: "x")
        },
        EditCase(
            "of several the last one's place counts", #"{"process":{"env":["A=1", "B=1",  "A=2" ,"C=3", "A=3"]}}"#,
            #"{"process":{"env":["B=1",  "C=3", "A=x"]}}"#
        ) { try $0.setEnvironment(name: "A", value: "x") },
        EditCase(
            "duplicates of the right value go", #"{"process":{"env":["A=x","A=x"]}}"#, #"{"process":{"env":["A=x"]}}"#
        ) {
            try $0.setEnvironment(name: "A", value: "x")
        },
        EditCase(
            "a variable that is right stays as it is written", #"{"process":{"env":["\u0041=x"]}}"#,
            #"{"process":{"env":["\u0041=x"]}}"#
        ) {
            try $0.setEnvironment(name: "A", value: "x")
        },
        EditCase(
            "names are compared whole", #"{"process":{"env":["AB=1","A","BA=1"]}}"#,
            #"{"process":{"env":["AB=1","A","BA=1","A="]}}"#
        ) {
            try $0.setEnvironment(name: "A", value: "")
        },
        EditCase("the last one set counts", #"{"process":{"env":["A=1"]}}"#, #"{"process":{"env":["A=3","B=2"]}}"#) {
            try $0.setEnvironment(name: "A", value: "2")
            try $0.setEnvironment(name: "B", value: "2")
            try $0.setEnvironment(name: "A", value: "3")
        },
        EditCase("special characters", "{}", #"{"process":{"env":["A=\"\\\n\u001b/é"]}}"#) {
            try $0.setEnvironment(name: "A", value: "\"\\\n\u{1B}/\u{E9}")
        },
        EditCase(
            "groups", #"{"process":{"user":{"additionalGids":[5]}}}"#,
            #"{"process":{"user":{"additionalGids":[5,44,4294967295]}}}"#
        ) {
            for gid in [0, 5, 44, 44, 4_294_967_295] as [UInt32] { try $0.addAdditionalGID(gid) }
        },
        EditCase("group 0 alone changes nothing", "{}", "{}") { try $0.addAdditionalGID(0) },
    ]

    @Test(arguments: cases)
    func edit(_ test: EditCase) throws { try test.check() }
}

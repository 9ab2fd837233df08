// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import OCISpec

/// Nothing that is not edited changes (J-11, J-12, J-20).
struct RoundTripTests {
    @Test("without edits the text is the same, byte for byte")
    func identity() throws {
        for name in try TestData.allSpecs {
            let text = try TestData.bytes(name)
            let document = try SpecDocument(parsing: text)
            let isModified = document.isModified
            #expect(!isModified, "\(name)")
            #expect(try document.rendered() == text, "\(name)")
        }
    }

    @Test("J-12: with edits, the text without what they added is the same, byte for byte")
    func onlyInsertions() throws {
        for name in try TestData.allSpecs {
            let text = try TestData.bytes(name)
            var document = try SpecDocument(parsing: text)
            // A variable that no spec has, since one that is replaced is no insertion.
            try document.setEnvironment(name: "NVIDIA_TEST", value: "void")
            try document.addMount(SpecMount(destination: "/nvidia-test", source: "/s", options: ["ro"]))
            try document.addDevice(SpecDevice(path: "/dev/nvidia-test", major: 195, minor: 200))
            try document.allowDevice(SpecDeviceRule(allow: true, type: "c", major: 195, minor: 200, access: "rw"))
            let hook = SpecHook(path: "/nvidia-test", arguments: ["t"], environment: ["A=b"], timeout: 1)
            try document.addHook(hook, stage: .createContainer) { $0.path == hook.path }
            var remaining = String(decoding: try document.rendered(), as: UTF8.self)

            let mount = #"{"destination":"/nvidia-test","source":"/s","options":["ro"]}"#
            let device = #"{"path":"/dev/nvidia-test","type":"c","major":195,"minor":200}"#
            let rule = #"{"allow":true,"type":"c","major":195,"minor":200,"access":"rw"}"#
            let hookText = #"{"path":"/nvidia-test","args":["t"],"env":["A=b"],"timeout":1}"#
            for alternatives in [
                [#","NVIDIA_TEST=void""#], [",\(mount)"], [#","devices":[\#(device)]"#, ",\(device)"], [",\(rule)"],
                [
                    #","hooks":{"createContainer":[\#(hookText)]}"#, #","createContainer":[\#(hookText)]"#,
                    ",\(hookText)",
                ],
            ] {
                let range = try #require(alternatives.lazy.compactMap { remaining.range(of: $0) }.first, "\(name)")
                remaining.removeSubrange(range)
            }
            #expect(Array(remaining.utf8) == text, "\(name)")
        }
    }

    @Test("J-12: another reader finds our additions and everything else as it was")
    func members() throws {
        for name in try TestData.allSpecs {
            let text = try TestData.bytes(name)
            let before = try object(text)
            let after = try object(try edited(text, inject))
            for key in Set(before.keys).union(after.keys).subtracting(["process", "mounts", "linux", "hooks"]) {
                #expect(equal(before[key], after[key]), "\(name): \(key)")
            }
            try compare(before, after, at: "process", except: ["env", "user"], name)
            try compare(before, after, at: "linux", except: ["devices", "resources"], name)
            let resources = try #require(before["linux"] as? [String: Any])
            let editedResources = try #require(after["linux"] as? [String: Any])
            try compare(resources, editedResources, at: "resources", except: ["devices"], name)

            let process = try #require(after["process"] as? [String: Any])
            let environment = try #require(process["env"] as? [String])
            #expect(environment.filter { $0.hasPrefix("NVIDIA_VISIBLE_DEVICES=") } == ["NVIDIA_VISIBLE_DEVICES=void"])
            let devices = try #require(editedResources["devices"] as? [[String: Any]])
            #expect(devices.filter { $0["path"] as? String == "/dev/nvidia1" }.count == 1)
            let hooks = try #require((after["hooks"] as? [String: Any])?["createContainer"] as? [[String: Any]])
            #expect(hooks.last?["path"] as? String == "/usr/bin/nvidia-runtime-hook")
        }
    }

    @Test("J-20: the same edits on the result change nothing")
    func secondRun() throws {
        for name in try TestData.allSpecs {
            let once = try edited(try TestData.bytes(name), inject)
            var document = try SpecDocument(parsing: once)
            try inject(&document)
            let isModified = document.isModified
            #expect(!isModified, "\(name)")
            #expect(try document.rendered() == once, "\(name)")
        }
    }

    @Test(
        "J-09, J-11: numbers, escapes and unknown members survive as they are written",
        arguments: [
            "18446744073709551615", "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890",
            "1.0", "1e0", "1E+5", "1e-7", "3.1415926535897932384626433", "-0", "-0.0", "1e400", "-1e400", "0.10",
            #""\/""#, #""\u00e9""#, #""\ud83d\ude00""#, #""\ud83d""#, #""\u2028<>&""#, #""\u003c""#, "\"\u{7F}\"",
            "\"\u{E9}\"", "\"\u{FFFE}\"", "[ ]", "{ }", "[ 1 ,2]", "{\"Z\":1,\"a\":2}", "true", "false", "null",
        ])
    func survival(_ value: String) throws {
        let input = "{\"x\" : \(value) ,\"linux\":{\"resources\":{\"memory\":{\"limit\":\(value)}},\"y\":[\(value)]}}"
        let output = try edited(input, inject)
        #expect(output.hasPrefix("{\"x\" : \(value) ,\"linux\":{\"resources\":{\"memory\":{\"limit\":\(value)},"))
        #expect(output.contains(",\"y\":[\(value)]"))
    }

    @Test(
        "J-07, J-08: what JSON can't carry is refused, not changed",
        arguments: [[0xFF], [0x2F, 0x00], [0xED, 0xA0, 0x80], [0xC3]] as [[UInt8]])
    func unrepresentable(_ bytes: [UInt8]) throws {
        let path = ByteString(bytes)
        func refused(_ edit: (inout SpecDocument) throws -> Void) throws -> Bool {
            var document = try SpecDocument(parsing: Array("{}".utf8))
            try edit(&document)
            let error = #expect(throws: SpecError.self) { try document.rendered() }
            return error?.code == .outOfRange
        }
        #expect(try refused { try $0.addMount(SpecMount(destination: path, source: "/s")) })
        #expect(try refused { try $0.addMount(SpecMount(destination: "/d", source: "/s", options: [path])) })
        #expect(try refused { try $0.addDevice(SpecDevice(path: path, major: 1, minor: 1)) })
        #expect(try refused { try $0.setEnvironment(name: "A", value: path) })
        #expect(
            try refused {
                let hook = SpecHook(path: path, arguments: [], environment: [])
                try $0.addHook(hook, stage: .prestart) { _ in false }
            })
    }

    @Test("edits that make no sense are refused")
    func invalidEdits() throws {
        var document = try SpecDocument(parsing: Array("{}".utf8))
        #expect(code { () throws(SpecError) in try document.setEnvironment(name: "", value: "x") } == .invalid)
        #expect(code { () throws(SpecError) in try document.setEnvironment(name: "A=B", value: "x") } == .invalid)
        let denial = SpecDeviceRule(allow: false, type: "c", major: 1, minor: 1, access: "rwm")
        #expect(code { () throws(SpecError) in try document.allowDevice(denial) } == .invalid)
    }

    @Test(
        "J-10: edits below or beside what has another type are refused",
        arguments: [
            "{\"process\":[]}", "{\"process\":{\"env\":\"A=b\"}}", "{\"process\":{\"env\":[1]}}", "{\"mounts\":{}}",
            "{\"mounts\":[\"/d\"]}", "{\"linux\":\"x\"}", "{\"linux\":{\"devices\":1}}",
            "{\"linux\":{\"resources\":[]}}",
            "{\"linux\":{\"resources\":{\"devices\":{}}}}", "{\"hooks\":[]}", "{\"hooks\":{\"createContainer\":{}}}",
            "{\"process\":{\"user\":0}}", "{\"process\":{\"user\":{\"additionalGids\":[-1]}}}",
        ])
    func wrongTypes(_ text: String) throws {
        #expect(throws: SpecError.self) { try edited(text, inject) }
    }

    private func object(_ text: [UInt8]) throws -> [String: Any] {
        // Foundation's reader refuses half a surrogate pair and 1e400.
        let text = String(decoding: text, as: UTF8.self).replacing(#" \ud83d""#, with: #" ""#)
            .replacing(": 1e400", with: ": 0")
        return try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func equal(_ left: Any?, _ right: Any?) -> Bool {
        NSDictionary(dictionary: ["value": left ?? NSNull()]) == NSDictionary(dictionary: ["value": right ?? NSNull()])
    }

    private func compare(
        _ before: [String: Any], _ after: [String: Any], at key: String, except edited: [String], _ name: String
    ) throws {
        let before = before[key] as? [String: Any] ?? [:]
        let after = try #require(after[key] as? [String: Any])
        for member in Set(before.keys).union(after.keys).subtracting(edited) {
            #expect(equal(before[member], after[member]), "\(name): \(key).\(member)")
        }
    }
}

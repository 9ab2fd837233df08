// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import Testing

@testable import CDI

/// A row of testdata/cdi/refused-files.json or refused-edits.json: what must be refused, and a part of the error.
struct Refusal: Decodable, CustomTestStringConvertible {
    var `case`: String
    var format: String?
    var text: String?
    var edits: String?
    var error: String
    var testDescription: String { `case` }

    static func table(_ name: String) -> [Refusal] {
        do {
            return try JSONDecoder().decode([Refusal].self, from: Data(try TestData.bytes("\(name).json")))
        } catch {
            Issue.record("\(name): \(error)")
            return []
        }
    }
}

struct RefusalTests {
    @Test("files: C-02, C-03, C-08 and P5", arguments: Refusal.table("refused-files"))
    func files(row: Refusal) throws {
        let text = Array(try #require(row.text).utf8)
        let error = failure { () throws(CDIError) in
            try CDISpecification(parsing: text, format: row.format == "json" ? .json : .yaml, file: "/etc/cdi/x")
        }
        let description = try #require(error).description
        #expect(description.contains(row.error), "\(description)")
        #expect(description.contains("/etc/cdi/x"))
    }

    @Test("edits: C-05, C-06, C-07", arguments: Refusal.table("refused-edits"))
    func edits(row: Refusal) throws {
        let directories = try Directories()
        let path = try directories.write("x.json", small(try #require(row.edits)))
        let description = try #require(try directories.failure()).description
        #expect(description.contains(row.error), "\(description)")
        #expect(description.contains(Shown.path(path, limit: 48)) || description.count == 200)
        // The same edits of a device that nobody asks for hurt nobody.
        try directories.write(
            "x.json",
            small(try #require(row.edits)).replacing(
                #""devices":["#, with: #""devices":[{"name":"good","containerEdits":{"env":["A=b"]}},"#))
        #expect(try directories.resolve("vendor.example/device=good").edits.map(\.environment) == [["A=b"]])
    }

    @Test("C-08: 100,000 levels, an alias bomb of a gigabyte and a file of 11 MB end soon")
    func bombs() throws {
        let clock = ContinuousClock()
        var bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        for (name, previous) in zip("bcdefghij", "abcdefghi") {
            bomb += "\(name): &\(name) [" + repeatElement("*\(previous)", count: 9).joined(separator: ",") + "]\n"
        }
        let texts = [
            bomb, String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000),
            String(repeating: "? ", count: 100_000), String(repeating: "{a: ", count: 100_000),
            String(repeating: "a: ", count: 100_000), "a: " + String(repeating: "x", count: 11 << 20),
            String(repeating: "&", count: 1 << 20), String(repeating: "#\n", count: 1 << 20),
        ]
        for text in texts {
            for format in [CDISpecification.Format.yaml, .json] {
                let elapsed = clock.measure {
                    let error = failure { () throws(CDIError) in
                        try CDISpecification(parsing: Array(text.utf8), format: format, file: "x")
                    }
                    #expect(error != nil)
                }
                #expect(elapsed < .seconds(20), "\(text.prefix(8)) \(elapsed)")
            }
        }
    }

    @Test func sizeLimit() throws {
        let text = Array(small().utf8) + [UInt8](repeating: 0x20, count: CDISpecification.sizeLimit)
        for format in [CDISpecification.Format.yaml, .json] {
            let error = failure { () throws(CDIError) in
                try CDISpecification(parsing: text, format: format, file: "x")
            }
            #expect(error?.description.contains("the limit is 10485760") == true)
        }
    }

    @Test(
        arguments: ["0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0", "1.1.0", "v0.3.0", "v1.1.0"])
    func versions(version: String) throws {
        let text = small(version: version, name: "a")
        let specification = try CDISpecification(parsing: Array(text.utf8), format: .json, file: "x")
        #expect(specification.version.description == version.drop { $0 == "v" })
    }

    /// What SPEC.md and upstream let pass although it looks odd.
    @Test(arguments: [
        #"{"env":["A="]}"#, #"{"env":["A=b=c"],"hooks":null,"mounts":[]}"#, #"{"intelRdt":{}}"#,
        #"{"deviceNodes":[{"path":"/dev/a","permissions":"mwr"}]}"#, #"{"deviceNodes":[{"path":"/dev/a","type":"u"}]}"#,
        #"{"deviceNodes":[{"path":"/dev/a","major":511,"minor":7}]}"#,
        #"{"deviceNodes":[{"path":"/dev/a","major":0,"minor":7}]}"#,
        #"{"mounts":[{"hostPath":"/procx","containerPath":"/sysx/proc"}]}"#,
        #"{"mounts":[{"hostPath":"/a..b","containerPath":"/..."}]}"#, #"{"intelRdt":{"closID":"/"}}"#,
    ])
    func accepted(edits: String) throws {
        let directories = try Directories()
        try directories.write("x.json", small(edits))
        #expect(try directories.resolve("vendor.example/device=0").edits.count == 1)
    }
}

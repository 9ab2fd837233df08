// SPDX-License-Identifier: Apache-2.0

import Foundation
import Linux
import OCISpec
import Testing

@testable import CDI

/// Every good file, each of its devices requested alone, against what testdata/cdi/expectation says, which reads the file
/// with PyYAML and shares nothing with the Swift code.
struct ExpectationTests {
    @Test(arguments: TestData.specifications)
    func resolves(file: String) throws {
        let expectation = try Expectation(file)
        let directories = try Directories()
        let path = try directories.write(URL(filePath: file).lastPathComponent, try TestData.bytes(file))
        let nodes = expectation.nodes
        let host = CDIHost(
            node: { (path) throws(LinuxError) in
                guard let node = nodes[path] else { throw LinuxError("stat", path, code: ENOENT) }
                return node
            }, program: CDIHost.stub.program, source: CDIHost.stub.source)
        #expect(try TestData.specification(file).deviceNames.count == expectation.devices.count)
        for (device, wanted) in expectation.devices {
            let resolution = try directories.resolve(device, host: host)
            #expect(resolution.edits.flatMap(lines) == wanted, "\(device)")
            #expect(resolution.files == [path])
            #expect(resolution.warnings == [])
        }
    }

    @Test func jsonAndYAMLSayTheSame() throws {
        let json = try TestData.specification("specs/a100.json")
        let yaml = try TestData.specification("specs/a100.yaml")
        #expect(json.deviceNames == yaml.deviceNames)
        #expect(try json.containerEdits() == yaml.containerEdits())
        for name in json.deviceNames {
            #expect(try json.containerEdits(ofDevice: name) == yaml.containerEdits(ofDevice: name))
        }
        #expect(try json.containerEdits(ofDevice: "none") == nil)
    }

    private func lines(_ edits: CDIResolvedEdits) -> [String] {
        var lines = ["origin \(edits.origin.device.map(\.description) ?? "-")"]
        lines += edits.environment.map { "env \(quoted($0))" }
        for node in edits.deviceNodes {
            lines.append(
                [
                    "device-node", quoted(node.path), quoted(node.hostPath), node.kind.letter.description,
                    "\(node.major):\(node.minor)", "0o" + String(node.fileMode, radix: 8), quoted(node.access),
                    node.uid.map(String.init) ?? "None", node.gid.map(String.init) ?? "None",
                ].joined(separator: " "))
        }
        lines += edits.netDevices.map { "net-device \(quoted($0.hostInterfaceName)) \(quoted($0.name))" }
        for mount in edits.mounts {
            let texts = [mount.hostPath, mount.containerPath, mount.type] + mount.options
            lines.append("mount " + texts.map(quoted).joined(separator: " "))
        }
        for hook in edits.hooks {
            lines.append(
                (["hook", hook.stage.rawValue, quoted(hook.path), hook.timeout.map(String.init) ?? "-", "args"]
                    + hook.arguments.map(quoted) + ["env"] + hook.environment.map(quoted)).joined(separator: " "))
        }
        if let group = edits.intelRDT {
            let texts = [group.closID, group.l3CacheSchema, group.memBwSchema] + group.schemata
            let flags = [group.enableMonitoring, group.enableCMT, group.enableMBM]
            lines.append((["rdt"] + texts.map(quoted) + flags.map { "\($0)" }).joined(separator: " "))
        }
        return lines + edits.additionalGIDs.map { "gid \($0)" }
    }

    /// As Python's json.dumps does it; the files are ASCII.
    private func quoted(_ text: ByteString) -> String {
        var quoted = "\""
        for byte in text.bytes {
            switch byte {
            case 0x0A: quoted += "\\n"
            case 0x09: quoted += "\\t"
            case 0x22, 0x5C: quoted += "\\" + String(UnicodeScalar(byte))
            default: quoted += String(UnicodeScalar(byte))
            }
        }
        return quoted + "\""
    }
}

/// The output of testdata/cdi/expectation for a file.
private struct Expectation {
    var nodes: [ByteString: FileStatus] = [:]
    var devices: [(name: String, lines: [String])] = []

    init(_ file: String) throws {
        let process = Process()
        process.executableURL = TestData.folder.appending(path: "expectation")
        process.arguments = [TestData.folder.appending(path: file).path()]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let output = try #require(try pipe.fileHandleForReading.readToEnd())
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            switch words.first {
            case "node":
                let type = words[2] == "b" ? S_IFBLK : S_IFCHR
                let path = ByteString(String(words[1].dropFirst().dropLast()))
                nodes[path] = CDIHost.node(type, try #require(UInt64(words[3])), try #require(UInt64(words[4])))
            case "device": devices.append((name: String(words[1]), lines: []))
            default: devices[devices.count - 1].lines.append(String(line))
            }
        }
        try #require(!devices.isEmpty)
    }
}

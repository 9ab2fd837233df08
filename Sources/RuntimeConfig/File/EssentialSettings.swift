// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The settings that every start needs: what to exec, and the words by which a container can ask for a GPU.
///
/// A container that asks for no GPU has to start although config.toml is broken (a broken default runtime stops every
/// pod of a node), so reading it never fails: a key that can't be had keeps its default.
package struct EssentialSettings: Equatable, Sendable {
    /// `nvidia-container-runtime.runtimes`: never empty.
    package private(set) var runtimes: [ByteString] = ["runc", "crun"]
    /// `swarm-resource`: the names of environment variables.
    package private(set) var swarmResources: [ByteString] = []
    /// `nvidia-container-runtime.modes.cdi.annotation-prefixes`: what the keys of annotations start with. An empty one is
    /// a prefix of every key.
    package private(set) var annotationPrefixes: [ByteString] = ["cdi.k8s.io/"]

    /// The built-in defaults.
    package init() {}

    init(_ document: borrowing TOMLDocument) {
        self.init()
        let decoder = SettingsDecoder(root: document.root, file: ByteString())
        var names: [ByteString] = []
        try? decoder.read("nvidia-container-runtime.runtimes", into: &names)
        if !names.isEmpty { runtimes = names }
        try? decoder.readElements("swarm-resource", into: &swarmResources)
        try? decoder.read("nvidia-container-runtime.modes.cdi.annotation-prefixes", into: &annotationPrefixes)
    }

    /// From the content of a config.toml; from what stands before the line of the error if it is no TOML, provided that
    /// this much is.
    package init(recoveredFrom text: [UInt8]) {
        do throws(TOMLSyntaxError) {
            self.init(try TOMLDocument(parsing: text))
        } catch {
            self.init(beforeLine: error.line, of: text)
        }
    }

    /// From what stands before `line` (counted from 1) of `text`.
    init(beforeLine line: Int, of text: [UInt8]) {
        self.init()
        var newlines = 0
        for index in text.indices where text[index] == UInt8(ascii: "\n") {
            newlines += 1
            guard newlines == line - 1 else { continue }
            if let document = try? TOMLDocument(parsing: text[...index]) { self.init(document) }
            return
        }
    }
}

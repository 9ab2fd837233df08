// SPDX-License-Identifier: Apache-2.0

import Foundation

/// docs/errors.md, taken apart.
struct ErrorsDocument {
    struct Section {
        /// `NVR1204`
        let name: String
        let lines: [Substring]

        /// The texts of the error, `...` for what differs: the code in front of the first part, of a table its first
        /// column.
        var texts: [String] {
            lines.prefix { !$0.hasPrefix("- ") }.flatMap { line in
                let column = line.hasPrefix("| ") ? line.dropFirst(2).prefix { $0 != "|" } : line
                return column.split(separator: "`", omittingEmptySubsequences: false).enumerated()
                    .filter { $0.offset % 2 == 1 }.map { String($0.element) }
            }
        }

        /// The names of the parts, in order.
        var parts: [String] {
            lines.filter { $0.hasPrefix("- ") }.map { String($0.dropFirst(2).prefix { $0 != ":" }) }
        }
    }

    let text: String
    /// Those of errors, in order.
    let sections: [Section]
    /// What stands under "Lines without a number".
    let other: Section

    init() throws {
        text = try String(contentsOf: Repository.root.appending(path: "docs/errors.md"), encoding: .utf8)
        var sections: [Section] = []
        for chapter in text.components(separatedBy: "\n## ").dropFirst() {
            for section in chapter.components(separatedBy: "\n### ").dropFirst() {
                sections.append(Section(section))
            }
        }
        self.sections = sections
        other = Section(text.components(separatedBy: "\n## ").last { $0.hasPrefix("Lines without") } ?? "")
    }

    func section(_ name: String) -> Section? { sections.first { $0.name == name } }
}

extension ErrorsDocument.Section {
    fileprivate init(_ text: String) {
        let lines = text.split(separator: "\n")
        self.init(name: String(lines.first ?? ""), lines: Array(lines.dropFirst()))
    }
}

extension String {
    /// The parts of a text that stay the same, without what stands between them, if they are long enough to tell one text
    /// from another.
    func fragments(separator: String, longerThan length: Int) -> [String] {
        components(separatedBy: separator).map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " :;,.()[]\"'")) }
            .filter { $0.count > length }
    }
}

enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The sources with one of `extensions` below Sources.
    static func sources(_ extensions: Set<String>) -> [URL] {
        let all = FileManager.default.enumerator(at: root.appending(path: "Sources"), includingPropertiesForKeys: nil)
        return (all?.compactMap { $0 as? URL } ?? []).filter { extensions.contains($0.pathExtension) }
    }
}

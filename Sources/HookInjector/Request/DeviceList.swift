// SPDX-License-Identifier: Apache-2.0

package import Linux

/// The device list that somebody gave, taken apart and not yet read as GPUs or CDI devices: the words with a meaning of
/// their own, and the names.
package struct DeviceList: Hashable, Sendable {
    package enum Content: Hashable, Sendable {
        case all
        /// `none`: the driver without a GPU.
        case none
        /// In the order asked for, each once; never empty.
        case names([ByteString])
    }

    package var content: Content
    /// Whether `optional` is in the list: a GPU if there is one, and a start without one if there is none.
    package var isOptional: Bool

    /// Reads the elements of a list. Returns nil where they ask for nothing: there is none, or one is `void`.
    ///
    /// As in the original, the first of `all` and `none` decides. Unlike there, a name given twice is one device, and
    /// `none` never means all. `optional` is ours; the original takes `all,optional` for all.
    package init?(_ elements: [ByteString]) {
        guard Self.isMade(by: elements) else { return nil }
        isOptional = elements.contains("optional")
        if let keyword = elements.first(where: { $0 == "all" || $0 == "none" }) {
            content = keyword == "all" ? .all : .none
            return
        }
        var names: [ByteString] = []
        var seen: Set<ByteString> = []
        for name in elements where name != "optional" && seen.insert(name).inserted { names.append(name) }
        content = names.isEmpty ? .all : .names(names)
    }

    /// Whether `elements` ask for anything, good or bad.
    package static func isMade(by elements: [ByteString]) -> Bool {
        !elements.isEmpty && !elements.contains("void")
    }
}

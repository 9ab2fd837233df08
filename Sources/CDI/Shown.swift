// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// Texts of any length in errors of one line.
enum Shown {
    /// `text`, or its beginning and `...`.
    static func cut(_ text: String, to limit: Int) -> String {
        text.utf8.count <= limit ? text : String(decoding: text.utf8.prefix(limit - 3), as: UTF8.self) + "..."
    }

    /// A path, or `...` and its end, which says more than its beginning.
    static func path(_ path: ByteString, limit: Int = 64) -> String {
        let text = path.description
        return text.utf8.count <= limit ? text : "..." + String(decoding: text.utf8.suffix(limit - 3), as: UTF8.self)
    }

    /// Up to `limit` of `items` with commas, and how many more there are.
    static func list(_ items: [ByteString], limit: Int) -> String {
        let shown = items.prefix(limit).map { cut($0.description, to: 48) }.joined(separator: ", ")
        return items.count <= limit ? shown : shown + " and \(items.count - limit) more"
    }

    /// What errno says.
    static func words(for code: CInt) -> String { String(cString: strerror(code)) }

    /// Why a path is not trusted, without the command that the hint has.
    static func trust(_ error: TrustError) -> String {
        switch error.reason {
        case .relative: "\(path(error.path)) is not an absolute path"
        case .owner(let uid): "\(path(error.path)) is owned by uid \(uid)"
        case .writable(let mode):
            "\(path(error.path)) is writable by group or others (mode 0\(String(mode, radix: 8)))"
        case .system(let code): "\(path(error.path)): \(words(for: code))"
        }
    }
}

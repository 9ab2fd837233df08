// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux
internal import RuntimeCommand

extension CDIHook {
    /// `create-symlinks --link TARGET::LINK...`: symbolic links in the root. What is at the place of one and is a link or
    /// a file is replaced. Targets are not looked at: nobody follows them outside of the container.
    func createSymlinks() throws(Diagnostic) -> Report {
        var update = LoaderUpdate()
        for specification in flags.list(of: .link) {
            update.links.append(try link(specification))
        }
        if update.links.isEmpty { return Report() }
        return try Report(update.apply(to: try enterRoot()))
    }

    /// A link's path may be written without its slash in front, since the original appends it to the root's.
    private func link(_ specification: ByteString) throws(Diagnostic) -> SymbolicLink {
        let separator: ByteString = "::"
        guard let range = specification.range(of: separator), range.lowerBound > 0 else {
            throw invalid(.createSymlinks, "\"\(specification)\" is not TARGET::LINK")
        }
        let path = ByteString(specification.bytes[range.upperBound...])
        guard !path.isEmpty, path.range(of: separator) == nil else {
            throw invalid(.createSymlinks, "\"\(specification)\" is not TARGET::LINK")
        }
        return SymbolicLink(
            path: path.isAbsolutePath ? path : "/" + path,
            target: ByteString(specification.bytes[..<range.lowerBound]))
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An update as the arguments of the hook, so that the shim that writes them and the hook that reads them agree.
extension LoaderUpdate {
    /// The options, each to be followed by a value:
    ///
    ///     --library CLASS:SONAME:PATH    CLASS is native or compat32
    ///     --link TARGET::PATH            as upstream's create-symlinks has it
    package static let libraryOption: ByteString = "--library"
    package static let linkOption: ByteString = "--link"

    /// In the order of `libraries` and `links`.
    package var arguments: [ByteString] {
        var arguments: [ByteString] = []
        for library in libraries {
            arguments += [Self.libraryOption, library.libraryClass.name + ":" + library.soname + ":" + library.path]
        }
        for link in links { arguments += [Self.linkOption, link.target + "::" + link.path] }
        return arguments
    }

    /// Takes the value of one `--library`. Nothing but the last part could have a colon.
    package mutating func addLibrary(parsing value: ByteString) throws(InvalidArgument) {
        let colon = UInt8(ascii: ":")
        guard let first = value.bytes.firstIndex(of: colon),
            let second = value.bytes[(first + 1)...].firstIndex(of: colon),
            let libraryClass = DriverFile.LibraryClass(named: ByteString(value.bytes[..<first]))
        else {
            throw InvalidArgument("\"\(value)\" is not CLASS:SONAME:PATH")
        }
        libraries.append(
            try Library(
                libraryClass: libraryClass, soname: ByteString(value.bytes[(first + 1)..<second]),
                path: ByteString(value.bytes[(second + 1)...])))
    }

    /// Takes the value of one `--link`. The text of the link is not checked: it may dangle and lead anywhere, as nobody
    /// follows it outside of the container.
    package mutating func addLink(parsing value: ByteString) throws(InvalidArgument) {
        guard let separator = value.range(of: "::"), separator.lowerBound > 0 else {
            throw InvalidArgument("\"\(value)\" is not TARGET::PATH")
        }
        let link = SymbolicLink(
            path: ByteString(value.bytes[separator.upperBound...]),
            target: ByteString(value.bytes[..<separator.lowerBound]))
        guard link.path.isAbsolutePath else {
            throw InvalidArgument("\"\(value)\" is not TARGET::PATH with an absolute PATH")
        }
        links.append(link)
    }
}

extension DriverFile.LibraryClass {
    fileprivate var name: ByteString {
        switch self {
        case .native: "native"
        case .compat32: "compat32"
        }
    }

    fileprivate init?(named name: ByteString) {
        switch name {
        case "native": self = .native
        case "compat32": self = .compat32
        default: return nil
        }
    }
}

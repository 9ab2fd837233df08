// SPDX-License-Identifier: Apache-2.0

package import Linux

/// An update as the arguments of the hook, so that the shim that writes them and the hook that reads them agree.
extension LoaderUpdate {
    /// The options, each to be followed by a value:
    ///
    ///     --library CLASS:SONAME:PATH    CLASS is native or compat32
    ///     --link TARGET::PATH            as upstream's create-symlinks has it
    ///     --cuda-compat-root PATH        where the image has its compat libraries; the decision on them is asked for
    ///     --cuda-compat-driver VERSION   the version of the host's driver
    ///     --cuda-compat-cuda VERSION     the CUDA version of the host's driver
    package static let options: [ByteString] = [
        libraryOption, linkOption, compatibilityRootOption, compatibilityDriverOption, compatibilityCUDAOption,
    ]
    private static let libraryOption: ByteString = "--library"
    private static let linkOption: ByteString = "--link"
    private static let compatibilityRootOption: ByteString = "--cuda-compat-root"
    private static let compatibilityDriverOption: ByteString = "--cuda-compat-driver"
    private static let compatibilityCUDAOption: ByteString = "--cuda-compat-cuda"

    /// In the order of `libraries` and `links`.
    package var arguments: [ByteString] {
        var arguments: [ByteString] = []
        arguments.reserveCapacity(2 * (libraries.count + links.count + 1))
        let colon: ByteString = ":"
        for library in libraries {
            arguments.append(Self.libraryOption)
            arguments.append(library.libraryClass.name + colon + library.soname + colon + library.path)
        }
        let colons: ByteString = "::"
        for link in links {
            arguments.append(Self.linkOption)
            arguments.append(link.target + colons + link.path)
        }
        if let forwardCompatibility {
            arguments += [Self.compatibilityRootOption, forwardCompatibility.directory]
            if let version = forwardCompatibility.driverVersion {
                arguments += [Self.compatibilityDriverOption, version.text]
            }
            if let version = forwardCompatibility.cudaVersion {
                arguments += [Self.compatibilityCUDAOption, version.text]
            }
        }
        return arguments
    }

    /// Takes one option of `options` and its value.
    package mutating func take(_ option: ByteString, _ value: ByteString) throws(InvalidArgument) {
        switch option {
        case Self.libraryOption: try addLibrary(parsing: value)
        case Self.linkOption: try addLink(parsing: value)
        case Self.compatibilityRootOption:
            forwardCompatibility = try ForwardCompatibility(
                driverVersion: forwardCompatibility?.driverVersion, cudaVersion: forwardCompatibility?.cudaVersion,
                directory: value)
        case Self.compatibilityDriverOption:
            forwardCompatibility = try ForwardCompatibility(
                driverVersion: try Self.version(value), cudaVersion: forwardCompatibility?.cudaVersion,
                directory: forwardCompatibility?.directory ?? ForwardCompatibility.defaultDirectory)
        case Self.compatibilityCUDAOption:
            forwardCompatibility = try ForwardCompatibility(
                driverVersion: forwardCompatibility?.driverVersion, cudaVersion: try Self.version(value),
                directory: forwardCompatibility?.directory ?? ForwardCompatibility.defaultDirectory)
        default: throw InvalidArgument("unknown option \"\(option)\"")
        }
    }

    private static func version(_ text: ByteString) throws(InvalidArgument) -> DottedVersion {
        guard let version = DottedVersion(text) else { throw InvalidArgument("\"\(text)\" is no version") }
        return version
    }

    /// Takes the value of one `--library`. Nothing but the last part could have a colon.
    private mutating func addLibrary(parsing value: ByteString) throws(InvalidArgument) {
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
    private mutating func addLink(parsing value: ByteString) throws(InvalidArgument) {
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

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// The compat libraries that a container's root has, and what is done with them.
struct CompatibilityLibraries {
    private typealias Unusable = CompatibilityListing.Unusable

    let decision: ForwardCompatibility.Decision
    /// What the loader is to find before the driver's; none where they are not used.
    let libraries: [LoaderUpdate.Library]
    /// Links beside those that `libraries` need.
    let links: [SymbolicLink]
    /// What the loader's cache must not lead to; nil where the libraries are used or there is no directory of them.
    let unused: CompatibilityListing?

    private static let main: ByteString = "libcuda.so.1"

    /// Libraries that are used.
    private init(
        _ decision: ForwardCompatibility.Decision, libraries: [LoaderUpdate.Library], links: [SymbolicLink]
    ) {
        self.decision = decision
        self.libraries = libraries
        self.links = links
        unused = nil
    }

    /// Libraries that are not used, or not looked for.
    init(_ decision: ForwardCompatibility.Decision, unused: CompatibilityListing? = nil) {
        self.decision = decision
        libraries = []
        links = []
        self.unused = unused
    }

    /// Looks for the libraries in `root` and decides. Where they are used, the SONAME of each is a file or a link beside
    /// it when this returns, as ldconfig would make it.
    ///
    /// `linkNames` are the names of the driver's links: a `libcuda.so` that stayed the driver's would bring a second
    /// libcuda into a program.
    init(of request: ForwardCompatibility, linkNames: [ByteString], in root: borrowing RootDirectory) {
        do throws(Unusable) {
            let listing = try CompatibilityListing(of: request.directory, in: root)
            do throws(Unusable) {
                self = try Self.decide(request, on: listing, linkNames: linkNames, in: root)
            } catch {
                self.init(.no(error.reason), unused: listing)
            }
        } catch {
            self.init(.no(error.reason))
        }
    }

    private static func decide(
        _ request: ForwardCompatibility, on listing: CompatibilityListing, linkNames: [ByteString],
        in root: borrowing RootDirectory
    ) throws(Unusable) -> CompatibilityLibraries {
        let libcuda = try listing.libcuda(in: root)
        let decision = decide(request, on: libcuda)
        guard decision.isUsed else { return CompatibilityLibraries(decision, unused: listing) }
        let libraries = try libraries(of: listing, version: libcuda.version, in: root)
        let links = libraries.compactMap { link(for: $0, names: listing.names + linkNames) }
        do throws(LinuxError) {
            for link in libraries.compactMap(\.link) + links {
                try root.replaceLink(at: link.path, target: link.target)
            }
        } catch {
            throw Unusable("\(error)")
        }
        return CompatibilityLibraries(decision, libraries: libraries, links: links)
    }

    private static func decide(
        _ request: ForwardCompatibility, on libcuda: borrowing CompatibilityLibrary.File
    ) -> ForwardCompatibility.Decision {
        do throws(CompatibilityNote.Malformed) {
            let note = try CompatibilityNote(reading: libcuda.descriptor)
            return request.decide(libraryVersion: libcuda.version, note: note)
        } catch {
            return request.decide(libraryVersion: libcuda.version, note: nil).adding("its note is not read: \(error)")
        }
    }

    /// The libraries that belong to the libcuda of `version`, each SONAME once: the file that has it as its name, or the
    /// first.
    private static func libraries(
        of listing: CompatibilityListing, version: ByteString, in root: borrowing RootDirectory
    ) throws(Unusable) -> [LoaderUpdate.Library] {
        var libraries: [LoaderUpdate.Library] = []
        for name in listing.names where CompatibilityLibrary.belongs(name, toVersion: version) {
            guard let soname = listing.soname(of: name, in: root),
                CompatibilityLibrary.belongs(soname, toVersion: version)
            else { continue }
            let library: LoaderUpdate.Library
            do throws(LoaderUpdate.InvalidArgument) {
                library = try LoaderUpdate.Library(
                    libraryClass: .native, soname: soname, path: listing.path.appending(component: name))
            } catch {
                continue
            }
            if let known = libraries.firstIndex(where: { $0.soname == soname }) {
                if library.link == nil { libraries[known] = library }
            } else {
                libraries.append(library)
            }
        }
        guard libraries.contains(where: { $0.soname == main }) else {
            throw Unusable("\(listing.path) has no \(main) for this machine")
        }
        return libraries
    }

    private static func link(for library: LoaderUpdate.Library, names: [ByteString]) -> SymbolicLink? {
        guard let name = CompatibilityLibrary.linkName(ofSoname: library.soname), name != library.soname,
            names.contains(name)
        else { return nil }
        return SymbolicLink(path: library.directory.appending(component: name), target: library.soname)
    }
}

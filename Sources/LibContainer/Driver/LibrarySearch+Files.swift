// SPDX-License-Identifier: Apache-2.0

internal import Linux

extension LibrarySearch {
    /// Reads the file at `path` and offers it to the one of the slots that is of its architecture.
    mutating func takeFile(
        at path: ByteString, foundIn place: ByteString, slots range: Range<Int>, in root: borrowing DriverRoot
    ) {
        guard let first = range.first else { return }
        let library: ELFFile
        let location: DriverRoot.Location
        do throws(DriverRoot.Refusal) {
            let file = try root.file(at: path)
            location = file.location
            library = try Self.library(file, in: root)
        } catch {
            if case .refused(let reason) = error { slots[first].note(.refused(reason)) }
            return
        }
        guard let libraryClass = DriverFile.LibraryClass(library) else { return }
        for index in range where slots[index].libraryClass == libraryClass && !slots[index].isFilled {
            offer(location, foundIn: place, slot: index, soname: usableSONAME(of: library, slot: index, at: location))
        }
    }

    /// Takes the file at `location` for a slot if its own name, with no link to follow any more, is right for it.
    mutating func offer(_ location: DriverRoot.Location, foundIn place: ByteString, slot index: Int, soname: ByteString)
    {
        let name = location.hostPath.lastPathComponent
        switch slots[index].component.judge(fileName: name, version: version) {
        case .accepted:
            slots[index].file = DriverFile(
                kind: .library(slots[index].libraryClass), hostPath: location.hostPath,
                containerPath: location.pathInRoot, soname: soname, capability: slots[index].capability,
                foundIn: place)
        case .otherVersion(let other): slots[index].note(.versionMismatch(path: location.hostPath, version: other))
        case .foreign: slots[index].note(.refused("\(location.hostPath) is not named as a library of the driver"))
        }
    }

    /// Reads the file that was found, whatever is at its path by now.
    static func library(
        _ file: borrowing DriverRoot.File, in root: borrowing DriverRoot
    ) throws(DriverRoot.Refusal) -> ELFFile {
        let descriptor: FileDescriptor
        do throws(LinuxError) { descriptor = try root.reopen(file) } catch { throw .refused(error.description) }
        do throws(ELFFile.Failure) {
            return try ELFFile(reading: descriptor)
        } catch {
            throw .refused("\(file.location.hostPath): \(error)")
        }
    }

    /// The SONAME if it is one that this library can have; else the file's own name, since the loader asks for no other.
    private func usableSONAME(of library: ELFFile, slot: Int, at location: DriverRoot.Location) -> ByteString {
        if let soname = library.soname, slots(forName: soname).contains(slot) { return soname }
        return location.hostPath.lastPathComponent
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Linux

/// One search for devices through the directories, from the one that takes precedence to the one that gives way.
struct CDISearch {
    /// What was found for a device, in the first directory that has it.
    private enum Finding {
        case nothing
        case found(CDISpecification)
        case conflict(ByteString, ByteString)
    }

    private let names: [CDIQualifiedName]
    private var findings: [Finding]
    /// Files that define one of the kinds, for the names of what they do define.
    private var specifications: [CDISpecification] = []
    private var directories: [CDIDirectoryReport] = []
    /// Files that can't be used, with the kinds that they name; none where that is not known.
    private var broken: [(kinds: [CDIKind], problem: CDIProblem)] = []

    /// `names` without duplicates.
    init(for names: [CDIQualifiedName]) {
        self.names = names
        findings = Array(repeating: .nothing, count: names.count)
    }

    /// Whether no directory can add anything. A conflict stays one: a directory that gives way does not heal it.
    var isComplete: Bool { missing.isEmpty }

    /// Files and directories that were left out.
    var problems: [CDIProblem] { broken.map(\.problem) }

    /// The numbers of the devices for which nothing was found.
    private var missing: [Int] {
        findings.indices.filter {
            if case .nothing = findings[$0] { true } else { false }
        }
    }

    /// Looks for what is missing in the directory at `path`.
    mutating func read(_ path: ByteString) {
        let wanted = missing
        var kinds: [CDIKind] = []
        for number in wanted where !kinds.contains(names[number].kind) { kinds.append(names[number].kind) }
        do throws(CDIProblem) {
            guard let directory = try CDIDirectory(opening: path) else {
                directories.append(CDIDirectoryReport(path: path, files: nil))
                return
            }
            directories.append(CDIDirectoryReport(path: path, files: directory.names.count))
            for name in directory.names { read(name, in: directory, for: wanted, kinds) }
        } catch {
            directories.append(CDIDirectoryReport(path: path, files: nil))
            broken.append((kinds: [], problem: error))
        }
    }

    /// Again, up to `attempts` times, where a new file takes the place of the one that is read: who writes it anew by a
    /// rename, as the CDI library does, must not fail the containers that start meanwhile.
    private mutating func read(
        _ name: ByteString, in directory: borrowing CDIDirectory, for wanted: [Int], _ kinds: [CDIKind],
        attempts: Int = 16
    ) {
        let path = directory.path(of: name)
        let content: CDIDirectory.Content
        do throws(CDIProblem) {
            guard let found = try directory.content(of: name) else { return }
            content = found
        } catch {
            broken.append((kinds: [], problem: error))
            return
        }
        guard CDIDirectory.mayDefine(kinds, content.text), let format = CDISpecification.Format(fileName: name)
        else { return }
        do throws(CDIProblem) {
            try directory.requireTrusted(name, content)
            let specification = try CDISpecification(content.text, format, path)
            guard kinds.contains(specification.kind) else { return }
            specifications.append(specification)
            for number in wanted where specification.defines(names[number]) { note(specification, for: number) }
        } catch {
            if error == .replaced(path), attempts > 1 {
                return read(name, in: directory, for: wanted, kinds, attempts: attempts - 1)
            }
            let named = kinds.filter { CDIDirectory.mayDefine([$0], content.text) }
            broken.append((kinds: named, problem: error))
        }
    }

    private mutating func note(_ specification: CDISpecification, for number: Int) {
        switch findings[number] {
        case .nothing: findings[number] = .found(specification)
        case .found(let other): findings[number] = .conflict(other.file, specification.file)
        case .conflict: break
        }
    }

    /// The devices with the files that define them, in the order of the request. Throws where one has none.
    func results() throws(CDIError) -> [(name: CDIQualifiedName, specification: CDISpecification)] {
        var results: [(name: CDIQualifiedName, specification: CDISpecification)] = []
        var unresolved: [CDIUnresolvedDevice] = []
        for (name, finding) in zip(names, findings) {
            switch finding {
            case .found(let specification): results.append((name, specification))
            case .nothing: unresolved.append(CDIUnresolvedDevice(name: name, cause: cause(for: name)))
            case .conflict(let one, let other):
                unresolved.append(CDIUnresolvedDevice(name: name, cause: .conflict(one, other)))
            }
        }
        guard unresolved.isEmpty else { throw .unresolvable(unresolved) }
        return results
    }

    /// Why nothing was found: the likeliest of the possible causes.
    private func cause(for name: CDIQualifiedName) -> CDIUnresolvedDevice.Cause {
        if let file = broken.first(where: { $0.kinds.contains(name.kind) }) { return .brokenFile(file.problem) }
        let files = specifications.filter { $0.kind == name.kind }
        guard files.isEmpty else {
            var names: [ByteString] = []
            for file in files { names += file.deviceNames.filter { !names.contains($0) } }
            return .unknownDevice(name, files: files.map(\.file), nearest: NearestNames.of(name.name, in: names))
        }
        if let unread = broken.first(where: \.kinds.isEmpty) { return .brokenFile(unread.problem) }
        return .unknownKind(name.kind, directories: directories)
    }
}

extension CDISpecification {
    /// Throws what is wrong with the file as a problem of it.
    fileprivate convenience init(_ text: [UInt8], _ format: Format, _ file: ByteString) throws(CDIProblem) {
        do throws(CDIError) {
            try self.init(parsing: text, format: format, file: file)
        } catch {
            throw CDIProblem(file: file, error.reasonAboutFile)
        }
    }
}

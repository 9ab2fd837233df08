// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Linux

/// Replacing the file.
extension SpecFile {
    /// Makes `text` the content of config.json, at once for every reader: until then it has the old content, whatever
    /// fails or whoever is killed. Owner, group, mode, SELinux label and access list stay those of the old file, and
    /// the new one is never readable by more users, not even before it has its name.
    ///
    /// Throws `changedMeanwhile` where someone else wrote or replaced the file after it was opened, and where this
    /// function did: it is for one call.
    ///
    /// There is no fsync(2): it would wait for the disk on every start of a container, and what it protects against is
    /// the machine going down, after which the engine makes a new bundle. Bundles are on a tmpfs mostly.
    package func replace(with text: [UInt8]) throws(SpecError) {
        TemporaryFile.removeLeftovers(in: directory)
        var temporary = try prepare(text)
        // The last thing before the rename: what comes in between can't be seen.
        try requireUnchanged()
        try Self.calling(path) { () throws(LinuxError) in try temporary.rename(to: Self.name) }
    }

    /// A file with `text` and all that the old file has besides its content.
    private func prepare(_ text: [UInt8]) throws(SpecError) -> TemporaryFile {
        try Self.calling(path) { () throws(LinuxError) in
            try requireFileSizeLimit(allows: text.count)
            let temporary = try TemporaryFile(in: directory)
            try temporary.descriptor.write(text)
            try temporary.takeOwner(of: status)
            // The access list before the mode: alone, the mode's group bits would give the group what the list allows
            // at most to anyone.
            for attribute in ["security.selinux", "system.posix_acl_access"] as [ByteString] {
                if let value = try file.extendedAttribute(attribute),
                    try temporary.descriptor.extendedAttribute(attribute) != value
                {
                    try temporary.descriptor.setExtendedAttribute(attribute, to: value)
                }
            }
            // Last, since fchown(2) takes set-id bits away.
            _ = try retryingOnInterrupt("change mode") { fchmod(temporary.descriptor.number, status.permissions) }
            return temporary
        }
    }

    /// A write beyond RLIMIT_FSIZE raises SIGXFSZ, which would kill us with the temporary file left; so ask first.
    private func requireFileSizeLimit(allows count: Int) throws(LinuxError) {
        var limit = rlimit()
        _ = try retryingOnInterrupt("read file size limit") {
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
        }
        if UInt64(count) > limit.rlim_cur { throw LinuxError("write temporary file", code: EFBIG) }
    }

    private func requireUnchanged() throws(SpecError) {
        let current = try? FileStatus.of(Self.name, relativeTo: directory.number, followLinks: false)
        guard let current, current.device == status.device, current.inode == status.inode,
            current.size == status.size, current.modified == status.modified, current.changed == status.changed
        else { throw SpecError(.changedMeanwhile, in: path, "was changed by someone else while it was being edited") }
    }
}

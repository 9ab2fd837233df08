// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import LibContainer
internal import Linux
internal import RuntimeCommand

extension CDIHook {
    /// `update-ldcache --folder FOLDER... [--ldconfig-path PATH]`: the libraries of the folders in the loader's cache. The
    /// path of an ldconfig counts for nothing, since the cache is written by us.
    func updateLDCache() throws(Diagnostic) -> Report {
        let update: FolderUpdate
        do throws(LoaderUpdate.InvalidArgument) {
            update = try FolderUpdate(flags.list(of: .folder).filter { !$0.isEmpty })
        } catch {
            throw invalid(.updateLDCache, error.description)
        }
        return try Report(update.apply(to: try enterRoot()))
    }
}

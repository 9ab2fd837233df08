// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import LibContainer

extension Diagnostic {
    /// What the driver side says.
    package init(_ error: DriverError) { self.init(error.id, error.description, hint: error.hint) }
}

extension DriverError {
    fileprivate var id: ErrorID {
        switch self {
        case .moduleNotLoaded: .moduleNotLoaded
        case .unreadable: .kernelFilesUnreadable
        case .malformed: .kernelFileMalformed
        case .rootUnusable, .rootIsHost: .driverRootUnusable
        case .unsuitableNode: .deviceNodeUnsuitable
        case .missingNode, .missingCapability: .deviceNodeMissing
        case .partitionsChanging: .partitionsChanging
        case .missingChannel: .imexChannelNotFound
        case .channelOutOfRange: .imexChannelMalformed
        case .versionMismatch: .driverVersionMismatch
        case .libraryNotFound: .driverLibraryNotFound
        case .libraryRefused: .driverLibraryRefused
        }
    }
}

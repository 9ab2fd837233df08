// SPDX-License-Identifier: Apache-2.0

/// The stable name of an error that a user can see, such as `NVR1204`: the first word of the message, and a section of
/// docs/errors.md. A number is never used again for something else.
package enum ErrorID: UInt16, CaseIterable, Sendable {
    // 10xx: the runtime itself and the low-level runtime.
    case secureExecution = 1001
    case lowLevelRuntimeNotFound = 1002
    case lowLevelRuntimeNotExecuted = 1003
    case hookNotFound = 1004
    case hookNotTrusted = 1005

    // 11xx: config.json and config.toml.
    case specName = 1101
    case specUnreadable = 1102
    case specMalformed = 1103
    case specInvalid = 1104
    case specNotWritten = 1105
    case settingsInvalid = 1151
    case settingsCapabilities = 1152

    // 12xx: what the container asks for.
    case deviceNameMalformed = 1201
    case capabilityUnknown = 1202
    case capabilityNotSupported = 1203
    case gpuNotFound = 1204
    case noGPU = 1205
    case gpuUnusable = 1206
    case uuidAmbiguous = 1207
    case migDeviceNotFound = 1208
    case migUUIDNotResolved = 1209
    case imexChannelMalformed = 1210
    case imexChannelNotFound = 1211
    case migAccessNotPrivileged = 1212
    case mixedDeviceNames = 1213

    // 13xx: what the image requires of the node.
    case requirementNotMet = 1301
    case requirementMalformed = 1302

    // 14xx: the driver.
    case moduleNotLoaded = 1401
    case kernelFilesUnreadable = 1402
    case kernelFileMalformed = 1403
    case driverRootUnusable = 1404
    case deviceNodeUnsuitable = 1405
    case deviceNodeMissing = 1406
    case driverVersionMismatch = 1407
    case driverLibraryNotFound = 1408
    case driverLibraryRefused = 1409
    case driverIncomplete = 1410
    case partitionsChanging = 1411

    // 15xx: CDI.
    case cdiDeviceNotResolved = 1501
    case cdiEditRefused = 1502
    case cdiDeviceNode = 1503

    // 16xx: platforms.
    case tegraUnusable = 1601
    case wslUnusable = 1602

    // 17xx: the administrator's policy.
    case channelNotAllowed = 1701
    case tooManyGPUs = 1702
    case capabilityNotAllowed = 1703

    // 18xx: the hook, inside the container.
    case hookUsage = 1801
    case hookStateUnreadable = 1802
    case hookRootUnusable = 1803
    case hookSandbox = 1804
    case hookUpdateFailed = 1805
    // Before Swift: Sources/CSeal, Sources/CHookStart.
    case programNotSealed = 1806
    case hookTimeLimit = 1807
    case containerUnreachable = 1811
    case setupFailed = 1812
    case setupNotPossible = 1813
    case cgroupNotChanged = 1821
    case cdiHookUsage = 1831
    case driverParametersNotHidden = 1832
    case modeNotChanged = 1833
    case applicationProfileNotWritten = 1834

    /// Whether the error says that this node can't give what is asked for, so that a container that asks softly starts
    /// without it. A request that makes no sense, a policy that forbids it and a broken configuration are errors on
    /// every node.
    package var isAboutNode: Bool {
        switch rawValue {
        case 1204...1209, 1211, 1301, 1400...1499, 1501, 1503, 1600...1699: true
        default: false
        }
    }
}

extension ErrorID: CustomStringConvertible {
    /// `NVR1204`
    package var description: String { "NVR\(rawValue)" }
}

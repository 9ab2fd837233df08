// SPDX-License-Identifier: Apache-2.0

package import Linux

/// `intelRdt`: the container's resctrl group (runtime-spec, config-linux.md, "IntelRdt"). It replaces what the container
/// has, as a whole.
package struct CDIIntelRDT: Hashable, Sendable {
    /// Empty where the file has none, like the other texts.
    package var closID: ByteString = ""
    package var l3CacheSchema: ByteString = ""
    package var memBwSchema: ByteString = ""
    package var schemata: [ByteString] = []
    package var enableMonitoring = false
    /// In CDI before 1.1.0, like `enableMBM`.
    package var enableCMT = false
    package var enableMBM = false

    package init() {}
}

// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import OCISpec

extension Diagnostic {
    /// What is wrong with a config.json, or with writing it.
    package init(_ error: SpecError, whileWriting: Bool = false) {
        let id: ErrorID =
            switch error.code {
            case .malformed, .ambiguous, .tooLarge: .specMalformed
            case .wrongType, .outOfRange, .invalid: .specInvalid
            case .refusedFile, .system: whileWriting ? .specNotWritten : .specUnreadable
            case .changedMeanwhile: .specNotWritten
            }
        self.init(id, error.description)
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Diagnostics
package import LibContainer

extension LoaderUpdate.Outcome {
    /// The first failure, and how many there are; nil where all that was asked for is there.
    package var failure: Diagnostic? {
        guard let first = failures.first else { return nil }
        let more = failures.count - 1
        return Diagnostic(.hookUpdateFailed, more == 0 ? first : "\(first) (and \(more) more)")
    }
}

// SPDX-License-Identifier: Apache-2.0

package import Linux

/// Writes values that we add to a document, as compact JSON with commas between them.
///
/// They go straight into the text: trees of values, json-c's or ours, for a hundred mounts took longer than the search for
/// them. Only a string that needs escapes is json-c's work.
package struct JSONWriter {
    /// For the error.
    private let file: ByteString
    private var text: [UInt8] = []
    /// Of a string that JSON can't carry; the first one.
    private var failure: SpecError?
    private var needsComma = false
    /// Members of objects, so far.
    private(set) var memberCount = 0

    /// `capacity` is what the text will have about, in bytes. Where it `continuesList`, a comma comes first.
    package init(file: ByteString, capacity: Int = 0, continuesList: Bool = false) {
        self.file = file
        needsComma = continuesList
        text.reserveCapacity(capacity)
    }

    /// What was written. Throws where that has a string with NUL or one that is not UTF-8.
    package consuming func finished() throws(SpecError) -> [UInt8] {
        if let failure { throw failure }
        return text
    }

    package mutating func string(_ string: ByteString) {
        separate()
        if JSONText.isPlain(string.bytes) {
            text.append(UInt8(ascii: "\""))
            text += string.bytes
            text.append(UInt8(ascii: "\""))
            return
        }
        do throws(SpecError) {
            try JSONCodec.append(string, to: &text, file: file)
        } catch {
            if failure == nil { failure = error }
        }
    }

    package mutating func null() {
        separate()
        append("null")
    }

    package mutating func integer(_ integer: Int64) {
        separate()
        text += String(integer).utf8
    }

    mutating func boolean(_ boolean: Bool) {
        separate()
        append(boolean ? "true" : "false")
    }

    /// An object with the members that `body` writes.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        separate()
        text.append(UInt8(ascii: "{"))
        needsComma = false
        body(&self)
        text.append(UInt8(ascii: "}"))
        needsComma = true
    }

    /// An array of the elements that `body` writes.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        separate()
        text.append(UInt8(ascii: "["))
        needsComma = false
        body(&self)
        text.append(UInt8(ascii: "]"))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { text.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func append(_ string: StaticString) {
        string.withUTF8Buffer { text += $0 }
    }
}

/// Members of an object. Static names are plain ASCII.
extension JSONWriter {
    package mutating func member(_ name: StaticString, _ value: ByteString) {
        self.name(name)
        string(value)
    }

    package mutating func member(_ name: StaticString, _ value: Int64) {
        self.name(name)
        integer(value)
    }

    mutating func member(_ name: StaticString, _ value: Bool) {
        self.name(name)
        boolean(value)
    }

    /// Nothing for an empty string: Go's `omitempty`.
    mutating func member(_ name: StaticString, ifPresent value: ByteString) {
        if !value.isEmpty { member(name, value) }
    }

    /// Nothing for an empty list: Go's `omitempty`.
    mutating func member(_ name: StaticString, ifPresent value: [ByteString]) {
        if value.isEmpty { return }
        self.name(name)
        array { for string in value { $0.string(string) } }
    }

    /// Nothing for nil: Go's `omitempty`.
    mutating func member(_ name: StaticString, ifPresent value: Int64?) {
        if let value { member(name, value) }
    }

    /// A member of a map, whose name may be anything; `value` writes what it is.
    package mutating func member(_ name: ByteString, _ value: (inout JSONWriter) -> Void) {
        string(name)
        text.append(UInt8(ascii: ":"))
        needsComma = false
        value(&self)
        memberCount += 1
    }

    private mutating func name(_ name: StaticString) {
        separate()
        text.append(UInt8(ascii: "\""))
        append(name)
        text.append(UInt8(ascii: "\""))
        text.append(UInt8(ascii: ":"))
        needsComma = false
        memberCount += 1
    }
}

// SPDX-License-Identifier: Apache-2.0

internal import Diagnostics
internal import HookInjector
internal import LibContainer
internal import Linux

/// The values of `--device`, in libnvidia-container's grammar (src/cli/common.c): a list separated by commas, in which
/// empty elements don't count and everything behind `all` does not either.
struct DeviceArgument {
    private var elements: [ByteString] = []

    func adding(_ value: ByteString) -> DeviceArgument {
        var list = self
        list.elements += value.split(separator: UInt8(ascii: ",")).filter { !$0.isEmpty && !elements.contains($0) }
        return list
    }

    /// The devices as the list names them, each with its selection. `all` is one of them.
    func selections() throws(Failure) -> [(name: ByteString, selection: DeviceSelection)] {
        var selections: [(ByteString, DeviceSelection)] = []
        for element in elements {
            if element.lowercased == "all" {
                selections.append((element, .all))
                break
            }
            guard let identifier = Self.identifier(element) else {
                throw .unknownDevice(
                    element, .deviceNameMalformed,
                    hint: "give an index, a whole UUID, a PCI bus address, GPU:MIG or MIG-...")
            }
            selections.append((element, .devices([identifier])))
        }
        return selections
    }

    /// All of them in one; none is the driver alone.
    func selection() throws(Failure) -> DeviceSelection {
        var identifiers: [DeviceIdentifier] = []
        for (_, selection) in try selections() {
            switch selection {
            case .all: return .all
            case .devices(let devices): identifiers += devices.filter { !identifiers.contains($0) }
            case .driverOnly: break
            }
        }
        return identifiers.isEmpty ? .driverOnly : .devices(identifiers)
    }

    /// `diagnostic`, which came of the whole list. One about an unknown device is told in libnvidia-container's words, with
    /// the element that `find` does not know either.
    func failure(
        _ diagnostic: Diagnostic, find: (DeviceSelection) throws(Diagnostic) -> Void
    ) throws(Failure) -> Failure {
        guard diagnostic.id.isAboutUnknownDevice else { return Failure(diagnostic) }
        for (name, selection) in try selections() {
            do throws(Diagnostic) {
                try find(selection)
            } catch {
                if error.id.isAboutUnknownDevice { return .unknownDevice(name, error.id, hint: error.hint) }
            }
        }
        return Failure(diagnostic)
    }

    /// The GPUs that the list names among `known`, where there is no MIG.
    func gpus(among known: [GPU]) throws(Failure) -> [GPU] {
        var found: [GPU] = []
        for (name, selection) in try selections() {
            guard case .devices(let identifiers) = selection else { return known }
            let matching = known.filter { gpu in
                identifiers.contains(.index(gpu.index)) || identifiers.contains(.uuid(gpu.uuid))
                    || identifiers.contains(.busID(gpu.busID))
            }
            guard !matching.isEmpty else {
                let all = known.map { "\($0.index)" }.joined(separator: ", ")
                throw .unknownDevice(name, .gpuNotFound, hint: "it has \(all)")
            }
            found += matching.filter { !found.contains($0) }
        }
        return found
    }

    /// Fails where `controls`, which are over whole GPUs, are asked for beside MIG devices by their names.
    func check(_ controls: [MIGControl]) throws(Failure) {
        guard let control = controls.first, namesMIGDevices, try selection() != .all else { return }
        throw Failure(
            control.area, "all: cannot enable \(control.option) with specific MIG devices selected",
            hint: "ask for the GPU")
    }

    private var namesMIGDevices: Bool {
        elements.contains { element in
            switch Self.identifier(element) {
            case .migIndex, .migUUID, .migInstance: true
            default: false
            }
        }
    }

    /// A UUID counts as a whole only, in any case; a bus address may lack leading zeros.
    private static func identifier(_ text: ByteString) -> DeviceIdentifier? {
        let text = busAddress(text) ?? text.canonicalUUID ?? text
        do throws(Diagnostic) {
            let identifier = try DeviceIdentifier(parsing: text)
            switch identifier {
            case .uuid(let uuid), .migUUID(let uuid): return uuid.count == wholeUUIDLength ? identifier : nil
            default: return identifier
            }
        } catch {
            return nil
        }
    }

    /// `GPU-` or `MIG-` and 36 characters.
    private static let wholeUUIDLength = 40

    /// `1:7:0` and `00000001:07:00.0` as `0001:07:00.0`; nil for what is none.
    private static func busAddress(_ text: ByteString) -> ByteString? {
        let parts = text.split(separator: UInt8(ascii: ":"))
        guard parts.count == 3 else { return nil }
        let device = parts[2].hasSuffix(".0") ? ByteString(parts[2].bytes.dropLast(2)) : parts[2]
        func padded(_ part: ByteString, _ digits: Int) -> ByteString? {
            guard !part.isEmpty, part.count <= 8 else { return nil }
            let zeros = [UInt8](repeating: UInt8(ascii: "0"), count: max(0, digits - part.count))
            return ByteString(zeros + part.lowercased.bytes)
        }
        guard let domain = padded(parts[0], 4), let bus = padded(parts[1], 2), let device = padded(device, 2) else {
            return nil
        }
        let colon: ByteString = ":"
        return domain + colon + bus + colon + device + ".0"
    }
}

extension ByteString {
    /// With `GPU-` or `MIG-` in capital letters, if it starts so in any; nil for other texts.
    fileprivate var canonicalUUID: ByteString? {
        let kinds: [(start: ByteString, canonical: ByteString)] = [
            ("mig-gpu-", "MIG-GPU-"), ("gpu-", "GPU-"), ("mig-", "MIG-"),
        ]
        for kind in kinds where lowercased.hasPrefix(kind.start) {
            return kind.canonical + ByteString(bytes.dropFirst(kind.start.count))
        }
        return nil
    }
}

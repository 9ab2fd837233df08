// SPDX-License-Identifier: Apache-2.0

import LibContainer
import Linux
import Testing

@testable import HookInjector

/// Random requirements and hosts: the laws of the language, and never a trap.
@Suite struct RequirementPropertyTests {
    private struct Host {
        var driver: ByteString
        var cuda: Fact<CUDAVersion>
        var gpus: Fact<[GPUFacts]>?

        func meets(_ value: String) throws -> Bool {
            let host = RecordingHost(driver: driver, cuda: cuda, gpus: gpus)
            do {
                try RequirementList(environment: [ByteString("NVIDIA_REQUIRE_X=\(value)")]).check(host.facts)
                return true
            } catch RequirementError.unsatisfied {
                return false
            }
        }
    }

    @Test("parsing bytes never traps, and what is read can be read again")
    func bytes() {
        var generator = Generator(state: 1)
        let alphabet = Array("cudarivbnh019.<>=!, v\0\u{E9}".utf8)
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0..<24, using: &generator)
            let value = ByteString((0..<count).map { _ in alphabet.randomElement(using: &generator) ?? 0 })
            guard let requirement = try? Requirement(parsing: value, variable: "V") else { continue }
            accepted += 1
            let texts = requirement.alternatives.map { requirement.text(of: $0).bytes }
            let again = try? Requirement(parsing: ByteString(Array(texts.joined(separator: [0x20]))), variable: "V")
            #expect(again?.alternatives == requirement.alternatives)
            #expect(again?.factors.map(\.version) == requirement.factors.map(\.version))
        }
        #expect(accepted > 500)
    }

    @Test("mutations of real requirements")
    func mutations() throws {
        var generator = Generator(state: 2)
        let host = RecordingHost(driver: "550.1", cuda: .unknown(because: "x"), gpus: .unknown(because: "y"))
        for value in RequirementTables.images.sorted(by: { $0.key < $1.key }).map(\.value) {
            for _ in 0..<50 {
                var bytes = Array(value.utf8)
                for _ in 0..<Int.random(in: 1...3, using: &generator) {
                    let position = Int.random(in: 0..<bytes.count, using: &generator)
                    if Bool.random(using: &generator) {
                        bytes[position] = UInt8.random(in: .min ... .max, using: &generator)
                    } else {
                        bytes.insert(bytes[position], at: position)
                    }
                }
                let environment = [ByteString("NVIDIA_REQUIRE_CUDA=") + ByteString(bytes)]
                do throws(RequirementError) {
                    try RequirementList(environment: environment).check(host.facts)
                } catch {
                    #expect(error.description.count <= 200)
                }
            }
        }
    }

    @Test("OR and AND are what they say, and no order of the alternatives matters")
    func laws() throws {
        var generator = Generator(state: 3)
        var met = 0
        for _ in 0..<2000 {
            let host = host(&generator, gpus: 1)
            let (left, right) = (alternative(&generator), alternative(&generator))
            let meetsLeft = try host.meets(left)
            let meetsRight = try host.meets(right)
            #expect(try host.meets("\(left) \(right)") == (meetsLeft || meetsRight), "\(left) \(right)")
            #expect(try host.meets("\(right) \(left)") == (meetsLeft || meetsRight), "\(right) \(left)")
            #expect(try host.meets("\(left),\(right)") == (meetsLeft && meetsRight), "\(left),\(right)")
            #expect(try host.meets("\(right),\(left)") == (meetsLeft && meetsRight), "\(right),\(left)")
            #expect(try host.meets("\(left) \(left)") == meetsLeft)
            if meetsLeft { met += 1 }
        }
        #expect((200..<1800).contains(met))
    }

    @Test("several GPUs meet what each of them meets alone")
    func severalGPUs() throws {
        var generator = Generator(state: 4)
        for _ in 0..<1000 {
            let host = host(&generator, gpus: 3)
            guard case .known(let gpus)? = host.gpus else { continue }
            let value = (0..<3).map { _ in alternative(&generator) }.joined(separator: " ")
            let each = try gpus.allSatisfy { gpu in
                var single = host
                single.gpus = .known([gpu])
                return try single.meets(value)
            }
            #expect(try host.meets(value) == each, "\(value)")
        }
    }

    @Test("the table decides nothing that the driver would decide otherwise")
    func tableIsSound() throws {
        var generator = Generator(state: 5)
        for _ in 0..<2000 {
            // The answer agrees with the table's, so that leaving the table out can only change who is asked.
            var asked = host(&generator, gpus: 1)
            switch CUDAVersion.support(ofDriver: asked.driver) {
            case .exact(let version): asked.cuda = .known(version)
            case .atLeast(let version):
                asked.cuda = .known(
                    CUDAVersion(version.major, version.minor + UInt32.random(in: 0...2, using: &generator)))
            case nil: break
            }
            guard case .known(let version) = asked.cuda else { continue }
            for comparison in ["=", "!=", "<", "<=", ">", ">="] {
                let wanted = CUDAVersion(version.major, UInt32.random(in: 0...12, using: &generator))
                let direct = RequirementVersion(version)
                let want =
                    switch comparison {
                    case "=": direct == RequirementVersion(wanted)
                    case "!=": direct != RequirementVersion(wanted)
                    case "<": direct < RequirementVersion(wanted)
                    case "<=": direct <= RequirementVersion(wanted)
                    case ">": direct > RequirementVersion(wanted)
                    default: direct >= RequirementVersion(wanted)
                    }
                #expect(try asked.meets("cuda\(comparison)\(wanted)") == want)
            }
        }
    }

    @Test("learning a fact never takes back that a requirement is met")
    func monotone() throws {
        var generator = Generator(state: 6)
        for _ in 0..<2000 {
            let known = host(&generator, gpus: 2)
            let value = (0..<3).map { _ in alternative(&generator) }.joined(separator: " ")
            var less = known
            if Bool.random(using: &generator) { less.cuda = .unknown(because: "hidden") }
            if case .known(var gpus)? = less.gpus {
                let hidden = Int.random(in: 0..<gpus.count, using: &generator)
                gpus[hidden].brand = .unknown(because: "hidden")
                less.gpus = Bool.random(using: &generator) ? .known(gpus) : .unknown(because: "hidden")
            }
            if try less.meets(value) { #expect(try known.meets(value), "\(value)") }
        }
    }

    @Test("a newer driver meets every lower bound that an older one meets")
    func newerDriver() throws {
        var generator = Generator(state: 7)
        for _ in 0..<1000 {
            let numbers = (0..<2).map { _ in UInt32.random(in: 340...640, using: &generator) }.sorted()
            let value = "cuda>=\(Int.random(in: 7...14, using: &generator)).\(Int.random(in: 0...9, using: &generator))"
            let hosts = numbers.map {
                Host(driver: ByteString("\($0).99.01"), cuda: .unknown(because: "hidden"), gpus: nil)
            }
            if try hosts[0].meets(value) { #expect(try hosts[1].meets(value), "\(value) \(numbers)") }
        }
    }

    private func host(_ generator: inout Generator, gpus count: Int) -> Host {
        let driver =
            ["300.1", "390.157", "430.26", "470.256.02", "535.183.01", "540.4.0", "550.144.03", "612.10"]
            .randomElement(using: &generator) ?? ""
        // What a driver says is never less than what its number promises.
        let cuda: Fact<CUDAVersion> =
            switch CUDAVersion.support(ofDriver: ByteString(driver)) {
            case .exact(let version)?: .known(version)
            case .atLeast(let version)?: .known(CUDAVersion(version.major, version.minor + 1))
            case nil: .unknown(because: "old")
            }
        let gpus = (0..<count).map { index in
            GPUFacts(
                name: ByteString("\(index)"),
                brand: .known(["tesla", "GeForce", "unknown"].randomElement(using: &generator) ?? ""),
                architecture: .known(RequirementVersion(UInt32.random(in: 5...9, using: &generator))))
        }
        return Host(driver: ByteString(driver), cuda: cuda, gpus: .known(gpus))
    }

    private func alternative(_ generator: inout Generator) -> String {
        (0..<Int.random(in: 1...2, using: &generator)).map { _ in
            let comparison = ["=", "!=", "<", "<=", ">", ">="].randomElement(using: &generator) ?? "="
            return switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                "cuda\(comparison)\(["9.1", "10.2", "11.4", "12.2", "12.3", "12.4", "13.3"].randomElement(using: &generator) ?? "")"
            case 1: "driver\(comparison)\(["390", "470.256.2", "535", "550"].randomElement(using: &generator) ?? "")"
            case 2: "arch\(comparison)\(Int.random(in: 5...9, using: &generator))"
            default:
                ["brand=tesla", "brand!=tesla", "brand=geforce", "brand=unknown"].randomElement(using: &generator) ?? ""
            }
        }.joined(separator: ",")
    }
}

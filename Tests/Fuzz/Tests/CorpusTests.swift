import EventLoop
import Foundation
import Testing

/// Every input of the corpora, and mutations of them, through the properties of its target. Finds nothing new; it shows
/// at once when a change breaks what `make fuzz` once found.
@Suite(.serialized, .timeLimit(.minutes(20))) struct CorpusTests {
    private static let corpora = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("corpus")

    private static func inputs(_ target: FuzzTargets) throws -> [(name: String, bytes: [UInt8])] {
        let directory = corpora.appendingPathComponent(target.rawValue)
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { ($0.lastPathComponent, [UInt8](try Data(contentsOf: $0))) }
    }

    /// How many mutations a target runs: the engines take a millisecond for each, and the others much less.
    private static func mutations(_ target: FuzzTargets) -> Int {
        switch target {
        case .apEngine, .cpEngine: 20
        case .env, .jwtKeys, .contexts, .splitter: 300
        default: 1_000
        }
    }

    @Test(arguments: FuzzTargets.allCases) func everyInputHasTheProperties(of target: FuzzTargets) async throws {
        let check = await target.make()
        let inputs = try Self.inputs(target)
        #expect(!inputs.isEmpty)
        for input in inputs {
            do throws(Finding) { try await check.check(FuzzInput(input.bytes)) } catch {
                Issue.record("\(target.rawValue)/\(input.name): \(error)")
            }
        }
        var random = SplitMix64(seed: 1)
        for _ in 0..<Self.mutations(target) {
            guard var bytes = inputs.randomElement(using: &random)?.bytes else { return }
            for _ in 0...random.below(3) { Self.mutate(&bytes, &random) }
            do throws(Finding) { try await check.check(FuzzInput(bytes)) } catch {
                Issue.record("\(target.rawValue), input \(Data(bytes).base64EncodedString()): \(error)")
                return
            }
        }
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
        let index = Int(random.below(UInt64(bytes.count + 1)))
        let byte = UInt8(truncatingIfNeeded: random.next())
        switch random.below(4) {
        case 0 where index < bytes.count: bytes.remove(at: index)
        case 1 where index < bytes.count: bytes[index] = byte
        case 2 where index < bytes.count: bytes[index] ^= 1 << (byte & 7)
        default: bytes.insert(byte, at: index)
        }
    }
}

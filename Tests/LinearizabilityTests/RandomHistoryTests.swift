import Linearizability
import Testing

/// A second checker, as simple as can be: tries every order.
private struct BruteForce {
    let operations: [RecordedOperation]

    private struct State {
        var value: String?
        var version: UInt64 = 0
    }

    /// No history drawn here has higher versions.
    private static let maxVersion: UInt64 = 12

    func isLinearizable() -> Bool { search(Array(operations.indices), State()) }

    private func search(_ left: [Int], _ state: State) -> Bool {
        // What is unknown need not have happened.
        if left.allSatisfy({ operations[$0].result == .unknown }) { return true }
        for index in left {
            let operation = operations[index]
            let isBlocked = left.contains { other in
                other != index && operations[other].result != .unknown
                    && operations[other].returnNs < operation.callNs
            }
            if isBlocked { continue }
            for next in outcomes(of: operation, in: state) where search(left.filter { $0 != index }, next) {
                return true
            }
        }
        return false
    }

    /// While there is no value, the version may be any that is not lower.
    private func outcomes(of operation: RecordedOperation, in state: State) -> [State] {
        guard state.value == nil else { return exactOutcomes(of: operation, in: state) }
        return (state.version...max(state.version, Self.maxVersion)).flatMap {
            exactOutcomes(of: operation, in: State(value: nil, version: $0))
        }
    }

    private func exactOutcomes(of operation: RecordedOperation, in state: State) -> [State] {
        var next = State(value: state.value, version: state.version + 1)
        var isAllowed = true
        switch operation.call {
        case .read: next = state
        case .write(let value): next.value = value
        case .create(let value):
            isAllowed = state.value == nil
            next.value = value
        case .compareAndSet(let expected, let value):
            isAllowed = state.value != nil && expected == state.version
            next.value = value
        case .delete:
            isAllowed = state.value != nil
            next.value = nil
        case .expire(let value):
            isAllowed = state.value == value
            next.value = nil
        }
        switch operation.result {
        case .value(nil, version: 0): return state.value == nil ? [state] : []
        case .value(let value, let version): return state.value == value && state.version == version ? [state] : []
        case .applied(let version): return isAllowed && next.version == version ? [next] : []
        case .absent(let version), .preconditionFailed(let version):
            return !isAllowed && state.version == version ? [state] : []
        case .notApplied: return [state]
        case .unknown: return isAllowed ? [state, next] : [state]
        }
    }
}

/// Draws histories by running operations on a real register at moments between call and return, and then spoils some.
private struct HistoryMaker {
    var random: SplitMix

    mutating func history() -> [RecordedOperation] {
        var value: String?
        var version: UInt64 = 0
        var operations: [RecordedOperation] = []
        for index in 0..<(3 + random.below(4)) {
            let at = UInt64(index) * 10 + 10
            let from = at - min(at, UInt64(random.below(25)))
            let to = at + UInt64(random.below(25))
            let call: RecordedOperation.Call
            switch random.below(6) {
            case 0, 1: call = .read
            case 2: call = .write("v\(index)")
            case 3: call = .compareAndSet(version: random.below(3) == 0 ? version + 1 : version, "v\(index)")
            case 4: call = .create("v\(index)")
            default: call = .delete
            }
            var result: RecordedOperation.Result
            switch call {
            case .read: result = .value(value, version: version)
            case .delete where value == nil: result = .absent(version: version)
            case .compareAndSet(let expected, _) where value == nil || expected != version:
                result = .preconditionFailed(version: version)
            case .create where value != nil: result = .preconditionFailed(version: version)
            default:
                let isLost = random.below(5) == 0
                if !isLost || random.below(2) == 0 {
                    version += 1
                    if case .delete = call { value = nil } else { value = "v\(index)" }
                }
                result = isLost ? .unknown : .applied(version: version)
            }
            if random.below(12) == 0 { result = spoiled(result) }
            operations.append(
                RecordedOperation(client: index, key: "k", call: call, result: result, callNs: from, returnNs: to))
            // Some values end by themselves: here, or at some later time, or never.
            if case .write(let written) = call, random.below(3) == 0 {
                if value == written, random.below(2) == 0 {
                    value = nil
                    version += 1
                }
                operations.append(
                    RecordedOperation(
                        client: index, key: "k", call: .expire(written), result: .unknown, callNs: from, returnNs: to))
            }
        }
        return operations
    }

    private mutating func spoiled(_ result: RecordedOperation.Result) -> RecordedOperation.Result {
        switch result {
        case .value(let value, let version):
            random.below(2) == 0 ? .value("v0", version: version) : .value(value, version: version + 1)
        case .applied(let version): random.below(2) == 0 ? .applied(version: version + 1) : .notApplied
        case .preconditionFailed(let version): .preconditionFailed(version: max(1, version) - 1)
        default: .unknown
        }
    }
}

private struct SplitMix {
    var state: UInt64
    mutating func below(_ bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }
}

@Suite struct RandomHistoryTests {
    @Test func theCheckerAgreesWithTryingEveryOrder() {
        var maker = HistoryMaker(random: SplitMix(state: 20_26))
        var counts = (good: 0, bad: 0)
        for _ in 0..<4_000 {
            let history = maker.history()
            let expected = BruteForce(operations: history).isLinearizable()
            #expect((LinearizabilityChecker().check(key: history) == .linearizable) == expected, "\(history)")
            if expected { counts.good += 1 } else { counts.bad += 1 }
        }
        // Both kinds were there in numbers.
        #expect(counts.good > 1_000)
        #expect(counts.bad > 400)
    }
}

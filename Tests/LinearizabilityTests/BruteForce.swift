import Linearizability

/// A second checker, as simple as possible: it tries every order of all operations of all keys together.
struct BruteForce {
    let operations: [RegisterOperation]

    private struct Register {
        var value: String?
        var version: UInt64 = 0
    }

    private struct State {
        var registers: [String: Register] = [:]
        /// By key: the versions of its tombstones. Each may be collected at any time and become the GC watermark of
        /// others.
        var tombstones: [String: Set<UInt64>] = [:]
    }

    func isLinearizable() -> Bool { search(Array(operations.indices), State()) }

    private func search(_ left: [Int], _ state: State) -> Bool {
        // A pending operation need not take effect.
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

    private func outcomes(of operation: RegisterOperation, in state: State) -> [State] {
        let register = state.registers[operation.key] ?? Register()
        var possible = [register]
        if register.value == nil {
            for (_, versions) in state.tombstones {
                for version in versions where version > register.version {
                    possible.append(Register(value: nil, version: version))
                }
            }
        }
        return possible.flatMap { outcomes(of: operation, in: $0) }.map { next in
            var after = state
            after.registers[operation.key] = next
            if next.value == nil, next.version > 0 {
                after.tombstones[operation.key, default: []].insert(next.version)
            }
            return after
        }
    }

    private func outcomes(of operation: RegisterOperation, in state: Register) -> [Register] {
        var next = Register(value: state.value, version: state.version + 1)
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

import EventLoop
import Linearizability

/// Generates histories: runs operations on real registers between call and return, then falsifies some results.
struct HistoryGenerator {
    var random: SplitMix64
    /// The percentage of falsified results.
    var falsifiedPercent = 8

    private struct Register {
        var value: String?
        var version: UInt64 = 0
        var hasRecord = false

        mutating func change(to new: String?) {
            value = new
            version += 1
            hasRecord = true
        }
    }

    /// - Parameter keys: the number of keys. With several keys, tombstones are collected and raise the versions of
    ///   other keys.
    mutating func history(operations count: ClosedRange<Int>, keys: Int = 1) -> [RegisterOperation] {
        var registers = (0..<keys).map { _ in Register() }
        var watermark: UInt64 = 0
        var operations: [RegisterOperation] = []
        for index in 0..<(count.lowerBound + random.index(count.count)) {
            let key = random.index(keys)
            if keys > 1, random.index(2) == 0 { collect(&registers, &watermark) }
            let at = UInt64(index) * 10 + 10
            let from = at - min(at, UInt64(random.index(25)))
            let to = at + UInt64(random.index(25))
            let isUnrecorded = registers[key].value == nil && !registers[key].hasRecord
            if isUnrecorded { registers[key].version = watermark }
            let call = draw(index, on: registers[key])
            var result = run(call, on: &registers[key])
            if case .read = call, isUnrecorded { result = .value(nil, version: 0) }
            if random.index(100) < falsifiedPercent { result = falsified(result) }
            operations.append(
                RegisterOperation(client: index, key: "k\(key)", call: call, result: result, callNs: from, returnNs: to)
            )
            // Some writes have an expiry. Their values expire at once, or not before the end of the history.
            if case .write(let written) = call, random.index(3) == 0 {
                if registers[key].value == written, random.index(2) == 0 { registers[key].change(to: nil) }
                operations.append(
                    RegisterOperation(
                        client: index, key: "k\(key)", call: .expire(written), result: .unknown, callNs: from,
                        returnNs: to))
            }
        }
        return operations
    }

    private func collect(_ registers: inout [Register], _ watermark: inout UInt64) {
        for key in registers.indices where registers[key].value == nil && registers[key].hasRecord {
            watermark = max(watermark, registers[key].version)
            registers[key].hasRecord = false
        }
    }

    private mutating func draw(_ index: Int, on register: Register) -> RegisterOperation.Call {
        switch random.index(6) {
        case 0, 1: .read
        case 2: .write("v\(index)")
        case 3: .compareAndSet(version: random.index(3) == 0 ? register.version + 1 : register.version, "v\(index)")
        case 4: .create("v\(index)")
        default: .delete
        }
    }

    private mutating func run(
        _ call: RegisterOperation.Call, on register: inout Register
    ) -> RegisterOperation.Result {
        let version = register.version
        var written: String?
        switch call {
        case .read, .expire: return .value(register.value, version: version)
        case .delete where register.value == nil: return .absent(version: version)
        case .compareAndSet(let expected, _) where register.value == nil || expected != version:
            return .preconditionFailed(version: version)
        case .create where register.value != nil: return .preconditionFailed(version: version)
        case .write(let value), .compareAndSet(_, let value), .create(let value): written = value
        case .delete: break
        }
        let isLost = random.index(5) == 0
        if !isLost || random.index(2) == 0 { register.change(to: written) }
        return isLost ? .unknown : .applied(version: register.version)
    }

    private mutating func falsified(_ result: RegisterOperation.Result) -> RegisterOperation.Result {
        switch result {
        case .value(let value, let version):
            random.index(2) == 0 ? .value("v0", version: version) : .value(value, version: version + 1)
        case .applied(let version): random.index(2) == 0 ? .applied(version: version + 1) : .notApplied
        case .preconditionFailed(let version): .preconditionFailed(version: max(1, version) - 1)
        default: .unknown
        }
    }
}

/// One operation on a versioned register.
public typealias RegisterOperation = Operation<RegisterModel>

/// A register with a value, or none, and a version: one key of `app-cp`.
///
/// Each change raises the version by exactly one. While the key does not exist, its version may also rise without a
/// change, to the version of another key's collected tombstone (rule C10, `TombstoneVersions`).
public struct RegisterModel: Model {
    public enum Call: Sendable, Codable, Equatable {
        case read
        case write(String)
        case delete
        /// A write on the condition that the key has this version.
        case compareAndSet(version: UInt64, String)
        /// A write on the condition that the key does not exist.
        case create(String)
        /// The expiry of a value that was written with a time to live. No client calls this operation. Its result is
        /// `unknown`, and its `callNs` is the earliest moment at which some clock may have shown the value as expired.
        case expire(String)
    }

    public enum Result: OperationResult {
        /// The result of a read; the value is nil if the key does not exist.
        case value(String?, version: UInt64)
        /// The result of a change, with the version of the changed key.
        case applied(version: UInt64)
        /// The result of a delete if the key does not exist.
        case absent(version: UInt64)
        /// The condition did not hold; the key has this version.
        case preconditionFailed(version: UInt64)
        /// The change had no effect and never will, or the operation is a read that failed.
        case notApplied
        /// The operation may take effect at any time after its call, or never.
        case unknown
    }

    public struct State: Hashable {
        var value: String?
        /// The version when it was last observed, plus one for each change since. The true version may be higher; see
        /// ``gaps``.
        var version: UInt64
        /// When the version may have risen without a change. Bit n is set if the key did not exist n changes ago (bit
        /// 0: now), and its version has not been observed since then. The highest bit also stands for all earlier
        /// times.
        var gaps: UInt64

        /// True if the true version may be higher than ``version``.
        var mayHaveRisen: Bool { gaps != 0 }
    }

    private let key: String
    private let tombstones: TombstoneVersions
    /// Whether the version of this key may ever rise without a change.
    private let mayRise: Bool
    private var unknownCalls = UnknownCalls([])

    public init() { self.init(key: "", TombstoneVersions()) }

    private init(key: String, _ tombstones: TombstoneVersions) {
        self.key = key
        self.tombstones = tombstones
        mayRise = tombstones.hasAny(besides: key)
    }

    public var initialState: State { State(value: nil, version: 0, gaps: mayRise ? 1 : 0) }

    public static func partition(
        _ history: [RegisterOperation]
    ) -> [(key: String, model: RegisterModel, operations: [RegisterOperation])] {
        let byKey = Dictionary(grouping: history, by: \.key)
        let tombstones = TombstoneVersions(byKey)
        return byKey.map { ($0, RegisterModel(key: $0, tombstones), $1) }
    }

    /// Leaves out operations that had no effect and observed nothing, because they do not constrain the order.
    public mutating func prepare(_ operations: [RegisterOperation]) -> [RegisterOperation] {
        let relevant = operations.filter { operation in
            switch operation.result {
            case .notApplied: false
            case .unknown: operation.call != .read
            default: true
            }
        }
        unknownCalls = UnknownCalls(relevant)
        return relevant
    }

    public func isWorthTrying(
        _ index: Int, _ operation: RegisterOperation, in state: State, isLinearized: (Int) -> Bool
    ) -> Bool {
        unknownCalls.isWorthTrying(index, operation.call, in: state, isLinearized: isLinearized)
    }

    // MARK: The step

    public func step(_ state: State, _ operation: RegisterOperation) -> State? {
        switch (operation.call, operation.result) {
        // `app-cp` reports version 0 for a key without a record, which does not show the key's version.
        case (.read, .value(nil, version: 0)): state.value == nil ? state : nil
        case (.read, .value(let value, let version)):
            value == state.value ? observed(state, at: version, by: operation) : nil
        case (.read, .unknown), (_, .notApplied): state
        case (.read, _), (_, .value): nil
        case (.delete, .absent(let version)): state.value == nil ? observed(state, at: version, by: operation) : nil
        case (_, .absent): nil
        case (_, .preconditionFailed(let version)):
            observed(state, at: version, by: operation).flatMap { allowed($0, by: operation) == nil ? $0 : nil }
        case (_, .applied(let version)):
            version == 0
                ? nil
                : observed(state, at: version - 1, by: operation).flatMap { allowed($0, by: operation) }
                    .flatMap { observed(changed($0, by: operation.call), at: version, by: operation) }
        case (_, .unknown): allowed(state, by: operation).map { changed($0, by: operation.call) }
        }
    }

    /// The state once its version was observed; nil if it cannot have that version.
    private func observed(_ state: State, at version: UInt64, by operation: RegisterOperation) -> State? {
        guard version == state.version || (version > state.version && hasRisen(state, to: version, by: operation))
        else { return nil }
        return State(value: state.value, version: version, gaps: state.value == nil && mayRise ? 1 : 0)
    }

    /// True if the version can have risen to `version`: in one of the gaps to the version of another key's tombstone,
    /// and then by one for each change.
    private func hasRisen(_ state: State, to version: UInt64, by operation: RegisterOperation) -> Bool {
        var gaps = state.gaps
        while gaps != 0 {
            let changes = gaps.trailingZeroBitCount
            if changes == UInt64.bitWidth - 1
                || tombstones.mayHold(version - UInt64(changes), besides: key, untilNs: operation.latestEffectNs)
            {
                return true
            }
            gaps &= gaps - 1
        }
        return false
    }

    /// The state if it satisfies the condition of the call; nil if it does not.
    private func allowed(_ state: State, by operation: RegisterOperation) -> State? {
        switch operation.call {
        case .read, .write: state
        case .delete: state.value == nil ? nil : state
        case .compareAndSet(let expected, _): state.value == nil ? nil : observed(state, at: expected, by: operation)
        case .create: state.value == nil ? state : nil
        case .expire(let expired): state.value == expired ? state : nil
        }
    }

    private func changed(_ state: State, by call: Call) -> State {
        let oldest: UInt64 = 1 << 63
        let newest: UInt64 = call.written == nil && mayRise ? 1 : 0
        return State(
            value: call.written, version: state.version + 1, gaps: state.gaps << 1 | state.gaps & oldest | newest)
    }

    // MARK: For people

    public static func describe(_ operation: RegisterOperation) -> (call: String, result: String) {
        (text(operation.call), text(operation.result))
    }

    private static func text(_ call: Call) -> String {
        switch call {
        case .read: "read"
        case .write(let value): "write \(value)"
        case .delete: "delete"
        case .compareAndSet(let version, let value): "write \(value) if version \(version)"
        case .create(let value): "write \(value) if absent"
        case .expire(let value): "\(value) expires"
        }
    }

    private static func text(_ result: Result) -> String {
        switch result {
        case .value(let value, let version): "\(value ?? "absent") @\(version)"
        case .applied(let version): "applied @\(version)"
        case .absent(let version): "absent @\(version)"
        case .preconditionFailed(let version): "condition failed @\(version)"
        case .notApplied: "not applied"
        case .unknown: "unknown"
        }
    }
}

extension RegisterModel.Call {
    /// The value that the call writes; nil if it writes none.
    var written: String? {
        switch self {
        case .write(let value), .compareAndSet(_, let value), .create(let value): value
        case .read, .delete, .expire: nil
        }
    }
}

/// The sequential specification: one register with a value, or none, and a version.
///
/// Each change raises the version by exactly one. While the key does not exist its version may also rise without a change: to
/// that of another key's tombstone which was collected (rule C10, ``TombstoneVersions``).
struct RegisterModel: Hashable {
    private(set) var value: String?
    /// What it is, unless it has risen since it was last seen.
    private(set) var version: UInt64
    /// When it may have risen: bit n is set where the key did not exist n changes ago and was not seen since. The last bit
    /// stays, for what is longer ago.
    private var gaps: UInt64
    /// Whether it may ever rise without a change.
    private let mayRise: Bool

    /// A key that never was.
    init(mayRise: Bool) {
        self.init(value: nil, version: 0, gaps: mayRise ? 1 : 0, mayRise: mayRise)
    }

    private init(value: String?, version: UInt64, gaps: UInt64, mayRise: Bool) {
        self.value = value
        self.version = version
        self.gaps = gaps
        self.mayRise = mayRise
    }

    /// The version may be higher than is known.
    var isOpen: Bool { gaps != 0 }

    /// The state after `call` came back with `result` in this state; nil where it cannot have.
    /// - Parameter isFloor: whether the version of a key that does not exist may have risen to this one by then.
    func applying(
        _ call: RecordedOperation.Call, _ result: RecordedOperation.Result, isFloor: (UInt64) -> Bool
    ) -> RegisterModel? {
        switch (call, result) {
        // Of what does not exist, 0 tells no version.
        case (.read, .value(nil, version: 0)): value == nil ? self : nil
        case (.read, .value(let value, let version)): value == self.value ? seen(at: version, isFloor) : nil
        case (.read, .unknown), (_, .notApplied): self
        case (.read, _), (_, .value): nil
        case (.delete, .absent(let version)): value == nil ? seen(at: version, isFloor) : nil
        case (_, .absent): nil
        case (_, .preconditionFailed(let version)):
            seen(at: version, isFloor).flatMap { $0.allowing(call, isFloor) == nil ? $0 : nil }
        case (_, .applied(let version)):
            version == 0
                ? nil
                : seen(at: version - 1, isFloor)?.allowing(call, isFloor)?.changed(by: call).seen(at: version, isFloor)
        // That it never takes effect is the other possibility; the checker tries that too.
        case (_, .unknown): allowing(call, isFloor)?.changed(by: call)
        }
    }

    /// This state once its version was seen; nil where it cannot be that.
    private func seen(at seen: UInt64, _ isFloor: (UInt64) -> Bool) -> RegisterModel? {
        guard seen == version || (seen > version && hasRisen(to: seen, isFloor)) else { return nil }
        return RegisterModel(value: value, version: seen, gaps: value == nil && mayRise ? 1 : 0, mayRise: mayRise)
    }

    /// It has risen where there was a gap, and each change since then added one.
    private func hasRisen(to seen: UInt64, _ isFloor: (UInt64) -> Bool) -> Bool {
        var left = gaps
        while left != 0 {
            let changes = left.trailingZeroBitCount
            if changes == UInt64.bitWidth - 1 || isFloor(seen - UInt64(changes)) { return true }
            left &= left - 1
        }
        return false
    }

    /// This state where the condition of `call` holds in it; nil where it does not.
    private func allowing(_ call: RecordedOperation.Call, _ isFloor: (UInt64) -> Bool) -> RegisterModel? {
        switch call {
        case .read, .write: self
        case .delete: value == nil ? nil : self
        case .compareAndSet(let expected, _): value == nil ? nil : seen(at: expected, isFloor)
        case .create: value == nil ? self : nil
        case .expire(let expired): value == expired ? self : nil
        }
    }

    private func changed(by call: RecordedOperation.Call) -> RegisterModel {
        switch call {
        case .read: self
        case .write(let new), .compareAndSet(_, let new), .create(let new): changed(to: new)
        case .delete, .expire: changed(to: nil)
        }
    }

    private func changed(to new: String?) -> RegisterModel {
        let oldest: UInt64 = 1 << 63
        return RegisterModel(
            value: new, version: version + 1, gaps: gaps << 1 | gaps & oldest | (new == nil && mayRise ? 1 : 0),
            mayRise: mayRise)
    }
}

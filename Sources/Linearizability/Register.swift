/// The sequential specification: one register with a value, or none, and a version.
///
/// Each change raises the version by exactly one while the key exists. While it does not, the version may rise by itself:
/// a deleted key's record is collected, and what is left is a floor that other keys raise too (rule C10).
struct RegisterModel: Hashable {
    var value: String?
    /// At least this; exactly this unless ``isOpen``.
    var version: UInt64 = 0
    /// The version may be higher than is known, because nobody has seen it since it may have risen by itself.
    var isOpen = true

    /// The state after `call` came back with `result` in this state; nil where it cannot have.
    func applying(_ call: RecordedOperation.Call, _ result: RecordedOperation.Result) -> RegisterModel? {
        switch (call, result) {
        // Of what does not exist, 0 tells no version.
        case (.read, .value(nil, version: 0)): value == nil ? self : nil
        case (.read, .value(let value, let version)): value == self.value ? seen(at: version) : nil
        case (.read, .unknown), (_, .notApplied): self
        case (.read, _), (_, .value): nil
        case (.delete, .absent(let version)): value == nil ? seen(at: version) : nil
        case (_, .absent): nil
        case (_, .preconditionFailed(let version)):
            seen(at: version).flatMap { $0.allowing(call) == nil ? $0 : nil }
        case (_, .applied(let version)):
            version == 0 ? nil : seen(at: version - 1)?.allowing(call)?.changed(by: call).seen(at: version)
        // That it never takes effect is the other possibility; the checker tries that too.
        case (_, .unknown): allowing(call)?.changed(by: call)
        }
    }

    /// This state once its version was seen; nil where it cannot be that.
    private func seen(at version: UInt64) -> RegisterModel? {
        guard version == self.version || (isOpen && version > self.version) else { return nil }
        return RegisterModel(value: value, version: version, isOpen: value == nil)
    }

    /// This state where the condition of `call` holds in it; nil where it does not.
    private func allowing(_ call: RecordedOperation.Call) -> RegisterModel? {
        switch call {
        case .read, .write: self
        case .delete: value == nil ? nil : self
        case .compareAndSet(let expected, _): value == nil ? nil : seen(at: expected)
        case .create: value == nil ? self : nil
        case .expire(let expired): value == expired ? self : nil
        }
    }

    private func changed(by call: RecordedOperation.Call) -> RegisterModel {
        switch call {
        case .read: self
        case .write(let new), .compareAndSet(_, let new), .create(let new):
            RegisterModel(value: new, version: version + 1, isOpen: isOpen)
        case .delete, .expire: RegisterModel(value: nil, version: version + 1, isOpen: true)
        }
    }
}

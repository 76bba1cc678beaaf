import Replication

/// One client's change, with the parts that are the same in every attempt.
struct ClientChange {
    let request: ChangeRequest
    let recordKey: Bytes
    /// The sibling to store. Its write id names the change: a second attempt at a replica that already stores this
    /// write id changes nothing.
    let packed: Bytes
    /// Time to live in milliseconds, as the decimal text that the script expects; 0 for no expiry.
    let ttl: Bytes
    /// The vector that the client has seen. Nil for a change without a context, which overwrites all values at the
    /// coordinator.
    let context: Bytes?

    /// The longest time to live, 100 years: far below the largest time that a number can hold.
    private static let maxTtlMs: Int64 = 100 * 365 * 86_400_000

    /// - Parameter randomBits: the write id of this change.
    init(_ request: ChangeRequest, context: Bytes?, randomBits: UInt64) {
        self.request = request
        self.context = context
        recordKey = RedisKeys.record(request.key)
        let writeId = Bytes(hexadecimal: randomBits)
        switch request.kind {
        case .write(let value):
            packed = Sibling(isTombstone: false, writeId: writeId, expiresMs: nil, value: value).packed
            ttl = request.ttlMs.map { Bytes(decimal: UInt64(min(max(0, $0), Self.maxTtlMs))) } ?? Arguments.zero
        case .delete:
            packed = Sibling(isTombstone: true, writeId: writeId, expiresMs: nil, value: []).packed
            ttl = Arguments.zero
        }
    }
}

import Replication

/// One value of a record, or the tombstone of a delete, as a replica stores it: `V<write id>:<expires_ms>:<value>` or
/// `T<write id>::` (rule A1). The write id is 16 hexadecimal digits. An empty expiry means never.
public struct Sibling: Sendable, Hashable {
    public let isTombstone: Bool
    /// Identifies the client's write. It is the same at every coordinator that stored the write.
    public let writeId: Bytes
    /// Expiry on the coordinator's clock, in milliseconds since 1970; nil for never.
    public let expiresMs: Int64?
    public let value: Bytes

    static let valueMark = UInt8(ascii: "V")
    static let tombstoneMark = UInt8(ascii: "T")
    static let writeIdCount = 16
    private static let colon = UInt8(ascii: ":")

    public init(isTombstone: Bool, writeId: Bytes, expiresMs: Int64?, value: Bytes) {
        self.isTombstone = isTombstone
        self.writeId = writeId
        self.expiresMs = expiresMs
        self.value = value
    }

    /// Nil if `packed` is not a sibling.
    public init?(packed: Bytes) {
        let head = 1 + Self.writeIdCount
        guard packed.count >= head + 2, packed[0] == Self.valueMark || packed[0] == Self.tombstoneMark,
            packed[head] == Self.colon,
            let end = packed[(head + 1)..<min(packed.count, head + 22)].firstIndex(of: Self.colon)
        else { return nil }
        if end == head + 1 {
            expiresMs = nil
        } else {
            guard let expires = Int64(decimal: packed[(head + 1)..<end]) else { return nil }
            expiresMs = expires
        }
        isTombstone = packed[0] == Self.tombstoneMark
        writeId = Bytes(packed[1..<head])
        value = Bytes(packed[(end + 1)...])
    }

    public var packed: Bytes {
        var packed = Bytes()
        packed.reserveCapacity(value.count + 40)
        packed.append(isTombstone ? Self.tombstoneMark : Self.valueMark)
        packed += writeId
        packed.append(Self.colon)
        if let expiresMs { packed += Bytes(decimal: UInt64(max(0, expiresMs))) }
        packed.append(Self.colon)
        packed += value
        return packed
    }

    /// True for a tombstone or an expired value, which counts as one (rule A10).
    public func isAbsent(atMs nowMs: Int64) -> Bool {
        isTombstone || expiresMs.map { $0 <= nowMs } == true
    }
}

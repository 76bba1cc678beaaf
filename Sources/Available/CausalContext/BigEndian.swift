import Replication

extension Bytes {
    mutating func append(bigEndian number: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { append(UInt8(truncatingIfNeeded: number >> UInt64(shift))) }
    }
}

extension ArraySlice<UInt8> {
    /// Removes the first eight bytes and returns them as a number; nil if there are fewer.
    mutating func popBigEndian() -> UInt64? {
        guard count >= 8 else { return nil }
        defer { self = dropFirst(8) }
        return prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// FNV-1a in 64 bits (Fowler, Noll, Vo; <http://www.isthe.com/chongo/tech/comp/fnv/>): the same in every process, and not
/// a cryptographic hash.
public struct FNV1a: Sendable {
    @usableFromInline var state: UInt64 = 0xcbf2_9ce4_8422_2325

    public var value: UInt64 { state }

    @inlinable public init() {}

    @inlinable public mutating func combine(_ bytes: some Collection<UInt8>) {
        for byte in bytes { combine(byte) }
    }

    /// The eight bytes of `number`, lowest first.
    @inlinable public mutating func combine(_ number: UInt64) {
        for place in 0..<8 { combine(UInt8(truncatingIfNeeded: number >> UInt64(8 * place))) }
    }

    @inlinable mutating func combine(_ byte: UInt8) {
        state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
    }
}

extension Collection<UInt8> {
    /// The FNV-1a hash of these bytes.
    public var fnv1a: UInt64 {
        var hash = FNV1a()
        hash.combine(self)
        return hash.value
    }
}

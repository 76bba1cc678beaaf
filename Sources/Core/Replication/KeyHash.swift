extension Collection<UInt8> {
    /// FNV-1a in 64 bits (Fowler, Noll, Vo): the same in every process, and no secret.
    public var fnv1a: UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in self { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}

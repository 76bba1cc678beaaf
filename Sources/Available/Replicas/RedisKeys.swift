import Replication

/// Keys that the engine stores in each replica. Records are `ap:<key>`; all other keys begin with `cap:`, so that no
/// client's key can collide with them.
enum RedisKeys {
    private static let recordPrefix = Bytes("ap:".utf8)

    static func record(_ key: Bytes) -> Bytes {
        Bytes(unsafeUninitializedCapacity: key.count + 3) { buffer, count in
            buffer[0] = recordPrefix[0]
            buffer[1] = recordPrefix[1]
            buffer[2] = recordPrefix[2]
            key.withUnsafeBufferPointer { source in
                if let base = source.baseAddress { (buffer.baseAddress! + 3).update(from: base, count: source.count) }
            }
            count = key.count + 3
        }
    }

    /// The client's key whose record has this Redis key; nil if the Redis key is not that of a record.
    static func key(ofRecord name: Bytes) -> Bytes? {
        name.starts(with: recordPrefix) ? Bytes(name.dropFirst(recordPrefix.count)) : nil
    }

    static let identity = Bytes("cap:identity".utf8)
    static let incarnationField = Bytes("incarnation".utf8)
    static let conflicts = Bytes("cap:conflicts".utf8)

    static func hints(for peer: Bytes) -> Bytes { Bytes("cap:hints:".utf8) + peer }
    static func handoffLease(for peer: Bytes) -> Bytes { Bytes("cap:lease:handoff:".utf8) + peer }
    static let antiEntropyLease = Bytes("cap:lease:anti_entropy".utf8)
    static let tombstoneGCLease = Bytes("cap:lease:tombstone_gc".utf8)
}

/// Arguments that many commands share, created once.
enum Arguments {
    static let hgetall = Bytes("HGETALL".utf8)
    static let empty: Bytes = []
    static let zero = Bytes("0".utf8)
    static let one = Bytes("1".utf8)
    static let noContext = Bytes("-".utf8)
    static let noVector = Bytes("-".utf8)
    static let firstAttempt = Bytes("first".utf8)
    static let laterAttempt = Bytes("again".utf8)
}

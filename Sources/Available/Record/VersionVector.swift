import Replication

/// Which writes have been seen: for each actor, all up to a clock value (Parker et al., 1983; dotted by Preguiça et al.,
/// arXiv 1011.5808).
///
/// Its text is `actor=hlc` joined by one space and sorted by the actor's bytes, so that equal vectors are equal texts.
public struct VersionVector: Sendable, Hashable {
    public private(set) var entries: [Bytes: UInt64]

    public init(_ entries: [Bytes: UInt64] = [:]) { self.entries = entries }

    /// Nil where `text` is not a vector.
    public init?(text: Bytes) {
        entries = [:]
        guard !text.isEmpty else { return }
        for part in text.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false) {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")), equals > part.startIndex,
                let hlc = Int64(decimal: part[(equals + 1)...]), hlc >= 0
            else { return nil }
            entries[Bytes(part[..<equals])] = UInt64(hlc)
        }
    }

    public var text: Bytes {
        var text = Bytes()
        for (actor, hlc) in entries.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            if !text.isEmpty { text.append(UInt8(ascii: " ")) }
            text += actor
            text.append(UInt8(ascii: "="))
            text += Bytes(decimal: hlc)
        }
        return text
    }

    public func covers(_ dot: Dot) -> Bool { dot.hlc <= entries[dot.actor] ?? 0 }

    /// True where everything `other` has seen has been seen here.
    public func covers(_ other: VersionVector) -> Bool {
        other.entries.allSatisfy { $0.value <= entries[$0.key] ?? 0 }
    }

    public func joined(_ other: VersionVector) -> VersionVector {
        VersionVector(entries.merging(other.entries) { max($0, $1) })
    }
}

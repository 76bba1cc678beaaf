import Replication

/// The set of writes that have been seen: per actor, all writes up to a clock value. See Parker et al., 1983; for dots,
/// see Preguiça et al., arXiv 1011.5808.
///
/// As text, it is the entries `actor=hlc`, joined by one space and sorted by the actor's bytes. So equal vectors have
/// equal texts.
public struct VersionVector: Sendable, Hashable {
    public private(set) var entries: [Bytes: UInt64]

    public init(_ entries: [Bytes: UInt64] = [:]) { self.entries = entries }

    /// Nil if `text` is not a vector.
    public init?(text: Bytes) {
        guard let entries = Self.entries(ofText: text) else { return nil }
        self.entries = Dictionary(entries.map { (Bytes($0.actor), $0.hlc) }) { _, last in last }
    }

    /// The entries of a vector's text, in the order of the text; nil if the text is not a vector.
    static func entries(ofText text: Bytes) -> [(actor: ArraySlice<UInt8>, hlc: UInt64)]? {
        var entries: [(actor: ArraySlice<UInt8>, hlc: UInt64)] = []
        var rest = text[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: " ")) ?? rest.endIndex
            let part = rest[..<end]
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")), equals > part.startIndex,
                let hlc = Int64(decimal: part[(equals + 1)...]), hlc >= 0, end + 1 != text.endIndex
            else { return nil }
            entries.append((part[..<equals], UInt64(hlc)))
            rest = rest[end...].dropFirst()
        }
        return entries
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

    /// True if this vector includes all writes that `other` includes.
    public func covers(_ other: VersionVector) -> Bool {
        other.entries.allSatisfy { $0.value <= entries[$0.key] ?? 0 }
    }

    public func joined(_ other: VersionVector) -> VersionVector {
        VersionVector(entries.merging(other.entries) { max($0, $1) })
    }
}

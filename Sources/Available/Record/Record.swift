import Replication

/// The state of one key at one replica: a version vector, and the concurrent values that no write has reconciled, each
/// under its dot. Normally there is one value.
public struct Record: Sendable, Hashable {
    public var vector: VersionVector
    public var siblings: [Dot: Sibling]

    public init(vector: VersionVector = VersionVector(), siblings: [Dot: Sibling] = [:]) {
        self.vector = vector
        self.siblings = siblings
    }

    /// The join of two states, as `merge.lua` computes it. A sibling stays if both states have it, or if the state
    /// without it has not seen it. The join is commutative, associative and idempotent (Shapiro et al., 2011). It
    /// ignores write ids: a join that used them would not be associative.
    public func joined(_ other: Record) -> Record {
        var kept = siblings.filter { other.siblings[$0.key] != nil || !other.vector.covers($0.key) }
        for (dot, sibling) in other.siblings where siblings[dot] == nil && !vector.covers(dot) { kept[dot] = sibling }
        return Record(vector: vector.joined(other.vector), siblings: kept)
    }

    /// The part of a record that a client sees.
    public struct View: Sendable, Equatable {
        /// The value with the highest dot; nil if that is a tombstone or has expired.
        public var value: Bytes?
        public var expiresMs: Int64?
        /// All concurrent values, the one with the highest dot first, if there is more than one and at least one is
        /// alive; otherwise empty. A nil stands for a tombstone or an expired value. A write that two coordinators
        /// stored appears once.
        public var conflicts: [Bytes?] = []
    }

    public func view(atMs nowMs: Int64) -> View {
        Self.view(of: siblings.map { ($0.key, $0.value) }, atMs: nowMs)
    }

    static func view(of siblings: [(dot: Dot, sibling: Sibling)], atMs nowMs: Int64) -> View {
        var seen: Set<Bytes> = []
        let distinct = siblings.sorted { $0.dot > $1.dot }.filter { seen.insert($0.sibling.writeId).inserted }
        guard let winner = distinct.first?.sibling else { return View() }
        var view = View()
        if !winner.isAbsent(atMs: nowMs) {
            view.value = winner.value
            view.expiresMs = winner.expiresMs
        }
        if distinct.count > 1, !distinct.allSatisfy({ $0.sibling.isAbsent(atMs: nowMs) }) {
            view.conflicts = distinct.map { $0.sibling.isAbsent(atMs: nowMs) ? nil : $0.sibling.value }
        }
        return view
    }
}

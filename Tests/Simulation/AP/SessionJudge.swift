import Replication

/// One client's session, and what it was promised (DESIGN A9): a read that says `guaranteed` shows all that the session has
/// written and read of that key, or what replaced it.
final class SessionJudge {
    private let ledger: WriteLedger
    private let fail: (String) -> Void
    private(set) var request = SessionRequest()
    /// By key: writes that it has made or read, and all that they replaced.
    private var seen: [Bytes: Set<WriteLedger.WriteId>] = [:]

    init(ledger: WriteLedger, fail: @escaping (String) -> Void) {
        self.ledger = ledger
        self.fail = fail
    }

    /// The next request begins a new session.
    func forget() {
        request = SessionRequest()
        seen = [:]
    }

    func didRead(_ result: ReadResult, _ key: Bytes) {
        let shown = writes(at: result.version, key)
        if result.session.isGuaranteed == true, let missing = seen[key]?.subtracting(shown), !missing.isEmpty {
            fail("\(WriteLedger.text(key)) read with its session guaranteed lacks \(missing.count) writes that it knew")
        }
        note(result.session, key, shown)
    }

    func didChange(_ result: ChangeResult, _ key: Bytes) {
        note(result.session, key, writes(at: result.version, key))
    }

    /// It may be in all the same, and says so: then it is a write of the session like any other.
    func didFail(_ failure: StoreFailure, _ key: Bytes) {
        guard failure.outcome == .applied else { return }
        guard let applied = failure.applied, applied.session.token != nil else {
            fail("a change of \(WriteLedger.text(key)) is in, and its session is not told")
            return
        }
        didChange(applied, key)
    }

    private func note(_ answer: SessionAnswer, _ key: Bytes, _ writes: Set<WriteLedger.WriteId>) {
        // An answer without a token of its own takes nothing along.
        guard let token = answer.token else { return }
        request.token = token
        seen[key, default: []].formUnion(writes)
    }

    private func writes(at version: Version, _ key: Bytes) -> Set<WriteLedger.WriteId> {
        guard let vector = CarriedVector.vector(of: version) else { return [] }
        let recordKey = Bytes("ap:".utf8) + key
        // What was collected had been deleted at every replica: who sees nothing of it has missed nothing.
        let collected = ledger.collected[recordKey] ?? []
        return ledger.covered(by: ledger.writes(atVector: vector, key: recordKey) + collected)
    }
}

import Available
import Replication

/// Checks the guarantees of one client's session (rule A9):
/// - A read with `guaranteed` shows everything of the key that the session has written and read, or its replacement.
/// - A read that requires its session is never answered without the guarantee.
/// - A change with `guaranteed` is listed in the returned token. No token is longer than 1 KiB.
/// - Every token that was issued is accepted.
/// - Without faults, a required session is met for every key that its token lists.
final class SessionJudge {
    private let ledger: WriteLedger
    private let isCalm: Bool
    private let fail: (String) -> Void
    private(set) var request = SessionRequest()
    /// A key whose last change did not fit into the current token; nil if there is none.
    private(set) var unnoted: Bytes?
    /// By key: the writes that the session has made or read, and everything that these replaced.
    private var seen: [Bytes: Set<WriteLedger.WriteId>] = [:]

    private static let maxTokenBytes = 1_024

    /// - Parameter isCalm: true if this world has no faults.
    init(ledger: WriteLedger, isCalm: Bool, fail: @escaping (String) -> Void) {
        self.ledger = ledger
        self.isCalm = isCalm
        self.fail = fail
    }

    /// Forgets the session: the next request begins a new one.
    func forget() {
        request = SessionRequest()
        seen = [:]
        unnoted = nil
    }

    func didRead(_ result: ReadResult, _ key: Bytes, isRequired: Bool) {
        let name = key.text
        let shown = ledger.shown(by: result.version, of: key)
        if result.session.isGuaranteed == true {
            if let missing = seen[key]?.subtracting(shown), !missing.isEmpty {
                fail("\(name) read with its session guaranteed lacks \(missing.count) writes that it knew")
            }
        } else if isRequired {
            fail("\(name) is read although its session was required and is not guaranteed")
        }
        note(result.session, key, shown)
    }

    func didChange(_ result: ChangeResult, _ key: Bytes, isDelete: Bool = false, isRequired: Bool = false) {
        if isDelete, !result.existed { didFindNothing(result, key, isRequired: isRequired) }
        note(result.session, key, ledger.shown(by: result.version, of: key))
        guard let isGuaranteed = result.session.isGuaranteed else { return }
        // A delete that found nothing may lack the guarantee although the token has space.
        unnoted = isGuaranteed || (isDelete && !result.existed) ? nil : key
        guard isGuaranteed, let vector = CarriedVector.vector(of: result.version) else { return }
        if !CarriedSession.lists(key, upTo: vector, in: request.token) {
            fail("a change of \(key.text) is guaranteed, and the token does not list it")
        }
    }

    /// Judges a delete that found nothing. Like a read, its answer shows that the key is absent. If the answer is
    /// guaranteed or the session is required, it must not miss a write that the session has seen.
    private func didFindNothing(_ result: ChangeResult, _ key: Bytes, isRequired: Bool) {
        guard result.session.isGuaranteed == true || isRequired else { return }
        let shown = ledger.shown(by: result.version, of: key)
        guard let missing = seen[key]?.subtracting(shown), !missing.isEmpty else { return }
        fail("a delete of \(key.text) found nothing, guaranteed, and lacks \(missing.count) writes")
    }

    func didFail(_ failure: AvailableFailure, _ key: Bytes) {
        if failure.code == .badToken { fail("an issued token is rejected") }
        if isCalm, failure.code == .sessionUnmet, CarriedSession.lists(key, upTo: [], in: request.token) {
            fail("\(key.text) is not served to a session that lists it, without any fault")
        }
        // A change that failed but was applied is a write of the session, too.
        guard failure.outcome == .applied else { return }
        guard let applied = failure.applied, applied.session.token != nil else {
            fail("a change of \(key.text) is applied, and its session gets no token")
            return
        }
        didChange(applied, key)
    }

    private func note(_ answer: SessionAnswer, _ key: Bytes, _ writes: Set<WriteLedger.WriteId>) {
        if request.token != nil, answer.isGuaranteed == nil {
            fail("an answer of \(key.text) does not say whether its session is guaranteed")
        }
        // An answer without a token leaves the session's token as it is.
        guard let token = answer.token else { return }
        if token.utf8.count > Self.maxTokenBytes { fail("a token has \(token.utf8.count) bytes") }
        request.token = token
        unnoted = nil
        seen[key, default: []].formUnion(writes)
    }
}

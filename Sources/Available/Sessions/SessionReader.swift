import EventLoop
import Replication

/// Reads in a session: the answer shows what the token says that the session has seen, or says that it may not (rule
/// A9).
struct SessionReader {
    let environment: Environment
    let reader: Reader
    let tokenChecks: SessionTokenChecks

    func read(_ request: ReadRequest) async throws(AvailableFailure) -> ReadResult {
        guard var token = try tokenChecks.token(of: request.session, outcome: nil) else {
            return try await reader.read(request)
        }
        var result: ReadResult
        let isGuaranteed: Bool
        switch token.seen(of: request.key) {
        case .upTo(let vector):
            (result, isGuaranteed) = try await read(request, covering: vector)
        case .unlisted, .lost:
            // An unlisted key may have been seen: the client may have lost the answer whose token listed it.
            guard !request.session.isRequired else {
                throw SessionTokenChecks.unmet("The session's token does not list this key.")
            }
            (result, isGuaranteed) = (try await reader.read(request), false)
        }
        if let vector = tokenChecks.vector(of: result.version, request.key) { token.note(request.key, vector) }
        result.session.token = tokenChecks.text(token)
        result.session.isGuaranteed = isGuaranteed
        return result
    }

    /// The answer of one replica and its time: it becomes staler while the others are awaited.
    private struct Part {
        let result: ReadResult
        /// Nil if the reply cannot be joined.
        let record: Record?
        let replica: Int
        let atNs: UInt64

        func stalenessMs(atNs nowNs: UInt64) -> Int64? {
            result.stalenessMs.map { $0 + Int64((nowNs - atNs + nsPerMs - 1) / nsPerMs) }
        }
    }

    /// The answer of the nearest replica if it covers `vector`, else of any other that does. Else the join of all
    /// records found, or if that does not cover it, the first answer without the guarantee.
    private func read(
        _ request: ReadRequest, covering vector: Bytes
    ) async throws(AvailableFailure) -> (ReadResult, Bool) {
        guard let wanted = VersionVector(text: vector) else { throw SessionTokenChecks.badToken(nil) }
        var parts: [Part] = []
        var query = Reader.Query(command: RecordReplies.command(request.key), deadlineNs: request.deadlineNs)
        query.maxStalenessMs = request.maxStalenessMs
        query.asksAll = true
        query.isRequired = request.session.isRequired
        let (result, isSufficient) = try await reader.search(query) { reply, replica -> Reader.Judgement<ReadResult> in
            switch reader.replies.result(of: reply, from: replica, request) {
            case .failure(let failure): return .failed(failure)
            case .success(let result):
                if tokenChecks.covers(result.version, request.key, wanted) { return .sufficient(result) }
                let record = reply?[0].flatMap(Record.init(stored:))
                parts.append(Part(result: result, record: record, replica: replica, atNs: environment.nowNs))
                // As soon as the replicas that answered cover it together: the last one may be slow.
                guard let joined = join(parts, wanted, request), Self.isFresh(joined, request) else {
                    return .insufficient(result)
                }
                return .sufficient(joined)
            }
        }
        if isSufficient { return (result, true) }
        guard !request.session.isRequired else {
            throw SessionTokenChecks.unmet("No reachable replica has all that the session has seen of this key.")
        }
        var aged = result
        aged.stalenessMs = parts.first?.stalenessMs(atNs: environment.nowNs)
        aged.isStale = reader.replies.isStale(aged.stalenessMs)
        guard Self.isFresh(aged, request) else { throw AttemptFailure.tooStale(aged.stalenessMs).failure }
        return (aged, false)
    }

    /// While other replicas were awaited, the answer became staler.
    private static func isFresh(_ result: ReadResult, _ request: ReadRequest) -> Bool {
        guard let limitMs = request.maxStalenessMs else { return true }
        return result.stalenessMs.map { $0 <= limitMs } ?? false
    }

    /// All records found as one; nil if their join does not cover what is wanted.
    private func join(_ parts: [Part], _ wanted: VersionVector, _ request: ReadRequest) -> ReadResult? {
        let parts = parts.filter { $0.record != nil }
        guard parts.count > 1 else { return nil }
        let record = parts.compactMap(\.record).reduce(Record()) { $0.joined($1) }
        guard record.vector.covers(wanted) else { return nil }
        let nowNs = environment.nowNs
        let nowUs = parts.compactMap { environment.replicas.clocks[$0.replica]?.earliestUs(atNs: nowNs) }.max() ?? 0
        // It holds all that the freshest of them did.
        let stalenessMs = parts.compactMap { $0.stalenessMs(atNs: nowNs) }.min()
        return reader.replies.result(
            record.view(atMs: nowUs / 1_000), record.vector.text, request, stalenessMs: stalenessMs, replica: nil)
    }
}

import EventLoop
import Replication

/// Reads in a session. The answer shows everything that the session has seen of the key, according to its token.
/// Otherwise it is marked as not guaranteed, or the read fails (rule A9).
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
            // A key that the token does not list may have been seen: perhaps the client lost the answer with the token
            // that listed it.
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

    /// The answer of one replica and its time of arrival, because it becomes staler while others are awaited.
    private struct Part {
        let result: ReadResult
        /// Nil if the reply is not a complete record, so that it cannot be joined.
        let record: Record?
        let replica: Int
        let atNs: UInt64

        func stalenessMs(atNs nowNs: UInt64) -> Int64? {
            result.stalenessMs.map { $0 + Int64((nowNs - atNs + nsPerMs - 1) / nsPerMs) }
        }
    }

    /// The answer of the nearest replica if it covers `vector`, else of any other replica whose answer does. Else the
    /// join of all answers if that covers `vector`. Else the first answer, without the guarantee.
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
                // The replicas that have answered may cover `vector` together. Then the last one, which may be slow, is
                // not awaited.
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

    /// Checks the staleness limit again, because the answer became staler while other replicas were awaited.
    private static func isFresh(_ result: ReadResult, _ request: ReadRequest) -> Bool {
        guard let limitMs = request.maxStalenessMs else { return true }
        return result.stalenessMs.map { $0 <= limitMs } ?? false
    }

    /// Joins all records found; nil if the join does not cover `wanted`.
    private func join(_ parts: [Part], _ wanted: VersionVector, _ request: ReadRequest) -> ReadResult? {
        let parts = parts.filter { $0.record != nil }
        guard parts.count > 1 else { return nil }
        let record = parts.compactMap(\.record).reduce(Record()) { $0.joined($1) }
        guard record.vector.covers(wanted) else { return nil }
        let nowNs = environment.nowNs
        let nowUs = parts.compactMap { environment.replicas.clocks[$0.replica]?.earliestUs(atNs: nowNs) }.max() ?? 0
        // The join contains everything that the freshest of the records contains.
        let stalenessMs = parts.compactMap { $0.stalenessMs(atNs: nowNs) }.min()
        return reader.replies.result(
            record.view(atMs: nowUs / 1_000), record.vector.text, request, stalenessMs: stalenessMs, replica: nil)
    }
}

import FoundationEssentials

/// The answer to a request, or the fact that none arrived. Members of the JSON body can be read as properties, such as
/// `answer.outcome`.
@dynamicMemberLookup
struct Answer: Sendable {
    /// The HTTP status; 0 if no complete answer arrived.
    let status: Int
    let tookMs: Double
    let body: String
    /// False if no byte of the request was sent, so that it had no effect. If a sent request gets no answer, its effect
    /// is unknown.
    let isSent: Bool
    private let json: AnswerBody?

    init(status: Int, tookMs: Double, body: String, isSent: Bool = true) {
        self.status = status
        self.tookMs = tookMs
        self.body = body
        self.isSent = isSent
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        json = try? decoder.decode(AnswerBody.self, from: Data(body.utf8))
    }

    /// - Parameter tookMs: how long the client waited, in milliseconds.
    static func missing(isSent: Bool, tookMs: Double = 0) -> Answer {
        Answer(status: 0, tookMs: tookMs, body: "", isSent: isSent)
    }

    subscript<Member>(dynamicMember member: KeyPath<AnswerBody, Member?>) -> Member? { json?[keyPath: member] }

    /// For a failed change: true if it certainly had no effect. It was not sent, its outcome is `not_applied`, or its
    /// answer is a 4xx without an outcome.
    var isNotApplied: Bool {
        !isSent || json?.outcome == "not_applied" || (json?.outcome == nil && (400..<500).contains(status))
    }

    /// The values of a conflict, without deletes; empty if there is no conflict.
    var siblings: Set<String> { Set((json?.conflicts ?? []).compactMap { $0?.text }) }

    /// For an answer of `/replicas`: true if the staleness of every replica is known.
    var knowsEveryStaleness: Bool {
        guard let replicas = json?.replicas, !replicas.isEmpty else { return false }
        return replicas.allSatisfy { $0.stalenessMs != nil }
    }

    /// The wait of the client as text, such as "0.3 ms" or "731 ms". Tenths are shown below 10 ms.
    var took: String { tookMs < 9.95 ? "\(Self.tenths(tookMs)) ms" : "\(Int(tookMs.rounded())) ms" }

    var statusText: String { status != 0 ? "\(status)" : isSent ? "no answer" : "connection refused" }

    /// The answer as a short text, such as "200", "200, may miss 2.1 s" or "503 no_quorum, 2.0 ms".
    var summary: String {
        guard status != 0 else { return statusText }
        guard status == 200 else { return statusText + (json?.code.map { " \($0)" } ?? "") + ", \(took)" }
        guard json?.stale == true else { return "200" }
        return "200, " + (json?.stalenessMs.map { "may miss \(Self.seconds($0)) s" } ?? "may be old")
    }

    static func seconds(_ durationMs: Double) -> String { tenths(durationMs / 1_000) }

    private static func tenths(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }
}

/// The JSON members that the lab reads from answers. Each answer has only some of them.
struct AnswerBody: Decodable, Sendable {
    struct Replica: Decodable, Sendable {
        struct Hints: Decodable, Sendable {
            let entries: Int
            let overflowed: Int
        }

        let node: String?
        let reachable: Bool?
        let stalenessMs: Double?
        let hints: [String: Hints]?
    }

    /// A string, an integer, or the member `value` of an object.
    struct Text: Decodable, Sendable {
        let text: String

        enum CodingKeys: CodingKey { case value }

        init(from decoder: any Decoder) throws {
            let single = try decoder.singleValueContainer()
            if let number = try? single.decode(Int64.self) {
                text = "\(number)"
            } else if let string = try? single.decode(String.self) {
                text = string
            } else {
                text = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .value)
            }
        }
    }

    let value: String?
    let code: String?
    let outcome: String?
    /// For an error: one sentence that explains it.
    let detail: String?
    let version: Text?
    let stalenessMs: Double?
    let stale: Bool?
    /// For a change: how many replicas were known to have it when the service answered.
    let replicasAcked: Int?
    /// The replica that answered a read, or coordinated a change.
    let replica: String?
    /// The values of a conflict; an entry is nil for a delete.
    let conflicts: [Text?]?
    let replicas: [Replica]?
}

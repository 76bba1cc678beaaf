import FoundationEssentials

/// An answer of a service to a client. Members of the JSON body are members of the answer: `answer.outcome`.
@dynamicMemberLookup
struct Answer: Sendable {
    /// The HTTP status; 0 if there was no answer.
    let status: Int
    let tookMs: Double
    let body: String
    private let json: AnswerBody

    init(status: Int, tookMs: Double, body: String) {
        self.status = status
        self.tookMs = tookMs
        self.body = body
        json = (try? JSONDecoder().decode(AnswerBody.self, from: Data(body.utf8))) ?? .empty
    }

    subscript<Member>(dynamicMember member: KeyPath<AnswerBody, Member>) -> Member { json[keyPath: member] }

    /// The values of all siblings that have one; empty without a conflict.
    var siblings: Set<String> { Set((json.conflicts ?? []).compactMap { $0?.text }) }

    /// On a page of `/replicas`: whether the staleness of each replica is known.
    var knowsEveryStaleness: Bool {
        guard let replicas = json.replicas, !replicas.isEmpty else { return false }
        return replicas.allSatisfy { $0.stalenessMs != nil }
    }

    /// "0.3 ms" or "731 ms": tenths below 10 ms.
    var took: String { tookMs < 9.95 ? "\(Self.tenths(tookMs)) ms" : "\(Int(tookMs.rounded())) ms" }

    /// "200", "200, 2.1 s old", "503 no_quorum, 2.0 ms".
    var summary: String {
        guard status == 200 else {
            return ((status == 0 ? "no answer" : "\(status)") + (json.code.map { " \($0)" } ?? "")) + ", \(took)"
        }
        guard json.stale == true else { return "200" }
        return "200, " + (json.stalenessMs.map { "\(Self.seconds($0)) s old" } ?? "age unknown")
    }

    static func seconds(_ durationMs: Double) -> String { tenths(durationMs / 1_000) }

    private static func tenths(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

/// The members that the lab reads from the body of any answer.
struct AnswerBody: Decodable, Sendable {
    struct Replica: Decodable, Sendable {
        struct Hints: Decodable, Sendable {
            var entries: Int
            var overflowed: Int
        }

        var node: String?
        var reachable: Bool?
        var stalenessMs: Double?
        var hints: [String: Hints]?

        enum CodingKeys: String, CodingKey {
            case node, reachable, hints
            case stalenessMs = "staleness_ms"
        }
    }

    /// A string, a whole number, or the `value` of an object.
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
    let version: Text?
    let stalenessMs: Double?
    let stale: Bool?
    /// Of a change: how many replicas had it when it was acknowledged.
    let replicasAcked: Int?
    /// The replica that answered, or that acknowledged the change first.
    let replica: String?
    /// By sibling; nil for a delete.
    let conflicts: [Text?]?
    let replicas: [Replica]?

    /// The body of an answer without JSON.
    static let empty = try! JSONDecoder().decode(AnswerBody.self, from: Data("{}".utf8))

    enum CodingKeys: String, CodingKey {
        case value, code, outcome, version, stale, replica, conflicts, replicas
        case stalenessMs = "staleness_ms"
        case replicasAcked = "replicas_acked"
    }
}

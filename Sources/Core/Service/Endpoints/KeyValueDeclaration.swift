import HTTP
import JSON
import Replication

/// The parts that one service adds to the declarations of `/read`, `/write` and `/delete`.
public struct KeyValueDeclaration: Sendable {
    public struct Part: Sendable {
        /// Query parameters and header fields.
        public var parameters: [Parameter]
        public var answers: [Answer]
        public var problems: [DeclaredProblem]

        public init(_ parameters: [Parameter], _ answers: [Answer], _ problems: [DeclaredProblem]) {
            self.parameters = parameters
            self.answers = answers
            self.problems = problems
        }
    }

    public var read: Part
    public var write: Part
    public var delete: Part

    public init(read: Part, write: Part, delete: Part) {
        self.read = read
        self.write = write
        self.delete = delete
    }
}

/// The parameters of the key-value requests.
public enum KeyValueParameters {
    static let maxKeyBytes = 512
    /// Ten years, because a longer time to live is most likely a mistake.
    private static let maxTTLMs: Int64 = 315_360_000_000

    static let key = Parameter.text(
        .path, "key", schema: ["type": "string", "minLength": 1, "maxLength": .integer(Int64(maxKeyBytes))],
        example: "seat-12A", "The key: 1 to \(maxKeyBytes) bytes, percent-encoded; a slash is `%2F`.")
    static let value = Parameter.text(
        .path, "value", schema: ["type": "string", "minLength": 1], example: "ada",
        "The value, percent-encoded; a slash is `%2F`.")
    static let ttlMs = Parameter.integer(
        "ttl_ms", in: 1...maxTTLMs, example: 60_000,
        "Time to live in milliseconds; without it, the value never expires.")
    public static let maxStalenessMs = Parameter.integer(
        "max_staleness_ms", in: 0...maxTTLMs, example: 5_000,
        "The greatest accepted `staleness_ms`; otherwise 412 `too_stale`.")
    public static let requireSession = Parameter.flag(
        "require_session",
        "412 `session_unmet` for a read, or a delete that finds nothing, if the session guarantees do not hold. "
            + "A write gets 412 if the token has no room for its key.")
}

/// Schemas of members that both services have in their answers.
public enum AnswerMembers {
    public static func mode(_ mode: ServiceMode) -> [Member] {
        [
            Member("mode", ["const": .string(mode.rawValue)]),
            Member("key", ["type": "string"]),
            Member(
                "key_encoding", ["const": "base64", "description": "Present if the key is not valid UTF-8."],
                isRequired: false),
        ]
    }

    public static let value = [
        Member("value", ["type": "string"]),
        Member("encoding", ["enum": ["utf-8", "base64"], "description": "`base64` if the value is not valid UTF-8."]),
    ]
    public static let applied = [
        Member("outcome", ["const": "applied"]),
        Member(
            "replicas_acked",
            ["type": "integer", "minimum": 1, "description": "Number of replicas that are known to have the change."]),
    ]
    public static let staleness = [
        Member(
            "staleness_ms",
            [
                "type": ["integer", "null"], "minimum": 0,
                "description": "The answer may miss writes of this last time, in milliseconds; null if unknown.",
            ]),
        Member("stale", ["type": "boolean", "description": "`staleness_ms` is above `MAX_STALENESS_MS`, or unknown."]),
    ]
    public static let expires = Member(
        "expires_ms", ["type": "integer", "description": "When the value expires, in milliseconds since 1970."],
        isRequired: false)
    /// The schema of a number that is not negative; null if it is unknown.
    public static let count: JSONValue = ["type": ["integer", "null"], "minimum": 0]
}

extension DeclaredProblem {
    /// A failure of an engine.
    /// - Parameters:
    ///   - outcome: the outcome in the example of a change; nil for reads.
    ///   - members: additional members, with their values in the example.
    public init(
        _ code: StoreFailure.Code, outcome: Outcome? = nil,
        members: [(member: Member, example: Problem.Member)] = [], headers: [DeclaredHeader] = []
    ) {
        var example = Problem(StoreFailure(code, code.meaning, outcome: outcome))
        for (member, value) in members { example = example.with(member.name, value) }
        self.init(example, members: members.map(\.member), headers: headers)
    }

    /// A key that does not exist.
    public static func noSuchKey(
        outcome: Outcome? = nil, members: [(member: Member, example: Problem.Member)], headers: [DeclaredHeader] = []
    ) -> DeclaredProblem {
        var example = Problem.noSuchKey
        if let outcome { example = example.with(outcome) }
        for (member, value) in members { example = example.with(member.name, value) }
        return DeclaredProblem(example, members: members.map(\.member), headers: headers)
    }
}

extension StoreFailure.Code {
    /// An example of the failure's detail.
    fileprivate var meaning: String {
        switch self {
        case .noQuorum: "a majority of the replicas cannot be reached"
        case .noReplica: "no replica can be reached"
        case .replicasBlank: "the replicas are blank: run 'app-cp init' once for a new group"
        case .rebuilding: "too few replicas vote: g1 is being rebuilt"
        case .insufficientAcks: "1 of the 2 replicas asked for have it. It will reach the others."
        case .overloaded: "the replicas have too many unanswered commands"
        case .timeout: "no replica answered in time"
        case .preconditionFailed: "the current version is another one"
        case .tooStale: "no reachable replica is known to be that fresh"
        case .tooManySiblings: "the context is too old: 101 values that it does not cover would stay"
        case .badContext: "the context was not issued for this key by this group"
        case .badToken: "the session token was not issued by this group"
        case .sessionUnmet: "the session's token does not list this key"
        case .badReply: "a replica rejected the command"
        case .replicaFull: "the memory of a replica is full"
        }
    }
}

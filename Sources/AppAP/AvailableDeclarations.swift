import HTTP
import JSON
import Replication
import Service

/// The parts that `app-ap` adds to the declarations of the endpoints that both services have.
enum AvailableDeclarations {
    // MARK: Members

    private static let version = Member(
        "version",
        ["type": "string", "description": "Covers exactly the values of the key that this answer shows; opaque."])
    private static let replica = Member(
        "replica", ["type": "string", "description": "The replica that answered the read, or coordinated the change."],
        isRequired: false)
    /// The schema of conflicting values: text, null for a delete, or an object with a value that is not valid UTF-8.
    private static let values: JSONValue = [
        "type": "array",
        "items": [
            "oneOf": [["type": "string"], ["type": "null"], Member.object([Member("base64", ["type": "string"])])]
        ],
    ]
    private static let conflicts = Member("conflicts", values, isRequired: false)
    private static let overwritten = Member("overwritten", values)
    private static let session = Member(
        "session",
        [
            "enum": ["guaranteed", "not_guaranteed"],
            "description": "Whether the session guarantees hold; present if the request had a token.",
        ], isRequired: false)
    private static let sample = "A2bC"

    // MARK: Header fields

    private static let sessionToken = DeclaredHeader(
        "X-Session-Token", "For the next request of the session, to any site.", example: .string(sample))

    private static let tokenField = Parameter.text(
        .header, "X-Session-Token", schema: ["type": "string", "format": "session-token"], example: .string(sample),
        "The token of the session's last answer.")
    private static let context = Parameter.text(
        .header, "X-Context", schema: ["type": "string", "format": "context"], example: .string(sample),
        "A `version` of this key: the change replaces exactly the values that the answer with this version showed.")

    // MARK: Failures

    private static let changeProblems: [DeclaredProblem] =
        [.noReplica, .overloaded, .badReply, .replicaFull, .timeout].map { DeclaredProblem($0, outcome: .unknown) }
        + [.badContext, .badToken, .sessionUnmet, .tooManySiblings].map { DeclaredProblem($0, outcome: .notApplied) }
        + [
            DeclaredProblem(
                .insufficientAcks, outcome: .applied,
                members: [
                    (
                        Member("replicas_acked", ["type": "integer", "minimum": 1]), .integer(1)
                    ),
                    (version, .string(sample)), (conflicts, .values([Array("eve".utf8)])),
                    (overwritten, .values([])), (session, .string("guaranteed")),
                ], headers: [sessionToken])
        ]

    // MARK: Endpoints

    static let keyValue = KeyValueDeclaration(
        read: KeyValueDeclaration.Part(
            [KeyValueParameters.maxStalenessMs, KeyValueParameters.requireSession, tokenField], [found],
            [.noReplica, .overloaded, .badReply, .timeout, .badToken, .sessionUnmet].map { DeclaredProblem($0) } + [
                DeclaredProblem(
                    .tooStale, members: [(Member("staleness_ms", AnswerMembers.count).optional, .integer(9_000))]),
                .noSuchKey(
                    members: [
                        (version, .string(sample)), (AnswerMembers.staleness[0], .integer(120)),
                        (AnswerMembers.staleness[1], .bool(false)),
                        (conflicts, .values([nil, Array("eve".utf8)])), (session, .string("guaranteed")),
                    ], headers: [sessionToken]),
            ]),
        write: KeyValueDeclaration.Part(
            [KeyValueParameters.requireSession, tokenField, context], [applied], changeProblems),
        delete: KeyValueDeclaration.Part(
            [KeyValueParameters.requireSession, tokenField, context], [applied],
            changeProblems + [
                .noSuchKey(
                    outcome: .notApplied, members: [(version, .string(sample)), (session, .string("guaranteed"))],
                    headers: [sessionToken])
            ]))

    private static let applied = Answer(
        200, "The change is applied", headers: [sessionToken],
        [
            .object(
                AnswerMembers.mode(.ap) + [version] + AnswerMembers.applied
                    + [replica, conflicts, overwritten, session],
                example: [
                    "mode": "ap", "key": "seat-12A", "version": .string(sample), "outcome": "applied",
                    "replicas_acked": 1, "replica": "g1", "overwritten": [],
                ])
        ],
        links: [
            link("read", "read", "Reads the value, in the same session", []),
            link(
                "deleteSeen", "delete", "Deletes the values that remain after this change",
                [("header.X-Context", "$response.body#/version")]),
        ])

    private static let found = Answer(
        200, "The value", headers: [sessionToken] + bareHeaders,
        [
            .object(
                AnswerMembers.mode(.ap) + AnswerMembers.value + [version] + AnswerMembers.staleness
                    + [AnswerMembers.expires, replica, conflicts, session],
                example: [
                    "mode": "ap", "key": "seat-12A", "value": "ada", "encoding": "utf-8", "version": .string(sample),
                    "staleness_ms": 120, "stale": false, "replica": "g1", "conflicts": ["ada", "eve"],
                ]),
            Answer.Content(ContentType.octets),
        ],
        links: [
            link(
                "writeSeen", "write", "Replaces the values that this answer shows",
                [("header.X-Context", "$response.body#/version")]),
            link(
                "deleteSeen", "delete", "Deletes the values that this answer shows",
                [("header.X-Context", "$response.body#/version")]),
        ])

    /// The header fields of a response with bare bytes, which replace members of the JSON object.
    private static let bareHeaders = [
        DeclaredHeader(
            "X-Context", "With bare bytes: the version. Absent with conflicts, or if it is too long for a header.",
            example: .string(sample)),
        DeclaredHeader(
            "X-Staleness-Ms", "With bare bytes: `staleness_ms`, or `unknown`.",
            schema: ["type": "string", "pattern": "^([0-9]+|unknown)$"], example: "120"),
        DeclaredHeader(
            "X-Stale", "With bare bytes: `stale`.", schema: ["enum": ["true", "false"]], example: "false"),
        DeclaredHeader(
            "X-Conflicts", "With bare bytes: the number of conflicting values.",
            schema: ["type": "integer", "minimum": 0], example: 0),
        DeclaredHeader("X-Replica", "With bare bytes: `replica`.", example: "g1"),
        DeclaredHeader(
            "X-Session", "With bare bytes: `session`.", schema: ["enum": ["guaranteed", "not_guaranteed"]],
            example: "guaranteed"),
    ].map(\.optional)

    private static func link(
        _ name: String, _ operation: String, _ summary: String, _ parameters: [(name: String, expression: String)]
    ) -> Answer.Link {
        let same = [
            ("path.key", "$request.path.key"), ("header.X-Session-Token", "$response.header.X-Session-Token"),
        ]
        return Answer.Link(name, to: operation, summary, same + parameters)
    }
}

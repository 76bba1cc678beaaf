import HTTP
import JSON
import Replication
import Service

/// The parts that `app-cp` adds to the declarations of the endpoints that both services have.
enum ConsistentDeclarations {
    private static let version = Member(
        "version", ["type": "integer", "minimum": 0, "description": "Number of the key's last change."])

    // MARK: Failures

    /// The failures of reads and of the readiness check. Changes have the same failures, with an outcome.
    private static let failures: [StoreFailure.Code] = [
        .noQuorum, .replicasBlank, .rebuilding, .overloaded, .badReply, .replicaFull, .timeout,
    ]

    private static func preconditionFailed(outcome: Outcome?) -> DeclaredProblem {
        DeclaredProblem(.preconditionFailed, outcome: outcome, members: [(version, .integer(3))], headers: [etag])
    }

    // MARK: Header fields

    private static let etag = DeclaredHeader(
        "ETag", "The version in quotes; for bare bytes it ends in `-bytes`.",
        schema: ["type": "string", "pattern": "^\"[0-9]+(-bytes)?\"$"], example: "\"3\"")

    private static func condition(_ name: String, _ summary: String) -> Parameter {
        .text(
            .header, name,
            schema: [
                "anyOf": [
                    ["const": "*"],
                    [
                        "type": "string",
                        "pattern": #"^(W/)?"[0-9]{1,18}(-bytes)?"(, (W/)?"[0-9]{1,18}(-bytes)?")*$"#,
                    ],
                ]
            ], example: "\"3\"", summary)
    }

    private static let conditions = [
        condition("If-Match", "The key must be at one of these versions; `*`: it must exist."),
        condition(
            "If-None-Match", "The key must not be at one of these versions; `*`: it must not exist."),
    ]

    // MARK: Endpoints

    static let keyValue = KeyValueDeclaration(
        read: KeyValueDeclaration.Part(
            conditions, [found, notModified],
            [
                .noSuchKey(
                    members: [(version, .integer(0))]
                        + zip(AnswerMembers.staleness, [.integer(0), .bool(false)]).map { ($0, $1) },
                    headers: [etag]),
                preconditionFailed(outcome: nil), badPrecondition,
            ] + failures.map { DeclaredProblem($0) }),
        write: KeyValueDeclaration.Part(conditions, [applied], changeProblems),
        delete: KeyValueDeclaration.Part(
            conditions, [applied],
            changeProblems + [.noSuchKey(outcome: .notApplied, members: [(version, .integer(0))])]))

    private static let changeProblems =
        [preconditionFailed(outcome: .notApplied), badPrecondition]
        + failures.map { DeclaredProblem($0, outcome: .unknown) }

    private static let badPrecondition = DeclaredProblem(
        .badRequest("bad_precondition", "If-Match takes * alone, or versions in quotes as ETag has them"))

    private static let applied = Answer(
        200, "The change is applied", headers: [etag],
        [
            .object(
                AnswerMembers.mode(.cp) + [version] + AnswerMembers.applied,
                example: [
                    "mode": "cp", "key": "seat-12A", "version": 3, "outcome": "applied", "replicas_acked": 2,
                ])
        ],
        links: [
            link("read", "read", "Reads the value", []),
            link(
                "readIfChanged", "read", "Reads the value if it has changed after this change",
                [("header.If-None-Match", "$response.header.ETag")]),
            link(
                "deleteIfUnchanged", "delete", "Deletes this version", [("header.If-Match", "$response.header.ETag")]),
        ])

    private static let found = Answer(
        200, "The value", headers: [etag] + bareHeaders,
        [
            .object(
                AnswerMembers.mode(.cp) + AnswerMembers.value + [version] + AnswerMembers.staleness
                    + [AnswerMembers.expires],
                example: [
                    "mode": "cp", "key": "seat-12A", "value": "ada", "encoding": "utf-8", "version": 3,
                    "staleness_ms": 0, "stale": false,
                ]),
            Answer.Content(ContentType.octets),
        ],
        links: [
            link("write", "write", "Replaces this version", [("header.If-Match", "$response.header.ETag")]),
            link("delete", "delete", "Deletes this version", [("header.If-Match", "$response.header.ETag")]),
        ])

    private static let notModified = Answer(
        304, "The key is at a version that `If-None-Match` lists", headers: [etag] + bareHeaders)

    /// The header fields of a response with bare bytes, which replace the members of the JSON object.
    private static let bareHeaders = [
        DeclaredHeader("X-Staleness-Ms", "With bare bytes: `0`.", schema: ["const": "0"], example: "0"),
        DeclaredHeader("X-Stale", "With bare bytes: `false`.", schema: ["const": "false"], example: "false"),
        DeclaredHeader("X-Conflicts", "With bare bytes: `0`.", schema: ["const": "0"], example: "0"),
    ].map(\.optional)

    private static func link(
        _ name: String, _ operation: String, _ summary: String, _ parameters: [(name: String, expression: String)]
    ) -> Answer.Link {
        Answer.Link(name, to: operation, summary, [("path.key", "$request.path.key")] + parameters)
    }

    // MARK: Replicas

    static let service = ServiceDeclaration(
        summary: "A linearizable key-value store that is available while a majority of its replicas can be reached.",
        readinessFailures: failures,
        replicaMembers: [
            (
                Member(
                    "role",
                    [
                        "enum": [
                            "unreachable", "not_admitted", "unclear", "blank", "occupied", "foreign", "rebuilding",
                            "replaced", "acceptor",
                        ]
                    ]), "acceptor"
            ),
            (Member("incarnation", ["type": ["string", "null"]]), "6f1c"),
            (Member("epoch", AnswerMembers.count), 1),
            (Member("rollback_counter", AnswerMembers.count), 60),
            (Member("keys", AnswerMembers.count), 12),
            (Member("writable", ["type": "boolean"]), true),
            (Member("problem", ["type": "string"], isRequired: false), "g1 accepts no writes"),
            (Member("durable", ["type": ["boolean", "null"]]), false),
            (Member("durability", ["type": "string"], isRequired: false), "appendfsync is not always"),
            (Member("rebuild", rebuild, isRequired: false), rebuildExample),
        ])

    private static let rebuild = Member.object([
        Member("phase", ["type": "string"]), Member("keys_compared", ["type": "integer", "minimum": 0]),
        Member("keys_repaired", ["type": "integer", "minimum": 0]),
        Member("note", ["type": "string"], isRequired: false),
    ])
    private static let rebuildExample: JSONValue = ["phase": "filling", "keys_compared": 10, "keys_repaired": 2]
}

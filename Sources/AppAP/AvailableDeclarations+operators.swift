import HTTP
import JSON
import Replication
import Service

extension AvailableDeclarations {
    // MARK: Replicas

    static let service = ServiceDeclaration(
        summary: "A key-value store that is available while one replica can be reached, and shows conflicting values.",
        readinessFailures: [.noReplica],
        replicaMembers: [
            (Member("role", ["const": "replica"]), "replica"),
            (Member("as_of_ms_ago", AnswerMembers.count), 12),
            (Member("problem", ["type": ["string", "null"]]), nil),
            (Member("incarnation", ["type": ["string", "null"]]), "6f1c"),
            (Member("staleness_ms", AnswerMembers.count), 120),
            (
                Member("replicated_ms_ago", ["type": "object", "additionalProperties": AnswerMembers.count]),
                ["g2": 120, "g3": nil]
            ),
            (
                Member("hints", ["type": "object", "additionalProperties": hints]),
                ["g2": ["entries": 1, "overflowed": 0, "oldest_ms": 120]]
            ),
            (Member("suspected", ["type": "boolean"]), false),
            (Member("refused", ["type": ["string", "null"]]), nil),
            (Member("anti_entropy_needed", ["type": "boolean"]), false),
            (Member("last_anti_entropy_ms_ago", AnswerMembers.count), 60_000),
        ])

    private static let hints = Member.object([
        Member("entries", ["type": "integer", "minimum": 0]), Member("overflowed", ["type": "integer", "minimum": 0]),
        Member("oldest_ms", AnswerMembers.count),
    ])

    // MARK: Conflicts

    static let conflictLimit = Parameter.integer(
        "limit", in: 1...1_000, default: 100, example: 100, "The most keys per page.")

    static var conflictPage: Endpoint {
        var endpoint = Endpoint(
            .get, "/conflicts", operation: "conflicts",
            Endpoint.Text(
                id: "conflicts", "Lists keys with several values",
                details: "One replica answers each page. Conflicts that have not reached it are not listed."))
        endpoint.scope = .admin
        endpoint.parameters = [
            conflictLimit,
            .text(.query, "after", example: "seat-12A", "`next` of the previous page."),
        ]
        let keys: JSONValue = [
            "type": "array",
            "items": ["oneOf": [["type": "string"], Member.object([Member("base64", ["type": "string"])])]],
        ]
        endpoint.answers = [
            Answer(
                200, "A page of keys",
                [
                    .object(
                        [
                            Member("mode", ["const": "ap"]), Member("keys", keys),
                            Member(
                                "next",
                                [
                                    "type": ["string", "null"],
                                    "description": "Last key of a full page, percent-encoded; else null.",
                                ]),
                        ], example: ["mode": "ap", "keys": ["seat-12A"], "next": nil])
                ])
        ]
        endpoint.problems = [StoreFailure.Code.noReplica, .overloaded, .badReply, .timeout].map { DeclaredProblem($0) }
        return endpoint
    }
}

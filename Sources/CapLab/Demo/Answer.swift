/// What a service answered, as its client saw it.
struct Answer: Equatable, Sendable {
    /// The HTTP status; 0 where there was no answer.
    var status = 0
    var tookMs = 0.0
    var body = ""
    private var json: JSONValue?

    /// - Parameter output: the body, a line end, then status and seconds as `%{http_code} %{time_total}` print them.
    init(curlOutput output: String) {
        guard let end = output.lastIndex(of: "\n") else { return }
        let figures = output[output.index(after: end)...].split(separator: " ")
        guard figures.count == 2, let status = Int(figures[0]), let seconds = Double(figures[1]) else {
            body = output
            return
        }
        self.status = status
        tookMs = seconds * 1_000
        body = String(output[..<end])
        if body.hasSuffix("\n") { body.removeLast() }
        json = JSONValue(body)
    }

    init(status: Int, tookMs: Double, body: String) {
        self.status = status
        self.tookMs = tookMs
        self.body = body
        json = JSONValue(body)
    }

    var value: String? { json?["value"]?.text }
    var code: String? { json?["code"]?.text }
    var outcome: String? { json?["outcome"]?.text }
    var version: String? { json?["version"]?.text }
    var stalenessMs: Double? { json?["staleness_ms"]?.number }
    var isStale: Bool? {
        if case .bool(let isStale)? = json?["stale"] { isStale } else { nil }
    }

    /// Of a change: how many replicas had it when it was acknowledged.
    var replicasAcked: Int? { json?["replicas_acked"]?.number.map { Int($0) } }
    /// Who answered, or took the change.
    var replica: String? { json?["replica"]?.text }
    /// Of a page of `/replicas`.
    var replicas: [JSONValue] { json?["replicas"]?.elements ?? [] }

    /// Of a page of `/replicas`: whether each has a `staleness_ms` that is known.
    var knowsEveryAge: Bool {
        !replicas.isEmpty && replicas.allSatisfy { $0["staleness_ms"]?.number != nil }
    }

    /// The values of all siblings; empty where there is no conflict.
    var conflicts: Set<String> {
        Set((json?["conflicts"]?.elements ?? []).compactMap { $0["value"]?.text ?? $0.text })
    }

    /// "0.3 ms" or "731 ms": tenths only where they matter.
    var took: String {
        tookMs < 9.95 ? "\(Self.tenths(tookMs)) ms" : "\(Int(tookMs.rounded())) ms"
    }

    /// For the table at the end: "200", "200, 2.1 s old", "503 no_quorum, 2 ms".
    var summary: String {
        guard status == 200 else {
            return "\(status == 0 ? "no answer" : "\(status)") \(code ?? "")".trimmingSpaces + ", \(took)"
        }
        guard isStale == true else { return "200" }
        return "200, " + (stalenessMs.map { "\(Self.seconds($0)) s old" } ?? "age unknown")
    }

    static func seconds(_ durationMs: Double) -> String { tenths(durationMs / 1_000) }

    private static func tenths(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

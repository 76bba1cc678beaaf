import Glibc
import TestSupport
import Testing

@testable import HTTP

/// Mutated requests against ``ReferenceParser``: the server must read each input as the reference does, and in no other
/// way. The environment variable `HTTP_MUTATIONS` sets the number of requests.
@Suite(.timeLimit(.minutes(60))) struct GrammarTests {
    private static let mutations = getenv("HTTP_MUTATIONS").flatMap { Int(String(cString: $0)) } ?? 100_000

    private static func text(_ input: [UInt8]) -> String {
        String(decoding: input, as: UTF8.self).debugDescription
    }

    @Test func mutatedRequestsAreReadAsByTheReference() throws {
        var count = 0
        var refused = 0
        var seed: UInt64 = 0
        while count < Self.mutations {
            seed += 1
            var mutator = RequestMutator(seed: seed)
            let (input, requests) = mutator.pipeline()
            count += requests
            var splitter = RequestSplitter(maxHeadBytes: 8_192)
            for part in mutator.parts(of: input) { part.withUnsafeBytes { splitter.append($0) } }
            let expected = ReferenceParser.outcomes(of: input)
            refused += expected.last == .refused ? 1 : 0
            let outcomes = Self.outcomes(of: &splitter)
            guard outcomes != expected else { continue }
            Issue.record("seed \(seed): \(Self.text(input)) is \(outcomes), not \(expected)")
            return
        }
        #expect(refused > count / 10, "the inputs are neither all valid nor all invalid")
        #expect(refused < count / 2)
    }

    /// Reads the canonical messages, which libmicrohttpd gets, by the reference parser.
    private static func outcomes(of splitter: inout RequestSplitter) -> [ReferenceParser.Outcome] {
        var output = [UInt8](repeating: 0, count: splitter.output.count)
        _ = output.withUnsafeMutableBytes { splitter.takeOutput(into: $0) }
        var canonical = ReferenceParser.outcomes(of: output, needsHost: false)
        var outcomes: [ReferenceParser.Outcome] = []
        while !canonical.isEmpty, let head = splitter.nextHead() {
            guard case .request(_, _, let body, let isLast) = canonical.removeFirst() else { return [] }
            let isBroken = splitter.brokenBody?.number == head.number
            outcomes.append(
                head.problem != nil || isBroken
                    ? .refused
                    : .request(
                        method: head.requestLine.method.name, target: head.requestLine.target, body: body,
                        isLast: isLast))
        }
        return canonical.isEmpty ? outcomes : []
    }

    /// Over sockets and through libmicrohttpd: each request gets one answer, in order, and no handler runs for anything
    /// else. The number of mutations is a tenth, because each input needs its own connection, which takes as long as
    /// ten inputs above.
    @Test func everyRequestGetsOneAnswerAndNoneIsSmuggled() throws {
        let seen = Box<[String]>([])
        let server = try TestServer({ $0.connections.crowdedIdleTimeoutMs = 100 }) { router in
            router.add(.get, "/e", operation: "e", parameters: nil) { _ in .text("read") }
            router.add(.post, "/e", operation: "e", parameters: nil, maxBodyBytes: 1_000) { _ in .text("written") }
            router.onResponse = { request, _, response in
                let name = "\(request.method.name) \(String(decoding: request.target, as: UTF8.self))"
                seen.value.append([400, 501, 505].contains(response.status) ? "refused" : name)
            }
        }
        defer { server.stop() }
        var count = 0
        var seed: UInt64 = 1 << 32
        while count < Self.mutations / 10 {
            // Use one connection at a time, so that all recorded requests are from this connection.
            seed += 1
            var mutator = RequestMutator(seed: seed)
            let (input, requests) = mutator.pipeline()
            count += requests
            let outcomes = ReferenceParser.outcomes(of: input)
            let last = outcomes.firstIndex(where: \.isLast).map { $0 + 1 } ?? outcomes.count
            let expected = outcomes.prefix(last)
            let client = try server.connect()
            for part in mutator.parts(of: input) { client.send(Array(part)) }
            for case .request(let method, _, _, _) in expected { _ = try client.readAnswer(hasBody: method != "HEAD") }
            client.finishSending()
            let rest = client.readToEnd()
            let answers = rest.split(separator: "HTTP/1.1 ", omittingEmptySubsequences: false).dropFirst()
            let names = expected.map(\.name)
            let handled = server.onReactor {
                defer { seen.value = [] }
                return seen.value
            }
            let isRefused = expected.last == .refused
            guard handled != names || answers.count != (isRefused ? 1 : 0) || rest.isEmpty == isRefused else {
                continue
            }
            Issue.record("seed \(seed): \(Self.text(input)): handled \(handled), not \(names); then \(rest)")
            return
        }
    }
}

extension ReferenceParser.Outcome {
    fileprivate var isLast: Bool {
        guard case .request(_, _, _, let isLast) = self else { return true }
        return isLast
    }

    fileprivate var name: String {
        guard case .request(let method, let target, _, _) = self else { return "refused" }
        return "\(method) \(String(decoding: target, as: UTF8.self))"
    }
}

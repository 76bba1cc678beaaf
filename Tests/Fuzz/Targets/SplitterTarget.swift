import TestSupport

@testable import HTTP

/// A stream of bytes becomes the same requests for ``RequestSplitter`` as for ``ReferenceParser``, in whatever parts it
/// arrives.
struct SplitterTarget: FuzzTarget {
    private static let maxHeadBytes = 8_192

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        var random = RandomParts(seed: input.byte())
        let bytes = input.remainder()
        var whole = RequestSplitter(maxHeadBytes: Self.maxHeadBytes)
        bytes.withUnsafeBytes { whole.append($0) }
        var parts = RequestSplitter(maxHeadBytes: Self.maxHeadBytes)
        for part in random.parts(of: bytes) { part.withUnsafeBytes { parts.append($0) } }
        try require(whole.output == parts.output, "the parts give \(quoted(parts.output)), not \(quoted(whole.output))")
        try require(whole.hasFailed == parts.hasFailed, "only one of whole and parts is refused")
        let expected = ReferenceParser.outcomes(of: bytes)
        let outcomes = Self.outcomes(of: &whole)
        try require(outcomes == expected, "\(quoted(bytes)) is \(outcomes), not \(expected)")
        try require(Self.outcomes(of: &parts) == expected, "\(quoted(bytes)) is another message in parts")

        // The limit of a head, too: only that nothing depends on the parts, because the reference knows no limit.
        var short = RequestSplitter(maxHeadBytes: 64)
        bytes.withUnsafeBytes { short.append($0) }
        var shortParts = RequestSplitter(maxHeadBytes: 64)
        for part in random.parts(of: bytes) { part.withUnsafeBytes { shortParts.append($0) } }
        try require(short.output == shortParts.output, "a limit depends on the parts")
    }

    /// What libmicrohttpd gets: canonical messages, which the reference reads too.
    private static func outcomes(of splitter: inout RequestSplitter) -> [ReferenceParser.Outcome] {
        var output = [UInt8](repeating: 0, count: splitter.output.count)
        _ = output.withUnsafeMutableBytes { splitter.takeOutput(into: $0) }
        var canonical = ReferenceParser.outcomes(of: output, needsHost: false)
        var outcomes: [ReferenceParser.Outcome] = []
        while !canonical.isEmpty, let head = splitter.nextHead() {
            guard case .request(_, _, let body, let isLast) = canonical.removeFirst() else { return [] }
            let isBroken = splitter.brokenBody?.number == head.number
            let line = head.requestLine
            outcomes.append(
                head.problem != nil || isBroken
                    ? .refused
                    : .request(method: line.method.name, target: line.target, body: body, isLast: isLast))
        }
        return canonical.isEmpty ? outcomes : []
    }
}

/// Cuts a stream into parts, as a network may. Most parts are short.
struct RandomParts {
    private var state: UInt64

    init(seed: UInt8) { state = UInt64(seed) }

    mutating func parts(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let draw = Int(state >> 40)
            let part = rest.prefix(1 + draw % (draw & 0x800 == 0 ? 4 : 64))
            parts.append(part)
            rest = rest.dropFirst(part.count)
        }
        return parts
    }
}

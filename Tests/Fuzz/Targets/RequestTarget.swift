@testable import HTTP
@testable import Service

/// A request line and fields: path, query, routes, and the fields that are parsed on demand.
struct RequestTarget: FuzzTarget {
    private let router = Router()
    private let hosts = AllowedHosts(["cap.example", ".example.org", "192.0.2.1"])
    private let origins = AllowedOrigins(["https://page.example"])

    init() {
        for (method, pattern) in [
            (Method.get, "/read/{key}"), (.post, "/write/{key}"), (.post, "/write/{key}/{value}"),
            (.delete, "/delete/{key}"), (.get, "/health"), (.get, "/"),
        ] {
            router.add(method, pattern, operation: pattern) { _ in .text("") }
        }
    }

    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        var head = RequestHead()
        let line = input.text(until: UInt8(ascii: "\n"))
        do throws(Problem) {
            try Self.onLine(line) { (bytes) throws(Problem) in try head.takeRequestLine(bytes) }
            while !input.isEmpty {
                let field = input.text(until: UInt8(ascii: "\n"))
                try Self.onLine(field) { (bytes) throws(Problem) in try head.takeField(bytes) }
            }
        } catch {
            try require((400..<600).contains(error.status), "a problem with status \(error.status)")
            return
        }
        let request = Request(
            method: head.requestLine.method, target: head.requestLine.target, fields: head.fields,
            client: ClientAddress(network: 0))
        try checkPath(request)
        try checkQuery(request)
        try checkRoute(request)
        try checkOrigin(request)
        try checkFields(request)
    }

    /// Lines have no control characters here: the splitter refuses them.
    private static func onLine(
        _ line: [UInt8], _ body: (UnsafeRawBufferPointer) throws(Problem) -> Void
    ) throws(Problem) {
        let clean = line.filter { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }
        try clean.withUnsafeBufferPointer { (buffer) throws(Problem) in try body(UnsafeRawBufferPointer(buffer)) }
    }

    // MARK: Path and query

    /// The parts of the target by the words of RFC 3986, section 3.
    private static func split(_ target: [UInt8]) -> (path: [UInt8], query: [UInt8]?) {
        var rest = target[...]
        let text = String(decoding: target, as: UTF8.self)
        if target.first != UInt8(ascii: "/"), let scheme = text.range(of: "://") {
            let authority = target[text.utf8.distance(from: text.utf8.startIndex, to: scheme.upperBound)...]
            rest = authority.drop { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        }
        let path = rest.prefix { $0 != UInt8(ascii: "?") }
        let query = rest.dropFirst(path.count)
        return (Array(path), query.isEmpty ? nil : Array(query.dropFirst()))
    }

    private func checkPath(_ request: Request) throws(Finding) {
        let path = Self.split(request.target).path
        try require(
            Array(request.target[request.pathRange]) == path, "the path of \(quoted(request.target)) is not \(path)")
        guard path.first == UInt8(ascii: "/") else { return }
        let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let decoded = try? request.segment(index)
            try require(
                decoded == PercentReference.decode(Array(segment), isForm: false),
                "segment \(index) of \(quoted(path)) is \(decoded.map(quoted) ?? "refused")")
        }
    }

    private func checkQuery(_ request: Request) throws(Finding) {
        let items = (Self.split(request.target).query ?? []).split(separator: UInt8(ascii: "&"))
        for name in ["ttl_ms", "max_staleness_ms", "a"] {
            var expected: [UInt8]?
            var isBad = false
            for item in items {
                let parts = item.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
                guard let itemName = PercentReference.decode(Array(parts[0]), isForm: true),
                    let value = PercentReference.decode(parts.count == 2 ? Array(parts[1]) : [], isForm: true)
                else {
                    isBad = true
                    break
                }
                guard itemName == Array(name.utf8) else { continue }
                expected = value
                break
            }
            switch Result(catching: { () throws(Problem) in try request.queryBytes(name) }) {
            case .success(let found):
                try require(!isBad && found == expected, "\(name) of \(quoted(request.target))")
            case .failure(let problem):
                try require(
                    isBad && problem.code == "bad_encoding", "\(name) of \(quoted(request.target)) is refused")
            }
        }
    }

    private func checkRoute(_ request: Request) throws(Finding) {
        let path = Self.split(request.target).path
        let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let first = segments.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
        let isKnown: Bool =
            switch (first, segments.count) {
            case ("read", 2), ("delete", 2), ("write", 2), ("write", 3), ("health", 1), ("", 0...1): true
            default: false
            }
        switch router.match(request) {
        case .notFound: try require(!isKnown || path.first != UInt8(ascii: "/"), "no route for \(quoted(path))")
        case .options: try require(request.method == .options, "an answer to OPTIONS for \(request.method.name)")
        case .route, .methodNotAllowed: try require(isKnown, "a route for \(quoted(path))")
        }
    }

    // MARK: Fields

    private func checkOrigin(_ request: Request) throws(Finding) {
        guard let authority = request.authority else { return }
        if hosts.allows(authority) {
            let name = authority.lowercased().drop { $0 == "[" }.prefix { !":]".contains($0) }
            let known = ["cap.example", "example.org", "192.0.2.1", "localhost", "127.0.0.1"]
            let isKnown = known.contains { name == $0 || name == $0 + "." }
            let isBelow = name.hasSuffix(".example.org") || name.hasSuffix(".example.org.")
            let isLoopback = authority.contains("::1")
            try require(isKnown || isBelow || isLoopback, "the host \(authority.debugDescription) is allowed")
        }
        guard let origin = request.header("Origin")?.lowercased(), origins.allows(request) else { return }
        let own = authority.lowercased()
        try require(
            request.method.isSafe || ["https://page.example", "http://\(own)", "https://\(own)"].contains(origin),
            "a change from \(origin.debugDescription) at \(own.debugDescription) is allowed")
    }

    private func checkFields(_ request: Request) throws(Finding) {
        if let accept = request.header("Accept") {
            let field = AcceptField(accept)
            for type in ["application/json", "text/plain"] {
                for weight in [field.weight(of: type), field.weight(of: type, version: "1", includingWildcards: true)] {
                    try require((0...1).contains(weight), "a weight of \(weight)")
                }
            }
        }
        if let text = request.header("traceparent") { try checkTraceParent(text) }
        if let text = request.header("tracestate"), TraceState.isValid(text) {
            let members = text.split(separator: ",").filter { $0.contains { $0 != " " && $0 != "\t" } }
            try require((1...32).contains(members.count), "\(members.count) members")
            try require(text.utf8.count <= 512 && text.utf8.allSatisfy { $0 < 0x7F }, "a state \(text)")
        }
    }

    /// Compares the parser with a pattern.
    private func checkTraceParent(_ text: String) throws(Finding) {
        let pattern = /([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?<rest>-.*)?/
        let found = text.wholeMatch(of: pattern.matchingSemantics(.unicodeScalar).dotMatchesNewlines())
        let isValid =
            found.map {
                $0.1 != "ff" && !$0.2.allSatisfy { $0 == "0" } && !$0.3.allSatisfy { $0 == "0" }
                    && ($0.1 != "00" || $0.rest == nil)
            } ?? false
        let parent = TraceParent(text)
        try require((parent != nil) == isValid, "the traceparent \(text.debugDescription)")
        guard let found, let parent else { return }
        let written = TraceContext(traceID: parent.traceID, spanID: parent.parentID, flags: parent.flags).traceParent
        try require(written.hasPrefix("00-\(found.2)-\(found.3)-0"), "\(text) is written as \(written)")
        try require(TraceParent(written) == parent, "\(written) is read as another one")
    }
}

/// Percent-decoding written a second time, by one pass over text.
enum PercentReference {
    static func decode(_ bytes: [UInt8], isForm: Bool) -> [UInt8]? {
        var decoded: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x25:
                let digits = rest.prefix(2).map { Character(UnicodeScalar($0)) }
                guard digits.count == 2, digits.allSatisfy({ $0.isASCII && $0.isHexDigit }),
                    let value = UInt8(String(digits), radix: 16)
                else { return nil }
                decoded.append(value)
                rest = rest.dropFirst(2)
            case 0x2B where isForm: decoded.append(0x20)
            default: decoded.append(byte)
            }
        }
        return decoded
    }
}

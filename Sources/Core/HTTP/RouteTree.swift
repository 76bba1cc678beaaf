/// Routes by path segment. A look-up descends one level per segment and stops at the depth of the tree.
struct RouteTree {
    private final class Node {
        var literals: [(text: [UInt8], node: Node)] = []
        var parameter: Node?
        var routes: [Route] = []
        var allow = ""

        func literal(_ text: ArraySlice<UInt8>) -> Node? {
            literals.first { $0.text.elementsEqual(text) }?.node
        }

        func match(_ method: Method) -> Router.Match {
            if let route = routes.first(where: { $0.method == method }) { return .route(route) }
            if method == .head, let route = routes.first(where: { $0.method == .get }) { return .route(route) }
            return method == .options ? .options(allow: allow) : .methodNotAllowed(allow: allow)
        }
    }

    private let root = Node()

    func add(_ route: Route) {
        let pattern = route.pattern
        precondition(pattern.hasPrefix("/"), "a pattern begins with a slash: \(pattern)")
        var node = root
        for segment in pattern.dropFirst().split(separator: "/", omittingEmptySubsequences: false) {
            let next: Node
            if segment.hasPrefix("{"), segment.hasSuffix("}") {
                next = node.parameter ?? Node()
                node.parameter = next
            } else if let known = node.literal(ArraySlice(segment.utf8)) {
                next = known
            } else {
                next = Node()
                node.literals.append((Array(segment.utf8), next))
            }
            node = next
        }
        precondition(
            !node.routes.contains { $0.method == route.method }, "\(route.method.name) \(pattern) is already registered"
        )
        node.routes.append(route)
        node.allow = Self.allow(node.routes.map(\.method))
    }

    /// The value of an `Allow` field for a resource with these methods.
    static func allow(_ methods: some Collection<Method>) -> String {
        var names = Set(methods.map(\.name)).union([Method.options.name])
        if methods.contains(.get) { names.insert(Method.head.name) }
        return names.sorted().joined(separator: ", ")
    }

    /// Nil if no route has this path.
    func find(_ request: Request) -> Router.Match? {
        // `*` and the authority form name no path; an empty path is "/" (RFC 9112, section 3.2).
        guard request.pathRange.isEmpty || request.target[request.pathRange.lowerBound] == UInt8(ascii: "/") else {
            return nil
        }
        return find(request, from: request.pathRange.lowerBound, in: root)?.match(request.method)
    }

    /// Whether the path continues below a route with parameters. Most likely, a slash should then have been
    /// percent-encoded.
    func goesOnBelowRoute(_ request: Request) -> Bool {
        var node = root
        var start = request.pathRange.lowerBound
        while start < request.pathRange.upperBound {
            let end = request.segmentEnd(from: start)
            guard let next = node.literal(request.target[(start + 1)..<end]) ?? node.parameter else { break }
            node = next
            start = end
        }
        return node.routes.contains { $0.pattern.contains("{") }
    }

    /// A literal segment has priority over a parameter. The parameter is tried if the literal does not lead to a route.
    private func find(_ request: Request, from start: Int, in node: Node) -> Node? {
        let end = request.segmentEnd(from: start)
        let segment = request.target[min(start + 1, end)..<end]
        return node.literal(segment).flatMap { follow(request, from: end, in: $0) }
            ?? node.parameter.flatMap { follow(request, from: end, in: $0) }
    }

    private func follow(_ request: Request, from end: Int, in node: Node) -> Node? {
        guard end >= request.pathRange.upperBound else { return find(request, from: end, in: node) }
        return node.routes.isEmpty ? nil : node
    }
}

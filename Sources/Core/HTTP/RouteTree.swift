/// Patterns by path segment. A look-up takes one step per segment and ends at the depth of the tree.
struct RouteTree {
    private final class Node {
        var literals: [(text: [UInt8], node: Node)] = []
        var parameter: Node?
        var routes: [(method: Method, route: Int)] = []
        var allow = ""
        /// The path to this node has a parameter.
        var takesText = false

        func literal(_ text: ArraySlice<UInt8>) -> Node? {
            for (name, node) in literals where name.count == text.count && name.elementsEqual(text) { return node }
            return nil
        }
    }

    enum Found {
        case route(Int)
        case otherMethods(allow: String)
    }

    private let root = Node()

    /// - Parameter pattern: such as `/read/{key}`.
    mutating func add(_ method: Method, _ pattern: String, route: Int) {
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
        precondition(!node.routes.contains { $0.method == method }, "\(method.name) \(pattern) is already registered")
        node.routes.append((method, route))
        var names = Set(node.routes.map(\.method.name)).union(["OPTIONS"])
        if names.contains("GET") { names.insert("HEAD") }
        node.takesText = pattern.contains("{")
        node.allow = names.sorted().joined(separator: ", ")
    }

    func find(_ request: Request) -> Found? {
        // `*` and the authority form name no path; an empty path is "/" (RFC 9112, section 3.2).
        guard request.pathRange.isEmpty || request.target[request.pathRange.lowerBound] == UInt8(ascii: "/") else {
            return nil
        }
        guard let node = find(request, from: request.pathRange.lowerBound, in: root) else { return nil }
        if let route = Self.route(for: request.method, in: node) { return .route(route) }
        return .otherMethods(allow: node.allow)
    }

    /// The path continues below a route with parameters: most likely a slash should have been percent-encoded.
    func goesOnBelowRoute(_ request: Request) -> Bool {
        var node = root
        var start = request.pathRange.lowerBound
        while start < request.pathRange.upperBound {
            let end = request.segmentEnd(from: start)
            guard let next = node.literal(request.target[(start + 1)..<end]) ?? node.parameter else { break }
            node = next
            start = end
        }
        return node.takesText
    }

    /// A literal segment wins over a parameter; the parameter is tried if the literal leads to no route.
    private func find(_ request: Request, from start: Int, in node: Node) -> Node? {
        let end = request.segmentEnd(from: start)
        let isLast = end >= request.pathRange.upperBound
        let segment = request.target[min(start + 1, end)..<end]
        if let next = node.literal(segment), let found = follow(request, to: next, end: end, isLast: isLast) {
            return found
        }
        guard let next = node.parameter else { return nil }
        return follow(request, to: next, end: end, isLast: isLast)
    }

    private func follow(_ request: Request, to next: Node, end: Int, isLast: Bool) -> Node? {
        guard isLast else { return find(request, from: end, in: next) }
        return next.routes.isEmpty ? nil : next
    }

    private static func route(for method: Method, in node: Node) -> Int? {
        var getRoute: Int?
        for (candidate, route) in node.routes {
            if candidate == method { return route }
            if candidate == .get { getRoute = route }
        }
        return method == .head ? getRoute : nil
    }
}

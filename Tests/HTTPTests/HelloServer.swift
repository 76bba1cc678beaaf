@testable import HTTP

extension TestServer {
    /// A server with the routes that most tests of connections need. `/hello` answers at once: `GET` with "hello",
    /// `POST` with the length of the body. `/wait` answers "waited" when `gate` opens.
    static func hello(
        gate: Gate? = nil, _ adjust: @escaping @Sendable (inout HTTPServerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(adjust) { router in
            router.add(.get, "/hello", operation: "hello") { _ in .text("hello") }
            router.add(.post, "/hello", operation: "hello", maxBodyBytes: 1 << 20) { .text("\($0.body.count)") }
            guard let gate else { return }
            for method in [Method.get, .post] {
                router.add(method, "/wait", operation: "wait") { _ in
                    await gate.pass()
                    return .text("waited")
                }
            }
        }
    }
}

import EventLoop
import HTTP
import JSON

/// The HTTP server that serves the page.
final class LabServer {
    /// The most connections, enough for the browsers of one machine. Each page has one connection for its events, and a
    /// few more.
    private static let connectionLimit = 256
    private static let maxActionBytes = 16 << 10

    private let page: LabPage
    private let reactor: Reactor
    private let router = Router()
    private let server: HTTPServer
    private let guardian: PageGuard

    init(_ page: LabPage) {
        self.page = page
        reactor = page.pair.reactor
        guardian = PageGuard(
            port: page.settings.address.port, publishedPort: page.settings.address.publishedPort, token: page.token)
        var settings = HTTPServerSettings(host: page.settings.address.host, port: page.settings.address.port)
        settings.connections.limit = Self.connectionLimit
        settings.requests.maxInFlight = Self.connectionLimit
        settings.buffers.maxTotalBodyBytes = 1 << 20
        server = HTTPServer(reactor: reactor, settings: settings, router: router)
        addPages()
        addActions()
    }

    func start() throws(LabError) {
        do throws(HTTPServerError) { try server.start() } catch {
            throw LabError("the page cannot be served: \(error)")
        }
    }

    func stop() { server.stop() }

    // MARK: Routes

    private func addPages() {
        add(.get, "/", "index") { page, _ throws(Problem) in
            Response(contentType: "text/html; charset=utf-8", body: PageFiles.index(token: page.token))
        }
        add(.get, "/page/{file}", "file") { _, request throws(Problem) in
            try PageFiles.response(String(decoding: try request.segment(1), as: UTF8.self))
        }
        add(.get, "/events", "events") { page, _ throws(Problem) in try page.hub.connect() }
    }

    private func addActions() {
        add(.post, "/actions/cut", "cut") { page, request async throws(Problem) in
            try await Self.control(page, try LabActions.links(.partition, request.body))
        }
        add(.post, "/actions/heal", "heal") { page, request async throws(Problem) in
            try await Self.control(page, try LabActions.links(.heal, request.body))
        }
        add(.post, "/actions/process", "process") { page, request async throws(Problem) in
            try await Self.control(page, try LabActions.process(request.body))
        }
        add(.post, "/ask", "ask") { page, request async throws(Problem) in
            let event = try await page.asker.ask(try AskRequest(json: request.body, topology: page.pair.topology))
            var json = JSONWriter(capacity: 1_024)
            event.write(to: &json)
            return .json(json)
        }
        add(.post, "/load", "load") { page, request async throws(Problem) in
            let services = page.pair.topology.services.map(\.name)
            page.apply(try page.load.plan.changed(by: request.body, services: services))
            return Self.done("the load is set")
        }
        add(.post, PageGuard.keyPath, "key") { page, request async throws(Problem) in
            let key = try LabActions.key(request.body)
            page.choose(key: key)
            return Self.done("the copies of \(key) are shown")
        }
    }

    private func add(
        _ method: Method, _ pattern: String, _ operation: String,
        respond: @escaping (LabPage, Request) async throws(Problem) -> Response
    ) {
        // Links to the page may have any query parameters; actions may have none.
        router.add(
            method, pattern, operation: operation, parameters: method == .get ? nil : [],
            maxBodyBytes: method == .get ? nil : Self.maxActionBytes
        ) { [weak self, reactor] request in
            // Leave libmicrohttpd's callback first. While it runs, every `recv` of this thread is treated as a read of
            // libmicrohttpd, so a Redis client would read nothing.
            await reactor.sleep(forNs: 0)
            guard let self else { return Problem.unavailable("stopping", "the lab is stopping").response }
            var response: Response
            do throws(Problem) {
                try guardian.check(request)
                response = try await respond(page, request)
            } catch { response = error.response }
            response.headers += PageGuard.headers
            return response
        }
    }

    private static func control(_ page: LabPage, _ request: ControlRequest) async throws(Problem) -> Response {
        guard let perform = page.perform else { throw .unavailable("read_only", "this page is read-only") }
        return done(try LabActions.message(of: await perform(request)))
    }

    private static func done(_ message: String) -> Response {
        var json = JSONWriter()
        json.beginObject()
        json.member("message", message)
        json.endObject()
        return .json(json)
    }
}

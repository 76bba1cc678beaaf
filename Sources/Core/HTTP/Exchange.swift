import CMicroHTTPD
import EventLoop

/// One request and its response on a connection of libmicrohttpd.
///
/// It is created when libmicrohttpd begins to read the request. It is the request's context there, retained until the
/// completion callback. The handler's task retains it too, so it survives a client that disconnects while the task is
/// suspended: `connection` is then nil, and the response is dropped.
final class Exchange {
    enum Stage {
        /// The header block is incomplete.
        case headers
        /// The body is being received.
        case body
        /// The handler is running; the connection waits.
        case working
        /// The response is ready, and libmicrohttpd has not asked for it yet.
        case ready(Response)
        /// libmicrohttpd has the response.
        case answered
        /// The response was sent, or the connection was lost.
        case ended
    }

    struct ReceivedBody {
        var maxBytes = 0
        var bufferedBytes = 0
        var discardedBytes = 0
    }

    struct OutgoingBody {
        /// Size of the response in bytes if it is a long one, otherwise 0.
        var bufferedBytes = 0
        /// The body, if it is a stream.
        var stream: ResponseStream?
    }

    let server: HTTPServer
    let request: Request
    let client: HTTPConnection
    let head: RequestHead
    /// Nil after the response was sent or the connection was lost.
    var connection: OpaquePointer?
    var stage = Stage.headers
    /// Whether the request is counted in `requestsInFlight`.
    var isCounted = false
    var isTaskRunning = false
    /// Whether the connection was suspended when the request began to wait for its handler. libmicrohttpd does not
    /// visit a suspended connection.
    var isSuspended = false

    /// The response that replaces the handler's; the rest of the body is dropped.
    var refusal: Response?
    var received = ReceivedBody()
    var outgoing = OutgoingBody()

    init(server: HTTPServer, connection: OpaquePointer, client: HTTPConnection, head: RequestHead) {
        self.server = server
        self.connection = connection
        self.client = client
        self.head = head
        request = Request(
            method: head.requestLine.method, target: head.requestLine.target, fields: head.fields,
            client: Self.client(of: head, on: client, trusting: server.settings.trustedProxies),
            trace: server.traces?.context(of: head))
        server.traces?.begin(request, head) {
            // The target of a malformed request may be anything.
            head.problem == nil ? server.router.endpoint(of: request) : nil
        }
    }

    private static func client(
        of head: RequestHead, on connection: HTTPConnection, trusting proxies: TrustedProxies
    ) -> ClientAddress {
        guard connection.isTrustedProxy else { return connection.address }
        return ClientAddress(
            proxies.client(of: connection.peer, forwardedFor: head.fields.value("X-Forwarded-For")))
    }

    /// Called when the response was sent or the connection was lost.
    func detach() {
        connection = nil
        stage = .ended
    }
}

import CMicroHTTPD
import EventLoop

/// One request and its response on a connection of libmicrohttpd.
///
/// It is created with the request line and is the request's context in libmicrohttpd, retained until the completion
/// callback. The handler's task retains it too, so it survives a client that disconnects while the task is suspended:
/// `connection` is then nil, and the response is dropped.
final class Exchange {
    enum Stage {
        /// The header block is incomplete.
        case headers
        /// The body is being received.
        case body
        /// The handler is running; the connection waits.
        case working
        /// The response waits for libmicrohttpd to call.
        case ready(Response)
        /// libmicrohttpd has the response.
        case answered
        /// The connection is done with it.
        case ended
    }

    struct ReceivedBody {
        var maxBytes = 0
        var bufferedBytes = 0
        var discardedBytes = 0
    }

    let server: HTTPServer
    let request: Request
    let client: HTTPConnection
    /// The target in the connection's buffer; valid until the headers are complete.
    let targetStart: UnsafePointer<CChar>?
    /// Nil once the connection is done with this request.
    var connection: OpaquePointer?
    var stage = Stage.headers
    /// It is counted in `requestsInFlight`.
    var isCounted = false
    var isTaskRunning = false
    /// While it waits for its handler, its connection is not in libmicrohttpd's list of ready connections.
    var isSuspended = false

    /// The response instead of the handler's; the rest of the body is dropped.
    var refusal: Response?
    var received = ReceivedBody()
    /// Size of its response if that is a long one, otherwise 0.
    var responseBytes = 0

    init(
        server: HTTPServer, connection: OpaquePointer, client: HTTPConnection, target: [UInt8],
        targetStart: UnsafePointer<CChar>?
    ) {
        self.targetStart = targetStart
        self.server = server
        self.connection = connection
        self.client = client
        request = Request(method: .get, target: target, fields: .connection(connection))
    }

    /// The connection is done with the request: the response was sent, or the connection was lost. If the handler is
    /// still running, the header fields are saved, because they are freed with the connection.
    func detach() {
        if let connection, isTaskRunning { request.fields = .copied(from: connection) }
        if !isTaskRunning { request.fields = .saved([]) }
        connection = nil
        stage = .ended
    }
}

import CMicroHTTPD
import EventLoop

/// One request and its answer on a connection of libmicrohttpd.
///
/// It is made when the request line is read and handed to libmicrohttpd as the request's context, retained; the completion
/// callback, which comes exactly once for each, takes that reference back. The handler's task holds another, so the
/// exchange outlives a client that leaves while the task is suspended: `connection` is then nil, and the answer is dropped.
final class Exchange {
    enum Stage {
        /// The header block is not complete.
        case headers
        /// The body is coming in.
        case body
        /// The handler's task runs; the connection waits.
        case working
        /// The answer is there and waits for the connection's turn.
        case ready(Response)
        /// libmicrohttpd has the answer.
        case answered
        /// The connection is done with it.
        case ended
    }

    let server: HTTPServer
    let request: Request
    let client: HTTPConnection
    /// Where libmicrohttpd holds the target. Only for comparing, until the headers are complete: it is in the connection's
    /// own buffer.
    let targetStart: UnsafePointer<CChar>?
    /// nil once the connection is done with this request.
    var connection: OpaquePointer?
    var stage = Stage.headers
    var isSuspended = false
    /// The headers were complete, so it counts as in flight.
    var isCounted = false
    var isTaskRunning = false
    /// Its place among the server's waiting exchanges.
    var waitingIndex: Int?

    /// What to answer instead of asking the handler; the rest of the body is dropped.
    var refusal: Response?
    var maxBodyBytes = 0
    var bufferedBytes = 0
    var discardedBytes = 0
    /// Of its answer, where that is a long one.
    var answerBytes = 0

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

    /// The connection is done with the request: sent, or lost. Header fields die with the connection, so where the handler is
    /// still at work they are saved first.
    func detach() {
        if let connection, isTaskRunning { request.fields = .copied(from: connection) }
        if !isTaskRunning { request.fields = .saved([]) }
        connection = nil
        stage = .ended
    }
}

import CMicroHTTPD
import Glibc

/// A response body without a known end, such as Server-Sent Events, with a bounded buffer.
///
/// Return it in ``Response/stream`` of one response. Bytes that are written before the response starts are sent first.
/// Use it on the reactor's thread only.
///
/// ```swift
/// let stream = ResponseStream()
/// stream.onClose = { clients.remove(stream) }
/// var response = Response(contentType: "text/event-stream")
/// response.stream = stream
/// return response
/// ```
public final class ResponseStream: @unchecked Sendable {
    // Safe because it is used on the reactor's thread only. Required because `Response`, which contains it, is
    // `Sendable`.

    /// The most bytes that wait to be sent, in addition to those in the kernel's buffer.
    public let capacityBytes: Int
    /// Called once, when the response has ended: it was sent completely, the client disconnected, or the server
    /// stopped. Never called from within ``write(_:)`` or ``close()``.
    public var onClose: (() -> Void)?
    /// Whether nothing more can be written.
    public private(set) var isClosed = false

    private(set) var buffer: [UInt8] = []
    /// How many bytes of `buffer` libmicrohttpd has read.
    private var taken = 0
    private var exchange: Exchange?
    private var isAborted = false
    private var isDone = false
    /// Whether its connection is suspended, because there is nothing to send.
    private var isSuspended = false

    public init(capacityBytes: Int = 256 << 10) {
        self.capacityBytes = capacityBytes
    }

    /// The number of bytes that libmicrohttpd has not read yet.
    public var bufferedBytes: Int { buffer.count - taken }

    /// Appends `bytes`, which are sent at the end of the reactor's turn.
    /// - Returns: false if the stream is closed, or if the client reads too slowly: the bytes do not fit, and the
    ///   connection is closed without them.
    @discardableResult
    public func write(_ bytes: [UInt8]) -> Bool {
        guard !isClosed else { return false }
        guard bytes.count <= capacityBytes - bufferedBytes else {
            abort()
            return false
        }
        if taken > 0 {
            buffer.removeFirst(taken)
            taken = 0
        }
        buffer += bytes
        resume()
        return true
    }

    /// Ends the body after the bytes that have been written.
    public func close() {
        isClosed = true
        resume()
    }

    /// Closes the connection now, so that the client detects an incomplete body.
    func abort() {
        isClosed = true
        isAborted = true
        buffer = []
        taken = 0
        // libmicrohttpd does not read the stream while the client's receive window is full, so it would not close the
        // connection.
        if let exchange { shutdown(exchange.client.descriptor, Int32(SHUT_RDWR)) }
        resume()
    }

    // MARK: Called by the exchange

    func attach(to exchange: Exchange) {
        precondition(self.exchange == nil && !isDone, "a stream is the body of one response")
        self.exchange = exchange
    }

    /// Called when the response has ended, or when it could not be sent because the client had disconnected.
    func connectionIsDone() {
        guard !isDone else { return }
        isDone = true
        isClosed = true
        buffer = []
        taken = 0
        exchange = nil
        isSuspended = false
        onClose.take()?()
    }

    // MARK: Called by libmicrohttpd

    /// - Returns: the number of bytes, 0 if the connection was suspended, or a code for the end of the stream.
    func read(into target: UnsafeMutableRawBufferPointer) -> Int {
        guard let exchange, let connection = exchange.connection, !isAborted else { return cmhd_end_with_error }
        guard !exchange.server.phase.isStopping else { return cmhd_end_of_stream }
        exchange.server.runState.didMakeProgress = true
        let count = min(bufferedBytes, target.count)
        guard count > 0 else {
            if isClosed { return cmhd_end_of_stream }
            // Without a suspension, libmicrohttpd would call again at once until there are bytes.
            isSuspended = true
            MHD_suspend_connection(connection)
            return 0
        }
        buffer.withUnsafeBytes { target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[taken..<taken + count])) }
        taken += count
        if taken == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 65_536)
            taken = 0
        }
        return count
    }

    /// Resumes the connection, so that libmicrohttpd reads again. When the server stops, this is called even if nothing
    /// was written.
    func resume() {
        guard isSuspended, let exchange, let connection = exchange.connection else { return }
        isSuspended = false
        exchange.server.runState.isNeeded = true
        MHD_resume_connection(connection)
    }
}

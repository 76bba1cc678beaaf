import CGnuTLS
import CMicroHTTPD
import CReceive
import EventLoop
import Glibc

/// A client's connection and its progress, which decides when it is closed as idle.
final class HTTPConnection {
    let descriptor: Int32
    /// The other end of the connection: a client, or a proxy.
    let peer: IPAddress
    let address: ClientAddress
    /// The peer is a trusted proxy: each request names its client; see ``TrustedProxies``.
    let isTrustedProxy: Bool
    private(set) var progress: ConnectionProgress
    /// The request that waits for its handler. Until it has a response, the connection does not count as idle.
    var waiting: Exchange?
    /// Whether a response is being sent.
    var isResponding = false
    /// The stream that is being sent as the body of a response, or nil.
    var stream: ResponseStream?
    /// Whether a request was answered before the client had sent all of it.
    var wasAnsweredEarly = false
    /// Whether ``ConnectionTable`` has shut it down.
    var isShutDown = false
    /// Checks the client's input before libmicrohttpd reads it.
    var input: RequestSplitter
    /// Nil without TLS.
    let tls: TLSConnection?

    init(
        descriptor: Int32, peer: IPAddress, settings: HTTPServerSettings, nowNs: UInt64, tls: TLSConnection? = nil
    ) {
        self.tls = tls
        self.descriptor = descriptor
        self.peer = peer
        address = ClientAddress(peer)
        isTrustedProxy = settings.trustedProxies.contains(peer)
        input = RequestSplitter(maxHeadBytes: settings.buffers.maxHeadBytes)
        progress = ConnectionProgress(atNs: nowNs)
    }

    func progressed(atNs nowNs: UInt64) { progress.made(atNs: nowNs) }

    func received(bodyBytes count: Int, atNs nowNs: UInt64) { progress.received(bodyBytes: count, atNs: nowNs) }

    /// Counts the bytes that the client has acknowledged, according to the kernel. So a slow reader of a long response
    /// makes progress.
    func countAcknowledged(atNs nowNs: UInt64) {
        progress.acknowledged(totalBytes: cmhd_acknowledged_bytes(descriptor), atNs: nowNs)
    }

    /// Counts the bytes of a stream that the client has acknowledged. A stream may have nothing to send for a long
    /// time.
    func countStreamed(atNs nowNs: UInt64) {
        progress.acknowledgedStream(
            totalBytes: cmhd_acknowledged_bytes(descriptor), atNs: nowNs,
            unacknowledgedBytes: cmhd_unacknowledged_bytes(descriptor))
    }

    /// Whether unread input has arrived or may still arrive; see ``LingeringClose``.
    var mustLinger: Bool { !isShutDown && (wasAnsweredEarly || peek() > 0) }

    var isClosedByClient: Bool { peek() == 0 }

    /// Whether the client closed or reset the connection. libmicrohttpd does not detect this while a stream is
    /// suspended.
    var isLost: Bool {
        let count = peek()
        let isReset = count < 0 && errno != EAGAIN && errno != EINTR
        // With TLS, an unread last record usually precedes the end of the input, so also ask the kernel for the end.
        return count == 0 || isReset || (tls != nil && cmhd_is_half_closed(descriptor) != 0)
    }

    /// Reads for libmicrohttpd what ``input`` passes on.
    /// - Returns: as recv(2).
    func receive(into buffer: UnsafeMutableRawBufferPointer, by scratch: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while true {
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard filled < buffer.count, !input.hasFailed else { break }
            // Read no more than fits: the rest stays in the kernel's buffer, outside of this server's memory.
            let wanted = min(buffer.count - filled, scratch.count)
            let count = creceive(descriptor, scratch.baseAddress, wanted, 0)
            guard count > 0 else { return filled > 0 ? filled : count }
            input.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            // libmicrohttpd treats a short read as the end of the available input, so read until the kernel has no
            // more.
            guard count < wanted else { continue }
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            break
        }
        if filled == 0 { errno = EAGAIN }
        return filled > 0 ? filled : -1
    }

    /// Reads for libmicrohttpd what ``input`` passes on, from the records of TLS.
    /// - Returns: as gnutls_record_recv(3).
    func receive(
        from tls: TLSConnection, into buffer: UnsafeMutableRawBufferPointer, by scratch: UnsafeMutableRawBufferPointer
    ) -> Int {
        var filled = 0
        while true {
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard filled < buffer.count, !input.hasFailed else { break }
            // The rest of a record stays in GnuTLS.
            let wanted = min(buffer.count - filled, scratch.count)
            let count = tls.receive(into: UnsafeMutableRawBufferPointer(rebasing: scratch[..<wanted]))
            guard count > 0 else { return filled > 0 ? filled : count }
            input.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            guard count < wanted else { continue }
            // A short read is the end of a record; more may have arrived. Without output, read on, because
            // libmicrohttpd would treat GNUTLS_E_AGAIN as the end of the available input.
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if filled > 0 { break }
        }
        return filled > 0 ? filled : Int(GNUTLS_E_AGAIN)
    }

    /// Writes a response directly to the connection, which the caller then closes.
    func send(_ response: Response, for request: Request) {
        if let tls {
            tls.sendLast(response.closingBytes(for: request))
        } else {
            response.send(to: descriptor, for: request)
        }
    }

    /// The number of bytes that have arrived, at most 1; 0 at the end of the input, -1 if nothing has arrived or on an
    /// error.
    private func peek() -> Int {
        var byte: UInt8 = 0
        return creceive(descriptor, &byte, 1, Int32(MSG_PEEK))
    }
}

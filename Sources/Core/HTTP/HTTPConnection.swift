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
    /// Each of its requests has a client of its own; see ``TrustedProxies``.
    let isTrustedProxy: Bool
    private(set) var progress: ConnectionProgress
    /// The request that waits for its handler: the server is slow, not the client.
    var waiting: Exchange?
    /// A response is being sent.
    var isResponding = false
    /// The response that is being sent has no known end.
    var stream: ResponseStream?
    /// A request was answered before the client had sent everything.
    var wasAnsweredEarly = false
    /// It was closed as idle.
    var isShutDown = false
    /// What the client sends, on its way to libmicrohttpd.
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

    /// A client that reads a long response slowly makes progress, which the kernel knows.
    func countAcknowledged(atNs nowNs: UInt64) {
        progress.acknowledged(totalBytes: cmhd_acknowledged_bytes(descriptor), atNs: nowNs)
    }

    /// The same for a stream, which may be silent for long.
    func countStreamed(atNs nowNs: UInt64) {
        progress.acknowledgedStream(
            totalBytes: cmhd_acknowledged_bytes(descriptor), atNs: nowNs,
            unacknowledgedBytes: cmhd_unacknowledged_bytes(descriptor))
    }

    /// There is, or may come, input that nobody has read; see ``LingeringClose``.
    var mustLinger: Bool { !isShutDown && (wasAnsweredEarly || peek() > 0) }

    var isClosedByClient: Bool { peek() == 0 }

    /// The client closed or reset the connection. libmicrohttpd does not notice that while a stream is suspended.
    var isLost: Bool {
        let count = peek()
        let isReset = count < 0 && errno != EAGAIN && errno != EINTR
        // With TLS, a last record usually precedes the end, and nobody reads it.
        return count == 0 || isReset || (tls != nil && cmhd_is_half_closed(descriptor) != 0)
    }

    /// Reads for libmicrohttpd what ``input`` passes on.
    /// - Returns: as recv(2).
    func receive(into buffer: UnsafeMutableRawBufferPointer, by scratch: UnsafeMutableRawBufferPointer) -> Int {
        var filled = 0
        while true {
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            guard filled < buffer.count, !input.hasFailed else { break }
            // Not more than there is room for: the rest stays in the kernel's buffer, outside of this server's memory.
            let wanted = min(buffer.count - filled, scratch.count)
            let count = creceive(descriptor, scratch.baseAddress, wanted, 0)
            guard count > 0 else { return filled > 0 ? filled : count }
            input.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
            // libmicrohttpd takes a short read for the end of what there is, so the kernel's must be empty too.
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
            // A short read ends a record, not what has arrived. Without output, read on: libmicrohttpd would take
            // GNUTLS_E_AGAIN for the end of what has arrived.
            filled += input.takeOutput(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if filled > 0 { break }
        }
        return filled > 0 ? filled : Int(GNUTLS_E_AGAIN)
    }

    /// Writes a response past libmicrohttpd. The connection is closed next.
    func send(_ response: Response) {
        if let tls { tls.sendLast(response.closingBytes) } else { response.send(to: descriptor) }
    }

    /// The number of bytes to read, at most 1; 0 at the end of the stream, -1 where nothing has arrived.
    private func peek() -> Int {
        var byte: UInt8 = 0
        return creceive(descriptor, &byte, 1, Int32(MSG_PEEK))
    }
}

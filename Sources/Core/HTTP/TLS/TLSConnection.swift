import CGnuTLS
import CMicroHTTPD
import CReceive
import EventLoop
import Glibc

/// The TLS layer of one connection. libmicrohttpd owns its session.
///
/// While a handshake waits for the client, libmicrohttpd 0.9.75 treats the connection as ready and runs without pause.
/// So the connection is suspended, and the reactor continues the handshake.
final class TLSConnection: DescriptorHandler {
    private enum State {
        /// libmicrohttpd has not asked for the handshake yet.
        case new
        case handshaking
        case established
        /// With the error that libmicrohttpd gets.
        case failed(Int32)
    }

    /// The most records without data, such as key updates, that one call reads.
    private static let maxSilentRecords = 16

    private let session: OpaquePointer
    private let connection: OpaquePointer
    private let descriptor: Int32
    private let address: ClientAddress
    private unowned let server: HTTPServer
    private let handshakes: TLSHandshakes
    private var state = State.new
    /// Retained, because GnuTLS uses them as long as the session exists.
    private var credentials: TLSCredentials?
    /// Whether the last read of GnuTLS found the kernel's buffer empty.
    private var isKernelEmpty = false

    init?(of connection: OpaquePointer, address: ClientAddress, server: HTTPServer) {
        guard let handshakes = server.handshakes, let session = cmhd_tls_session(connection) else { return nil }
        self.session = OpaquePointer(session)
        self.connection = connection
        descriptor = cmhd_connection_fd(connection)
        self.address = address
        self.server = server
        self.handshakes = handshakes
        handshakes.begin(for: address)
    }

    var isHandshaking: Bool {
        switch state {
        case .new, .handshaking: true
        case .established, .failed: false
        }
    }

    // MARK: Handshake

    /// Replaces gnutls_handshake(3) for libmicrohttpd.
    func handshake() -> Int32 {
        switch state {
        case .established: return GNUTLS_E_SUCCESS
        case .failed(let code): return code
        case .handshaking: return GNUTLS_E_AGAIN
        case .new: break
        }
        begin()
        advance()
        switch state {
        case .established: return GNUTLS_E_SUCCESS
        case .failed(let code): return code
        case .new, .handshaking:
            state = .handshaking
            MHD_suspend_connection(connection)
            watch()
            return GNUTLS_E_AGAIN
        }
    }

    private func begin() {
        let current = handshakes.credentials
        credentials = current
        gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(current.handle))
        if current.needsClientCertificate { cgnutls_require_client_certificate(session) }
        var first: UInt8 = 0
        // A handshake record begins with the byte 22, an HTTP request with a letter.
        guard creceive(descriptor, &first, 1, Int32(MSG_PEEK)) == 1,
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first & ~0x20)
        else { return }
        let problem = Problem(status: 400, code: "tls_required", detail: "this port serves https, not http")
        problem.response.send(to: descriptor)
        end(.plaintext, code: GNUTLS_E_UNSUPPORTED_VERSION_PACKET)
    }

    private func advance() {
        guard isHandshaking else { return }
        let code = creceive_handshake(session)
        if code == GNUTLS_E_SUCCESS {
            end(.completed, code: code)
        } else if gnutls_error_is_fatal(code) != 0 {
            // Send the reason to the client.
            gnutls_alert_send_appropriate(session, code)
            end(HandshakeResult(failure: code), code: code)
        }
    }

    private func end(_ result: HandshakeResult, code: Int32) {
        state = code == GNUTLS_E_SUCCESS ? .established : .failed(code)
        handshakes.end(for: address, result)
    }

    private func watch() {
        let events = gnutls_record_get_direction(session) == 0 ? EPOLLIN : EPOLLOUT
        server.reactor.watch(descriptor, events: events.rawValue, handler: self)
    }

    func ready(events: UInt32) {
        advance()
        if isHandshaking { watch() } else { resume() }
    }

    /// Resumes the connection, so that libmicrohttpd asks for the result.
    private func resume() {
        server.reactor.unwatch(descriptor)
        server.runState.isNeeded = true
        MHD_resume_connection(connection)
    }

    /// Ends the handshake, if it is in progress. The caller runs libmicrohttpd, which closes the connection.
    func abandon(_ result: HandshakeResult) {
        guard isHandshaking else { return }
        let isSuspended = if case .handshaking = state { true } else { false }
        end(result, code: GNUTLS_E_PREMATURE_TERMINATION)
        if isSuspended { resume() }
    }

    /// Called when libmicrohttpd has released the session, because the connection is closed.
    func sessionIsReleased() {
        guard isHandshaking else { return }
        if case .handshaking = state { server.reactor.unwatch(descriptor) }
        end(.disconnected, code: GNUTLS_E_PREMATURE_TERMINATION)
    }

    // MARK: Records

    /// Replaces recv(2) for GnuTLS while libmicrohttpd runs.
    func receiveRaw(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = creceive(descriptor, buffer.baseAddress, buffer.count, 0)
        isKernelEmpty = count < 0 && errno == EAGAIN
        return count
    }

    /// - Returns: as gnutls_record_recv(3). GNUTLS_E_AGAIN only if nothing more has arrived: libmicrohttpd then waits
    ///   for the next arrival (`EPOLLET`). GnuTLS itself also returns this code after a record without data.
    func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        for _ in 0..<Self.maxSilentRecords {
            isKernelEmpty = false
            let count = creceive_record(session, buffer.baseAddress, buffer.count)
            switch Int32(clamping: count) {
            case GNUTLS_E_AGAIN where !isKernelEmpty, GNUTLS_E_WARNING_ALERT_RECEIVED: continue
            default: return count
            }
        }
        return Int(GNUTLS_E_INTERRUPTED)
    }

    /// Sends as much as fits into the socket's buffer. The caller then closes the connection.
    func sendLast(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { bytes in
            var rest = bytes
            while !rest.isEmpty {
                let count = gnutls_record_send(session, rest.baseAddress, rest.count)
                guard count > 0 else { return }
                rest = rest.part(count...)
            }
        }
    }

    /// Sends the alert `close_notify`: no more data follows (RFC 8446, section 6.1). Must not be called in the middle
    /// of a response, because the client could then mistake the response for complete.
    func sayGoodbye() {
        if case .established = state { gnutls_bye(session, GNUTLS_SHUT_WR) }
    }
}

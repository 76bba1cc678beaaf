import CGnuTLS
import CMicroHTTPD
import CReceive
import Glibc

/// The C callbacks of ``HTTPServer``. Each finds the objects of its contexts and calls them.
///
/// | context of | object | retained |
/// |---|---|---|
/// | the daemon | ``HTTPServer`` | no: see ``HTTPServer/start()`` |
/// | a request | ``Exchange`` | from `requestBegins` to `completed`, which is called exactly once per request |
/// | a streamed response | ``ResponseStream`` | until libmicrohttpd releases the response |
/// | a connection | ``HTTPConnection`` | while the connection is open, which includes its last request |
enum HTTPCallbacks {
    static func startDaemon(
        context: UnsafeMutableRawPointer, settings: HTTPServerSettings, isLogging: Bool
    ) -> OpaquePointer? {
        var options = cmhd_start_options()
        options.connection_limit = UInt32(clamping: settings.connections.limit)
        options.idle_timeout_s = UInt32(clamping: settings.connections.idleTimeoutS)
        options.connection_memory_bytes = settings.buffers.connectionMemoryBytes
        options.is_logging = isLogging ? 1 : 0
        options.context = context
        options.log = log
        options.request_begins = requestBegins
        options.access = access
        options.completed = completed
        options.connection_changed = connectionChanged
        guard settings.tls != nil else { return cmhd_start(&options) }
        guard creceive_replaces_gnutls() != 0 else { return nil }
        return TLSHandshakes.priorities.withCString {
            options.tls_priorities = $0
            return cmhd_start(&options)
        }
    }

    /// A response whose body is read from `stream`. It retains the stream until libmicrohttpd releases the response.
    static func response(streaming stream: ResponseStream) -> OpaquePointer? {
        let context = Unmanaged.passRetained(stream)
        let response = cmhd_streaming_response(
            { context, _, buffer, size in
                Unmanaged<ResponseStream>.fromOpaque(context!)._withUnsafeGuaranteedRef {
                    $0.read(into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
                }
            }, { Unmanaged<ResponseStream>.fromOpaque($0!).release() }, context.toOpaque())
        if response == nil { context.release() }
        return response
    }

    private static func server(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
        Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
    }

    private static let log: MHD_LogCallback = { context, format, arguments in
        guard let context, let format, let arguments else { return }
        let line = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { buffer in
            vsnprintf(buffer.baseAddress, buffer.count, format, arguments)
            return String(cString: buffer.baseAddress!)
        }
        server(context).onLibraryMessage?(line)
    }

    private static let requestBegins:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) -> UnsafeMutableRawPointer? = {
            context, _, connection in
            guard let connection, let own = cmhd_connection_context(connection) else { return nil }
            let client = Unmanaged<HTTPConnection>.fromOpaque(own).takeUnretainedValue()
            guard let head = client.input.nextHead() else {
                preconditionFailure("libmicrohttpd must read what RequestSplitter passes on, and nothing else")
            }
            let exchange = Exchange(server: server(context), connection: connection, client: client, head: head)
            return Unmanaged.passRetained(exchange).toOpaque()
        }

    /// Runs `body`, which calls libmicrohttpd. Within it, libmicrohttpd reads its input through ``RequestSplitter``.
    static func filteringInput<Result>(of context: UnsafeMutableRawPointer, _ body: () -> Result) -> Result {
        var replacements = creceive_replacements(
            context: context,
            receive: { context, descriptor, buffer, size in
                HTTPCallbacks.server(context).connections.receive(
                    from: descriptor, into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
            },
            receive_record: { context, session, buffer, size in
                HTTPCallbacks.server(context).connections.receiveRecord(
                    from: gnutls_transport_get_int(session),
                    into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
            },
            handshake: { context, session in
                HTTPCallbacks.server(context).connections[gnutls_transport_get_int(session)]?.tls?.handshake()
                    ?? GNUTLS_E_INTERNAL_ERROR
            })
        creceive_replace(&replacements)
        defer { creceive_replace(nil) }
        return body()
    }

    private static let access: MHD_AccessHandlerCallback = { _, _, _, _, _, data, count, slot in
        guard let slot, let pointer = slot.pointee, let count else { return .NO }
        return Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
            exchange.proceed(
                body: UnsafeRawBufferPointer(start: data, count: count.pointee), taken: { count.pointee = 0 })
        }
    }

    private static let completed: MHD_RequestCompletedCallback = { _, _, slot, _ in
        guard let slot, let pointer = slot.pointee else { return }
        slot.pointee = nil
        Unmanaged<Exchange>.fromOpaque(pointer).takeRetainedValue().connectionIsDone()
    }

    private static let connectionChanged: MHD_NotifyConnectionCallback = { context, connection, slot, change in
        guard let connection, let slot else { return }
        if change == .CONNECTION_NOTIFY_STARTED {
            let opened = server(context).connectionOpens(
                connection, peer: IPAddress(cmhd_client_address(connection)))
            slot.pointee = Unmanaged.passRetained(opened).toOpaque()
        } else if let pointer = slot.pointee {
            slot.pointee = nil
            server(context).connectionCloses(Unmanaged<HTTPConnection>.fromOpaque(pointer).takeRetainedValue())
        }
    }
}

import CMicroHTTPD
import Glibc

/// The C side of ``HTTPServer``: each callback finds its server and exchange again and hands over.
///
/// Contexts: the daemon's is the server, unretained (``HTTPServer/start()`` says why that is safe). A request's is its
/// ``Exchange``, retained in `requestLine` and released in `completed`, which libmicrohttpd calls exactly once for every
/// request whose line it showed us: when it is sent, when the connection is lost or times out, and when the daemon stops.
/// A connection's is its ``HTTPConnection``, retained when it opens and released when it closes, after its last request.
enum HTTPCallbacks {
    static func startDaemon(
        context: UnsafeMutableRawPointer, settings: HTTPServerSettings, listenDescriptor: Int32, isLogging: Bool
    ) -> OpaquePointer? {
        var options = cmhd_start_options()
        options.listen_fd = listenDescriptor
        options.connection_limit = UInt32(clamping: settings.connectionLimit)
        options.idle_timeout_s = UInt32(clamping: settings.idleTimeoutS)
        options.connection_memory_bytes = settings.connectionMemoryBytes
        options.is_logging = isLogging ? 1 : 0
        options.context = context
        options.log = log
        options.request_line = requestLine
        options.access = access
        options.completed = completed
        options.connection_changed = connectionChanged
        return cmhd_start(&options)
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

    private static let requestLine:
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?) -> UnsafeMutableRawPointer? = {
            context, target, connection in
            guard let connection, let own = cmhd_connection_context(connection) else { return nil }
            var bytes: [UInt8] = []
            if let target {
                bytes = Array(UnsafeRawBufferPointer(start: target, count: strlen(target)))
                hideQuery(target)
            }
            let exchange = Exchange(
                server: server(context), connection: connection,
                client: Unmanaged<HTTPConnection>.fromOpaque(own).takeUnretainedValue(), target: bytes,
                targetStart: target)
            return Unmanaged.passRetained(exchange).toOpaque()
        }

    /// Ends libmicrohttpd's copy of the query where it begins: we have our own, and a query of so many items that the
    /// connection's memory does not hold them brings release 0.9.75 into a state in which it never answers.
    ///
    /// Safe because it is libmicrohttpd's own buffer, writable, and it is about to put terminators into this very text.
    private static func hideQuery(_ target: UnsafePointer<CChar>) {
        guard let mark = strchr(target, Int32(UInt8(ascii: "?"))), mark[1] != 0 else { return }
        mark[1] = 0
    }

    private static let access: MHD_AccessHandlerCallback = { _, _, _, method, version, data, count, slot in
        guard let slot, let pointer = slot.pointee, let count else { return .NO }
        return Unmanaged<Exchange>.fromOpaque(pointer)._withUnsafeGuaranteedRef { exchange in
            exchange.proceed(
                method: method, version: version, body: UnsafeRawBufferPointer(start: data, count: count.pointee),
                taken: { count.pointee = 0 })
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
            let opened = server(context).connectionOpens(descriptor: cmhd_connection_fd(connection))
            slot.pointee = Unmanaged.passRetained(opened).toOpaque()
        } else if let pointer = slot.pointee {
            slot.pointee = nil
            server(context).connectionCloses(Unmanaged<HTTPConnection>.fromOpaque(pointer).takeRetainedValue())
        }
    }
}

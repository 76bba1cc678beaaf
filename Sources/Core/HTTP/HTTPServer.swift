import CMicroHTTPD
import EventLoop
import Glibc

/// An HTTP/1.1 server on a reactor. libmicrohttpd, in external epoll mode, implements the protocol; the reactor waits
/// for its events.
///
/// Everything runs on the reactor's thread.
///
/// ```swift
/// let server = HTTPServer(reactor: reactor, settings: .init(host: "127.0.0.1", port: 5001), router: router)
/// try server.start()
/// // ... at the end
/// server.stopAccepting()
/// await server.drain(deadlineNs: reactor.nowNs + 5_000 * nsPerMs)
/// server.stop()
/// ```
public final class HTTPServer {
    public let settings: HTTPServerSettings
    /// The port it listens on; 0 before the start.
    public private(set) var boundPort: UInt16 = 0
    /// Requests with complete headers whose response is not sent yet, and those whose handler is still running although
    /// the client disconnected.
    public var requestsInFlight: Int { load.requestsInFlight }
    /// Open connections, including idle ones.
    public var connectionCount: Int { connections.count }
    /// Receives the messages of libmicrohttpd, for example about malformed requests, one line per call. Set it before
    /// the start.
    public var onLibraryMessage: ((String) -> Void)?
    /// Called when connections were closed or refused because of a limit.
    public var onConnectionLimit: ((_ limit: ConnectionLimit, _ count: Int) -> Void)?
    /// If nil, requests have no trace. Set it before the start.
    public var traces: RequestTraces?
    /// Called at the end of each TLS handshake.
    public var onHandshake: ((HandshakeResult) -> Void)?

    let reactor: Reactor
    let router: Router

    private(set) var daemon: OpaquePointer?
    private var acceptor: ConnectionAcceptor?
    var phase = Phase()
    var load: Load
    var runState = RunState()
    let connections: ConnectionTable
    /// Nil without TLS.
    let handshakes: TLSHandshakes?

    /// Responses up to this length, in bytes, do not count as buffered: usually the kernel accepts them at once.
    static let longResponseBytes = 65_536
    /// The most connections that ``LingeringClose`` keeps open to read their remaining input. Each needs a descriptor.
    public static let maxLingering = 32
    private static let drainCheckNs = 5 * nsPerMs

    public init(reactor: Reactor, settings: HTTPServerSettings, router: Router) {
        self.reactor = reactor
        self.settings = settings
        self.router = router
        load = Load(settings)
        connections = ConnectionTable(reactor: reactor, settings: settings)
        handshakes = settings.tls.map {
            TLSHandshakes(credentials: $0, limit: max(1, settings.connections.limit / 4))
        }
        handshakes?.onResult = { [unowned self] in onHandshake?($0) }
    }

    /// Handshakes that begin from now on use `credentials`. Existing connections continue.
    public func replace(_ credentials: TLSCredentials) {
        reactor.checkIsolated()
        precondition(handshakes != nil, "a server has TLS from its start, or never")
        handshakes?.credentials = credentials
    }

    // MARK: Starting and stopping

    /// Listens, and serves from the reactor's next turn on. Blocks while a host name is resolved.
    public func start() throws(HTTPServerError) {
        reactor.checkIsolated()
        precondition(daemon == nil && !phase.isDraining, "a server starts once")
        let socket = try ListenSocket.open(host: settings.host, port: settings.port)
        // Unretained is safe: the reactor retains the server as a participant, and `stop` ends all callbacks.
        daemon = HTTPCallbacks.startDaemon(
            context: Unmanaged.passUnretained(self).toOpaque(), settings: settings, isLogging: onLibraryMessage != nil)
        guard let daemon else {
            close(socket.descriptor)
            throw .cannotStart
        }
        boundPort = socket.port
        let acceptor = ConnectionAcceptor(descriptor: socket.descriptor, server: self)
        self.acceptor = acceptor
        acceptor.start()
        reactor.watch(cmhd_epoll_fd(daemon), events: EPOLLIN.rawValue, handler: self)
        reactor.add(self)
        connections.onShutDown = { [unowned self] in run() }
    }

    /// Closes the listening socket. Existing connections continue.
    public func stopAccepting() {
        reactor.checkIsolated()
        acceptor?.close()
        acceptor = nil
    }

    /// Waits until no request is in flight, the deadline (on the reactor's clock) has passed, or ``stop()`` is called.
    ///
    /// From now on each response closes its connection, and streams end. ``stop()`` closes idle connections.
    /// - Returns: true if no request is in flight.
    @discardableResult
    public func drain(deadlineNs: UInt64) async -> Bool {
        reactor.checkIsolated()
        phase.isDraining = true
        for stream in connections.streams { stream.close() }
        while requestsInFlight > 0, daemon != nil, reactor.nowNs < deadlineNs {
            await reactor.sleep(forNs: min(Self.drainCheckNs, deadlineNs - reactor.nowNs))
        }
        return requestsInFlight == 0
    }

    /// Ends everything now. Requests that wait for their handler get 503 `stopping`, and all connections are closed. A
    /// running handler continues, and its response is dropped. A handler must not call this before its first
    /// suspension.
    public func stop() {
        reactor.checkIsolated()
        precondition(!runState.isRunning, "a server is not stopped from within its own callback")
        guard let daemon else { return }
        phase.isDraining = true
        phase.isStopping = true
        stopAccepting()
        failWaiting()
        reactor.unwatch(cmhd_epoll_fd(daemon))
        connections.endTLS()
        self.daemon = nil
        // libmicrohttpd aborts the process if a connection is still suspended; `failWaiting` resumed them all.
        MHD_stop_daemon(daemon)
    }

    /// Ends all streams and handshakes, and responds to all waiting requests with 503, so that no connection stays
    /// suspended.
    private func failWaiting() {
        for connection in connections.handshaking { connection.tls?.abandon(.dropped) }
        for stream in connections.streams { stream.resume() }
        for exchange in connections.waitingExchanges {
            exchange.fail(with: Self.stoppingProblem(for: exchange.request, outcome: "unknown").response)
        }
        // One run queues the responses, the next writes them.
        run()
        run()
    }

    /// - Parameter outcome: the `outcome` in the response to a change.
    static func stoppingProblem(for request: Request, outcome: String) -> Problem {
        let problem = Problem.unavailable("stopping", "the service is stopping")
        return request.method.isSafe ? problem : problem.with("outcome", .string(outcome))
    }

    /// A running daemon cannot be stopped here, because it may have suspended connections.
    deinit {
        assert(daemon == nil, "a server must be stopped before it is released")
    }

    // MARK: Connections

    func connectionOpens(_ opened: OpaquePointer, peer: IPAddress) -> HTTPConnection {
        let connection = HTTPConnection(
            descriptor: cmhd_connection_fd(opened), peer: peer, settings: settings, nowNs: reactor.nowNs,
            tls: TLSConnection(of: opened, address: ClientAddress(peer), server: self))
        connections.add(connection)
        return connection
    }

    /// libmicrohttpd closes the descriptor right after this.
    func connectionCloses(_ connection: HTTPConnection) {
        connections.remove(connection)
        connection.tls?.sessionIsReleased()
        guard daemon != nil, load.lingeringCount < Self.maxLingering, connection.mustLinger else { return }
        let isLingering = LingeringClose.begin(connection.descriptor, on: reactor) { [weak self] in
            self?.load.lingeringCount -= 1
        }
        if isLingering { load.lingeringCount += 1 }
    }

    // MARK: Running

    private func runIfNeeded() {
        guard daemon != nil, runState.isEpollReady || runState.isNeeded || reactor.nowNs >= runState.nextNs else {
            return
        }
        run()
        // Responses for waiting connections are queued in one run and written in the next.
        if runState.didQueueWaitingResponse { run() }
    }

    func run() {
        guard let daemon else { return }
        runState = RunState(nextNs: runState.nextNs, isRunning: true)
        HTTPCallbacks.filteringInput(of: Unmanaged.passUnretained(self).toOpaque()) { _ = MHD_run(daemon) }
        runState.isRunning = false
    }
}

extension HTTPServer: DescriptorHandler, TurnParticipant {
    public func ready(events: UInt32) {
        runState.isEpollReady = true
    }

    public func turn() {
        runIfNeeded()
    }

    public func endTurn() {
        if runState.isNeeded { runIfNeeded() }
    }

    public func waitLimitMs() -> Int32? {
        guard let daemon else { return nil }
        var timeoutMs: UInt64 = 0
        guard MHD_get_timeout(daemon, &timeoutMs) == .YES else {
            runState.nextNs = .max
            return nil
        }
        // While requests wait for their handlers, libmicrohttpd counts their connections as ready and reports a timeout
        // of 0: the loop would spin. If the last run made no progress, sleep up to 1 ms; a response wakes the loop
        // earlier.
        if timeoutMs == 0, load.unsuspendedCount > 0, !runState.didMakeProgress { timeoutMs = 1 }
        let limitMs = Int32(clamping: timeoutMs)
        runState.nextNs = reactor.nowNs + UInt64(limitMs) * nsPerMs
        return limitMs
    }
}

extension HTTPServer {
    /// How far the server has been stopped.
    struct Phase {
        /// Each response closes its connection.
        var isDraining = false
        /// Requests no longer reach the handler.
        var isStopping = false
    }

    struct Load {
        var requestsInFlight = 0
        /// Bytes of request bodies.
        var bodies: FairShare
        /// Bytes of long responses that clients have not received yet.
        var responses: FairShare
        /// Requests that wait for their handler and stay in libmicrohttpd's list of ready connections.
        var unsuspendedCount = 0
        /// Connections that are closed slowly; see ``LingeringClose``.
        var lingeringCount = 0

        init(_ settings: HTTPServerSettings) {
            bodies = FairShare(total: settings.buffers.maxTotalBodyBytes)
            responses = FairShare(total: settings.buffers.maxTotalResponseBytes)
        }
    }

    /// When libmicrohttpd must run next, and what the current run did.
    struct RunState {
        var isEpollReady = false
        /// When libmicrohttpd's own timers need a run, on the reactor's clock.
        var nextNs = UInt64.max
        /// libmicrohttpd must run again before the reactor sleeps, for example for a new response or a new connection.
        var isNeeded = false
        /// A response was queued for a waiting connection; the next run writes it.
        var didQueueWaitingResponse = false
        /// The current run made progress, so another run may have more to do at once.
        var didMakeProgress = false
        var isRunning = false
    }
}

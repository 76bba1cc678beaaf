import CMicroHTTPD
import EventLoop
import Glibc

/// An HTTP/1.1 server on a reactor: libmicrohttpd in its external epoll mode does the protocol, the reactor the waiting.
///
/// Everything here runs on the reactor's thread.
///
/// ```swift
/// let server = HTTPServer(reactor: reactor, settings: .init(host: "127.0.0.1", port: 5001), handler: router)
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
    /// Requests whose headers are complete and whose answer is not sent yet, and those whose client left but whose handler is
    /// still at work.
    public internal(set) var requestsInFlight = 0
    /// Connections, idle ones too.
    public var connectionCount: Int { connections.count }
    /// Takes what libmicrohttpd has to say of malformed requests and the like, one line at a time. Set it before the start;
    /// without it these lines are dropped.
    public var onLibraryMessage: ((String) -> Void)?

    let reactor: Reactor
    let handler: any RequestHandler

    var daemon: OpaquePointer?
    private var epoll: Int32 = -1
    private var isAccepting = false
    /// Each answer closes its connection.
    var isDraining = false
    /// No request reaches the handler any more.
    private(set) var isStopping = false
    var drainWaiter: DrainWaiter?

    /// Exchanges whose task is at work and whose client is there.
    var waiting: [Exchange] = []
    /// How many of these stay in libmicrohttpd's list of ready connections.
    var unsuspendedCount = 0
    var bufferedBodyBytes = 0
    /// Bytes of long answers that clients have not taken in yet.
    var bufferedAnswerBytes = 0
    /// Only longer answers are counted: shorter ones the kernel takes at once.
    static let longAnswerBytes = 65_536
    let connections: ConnectionTable
    var lingering = LingeringConnections()

    // What the next turns have to do.
    private var isEpollReady = false
    private var runAtNs = UInt64.max
    /// libmicrohttpd must run again before the loop sleeps: answers came, or a connection made room for another.
    var needsRun = false
    /// In the present run an answer was queued for a connection that had waited; it is written in the next run.
    var didQueueWaitingAnswer = false
    /// In the present run something moved, so there may be more to do at once.
    var didMakeProgress = false
    private var isRunning = false

    public init(reactor: Reactor, settings: HTTPServerSettings, handler: any RequestHandler) {
        self.reactor = reactor
        self.settings = settings
        self.handler = handler
        connections = ConnectionTable(reactor: reactor, settings: settings)
    }

    /// Tells whether `host` and `port` can be bound, sharing with nobody: where several servers share a port, the kernel
    /// would let them share it with another process too, so the caller asks here first.
    public static func checkPortIsFree(host: String, port: UInt16) throws(HTTPServerError) {
        guard port != 0 else { return }
        let socket = try ListenSocket.open(host: host, port: port, isPortShared: false, backlog: 1)
        close(socket.descriptor)
    }

    // MARK: Starting and stopping

    /// Listens, and answers from the next turn on. Blocks while a host name is resolved.
    public func start() throws(HTTPServerError) {
        reactor.checkIsolated()
        precondition(daemon == nil && !isDraining, "a server starts once")
        let socket = try ListenSocket.open(
            host: settings.host, port: settings.port, isPortShared: settings.isPortShared, backlog: settings.backlog)
        // Unretained: the reactor keeps the server as its participant for as long as it lives itself, and `stop` ends all
        // callbacks.
        daemon = HTTPCallbacks.startDaemon(
            context: Unmanaged.passUnretained(self).toOpaque(), settings: settings, listenDescriptor: socket.descriptor,
            isLogging: onLibraryMessage != nil)
        guard let daemon else {
            close(socket.descriptor)
            throw .cannotStart
        }
        boundPort = socket.port
        isAccepting = true
        epoll = cmhd_epoll_fd(daemon)
        reactor.watch(epoll, events: EPOLLIN.rawValue, handler: self)
        reactor.add(self)
        connections.onShutDown = { [unowned self] in run() }
    }

    /// Closes the listening socket. Connections that are there go on.
    public func stopAccepting() {
        reactor.checkIsolated()
        guard isAccepting, let daemon else { return }
        // Takes in what the kernel has accepted already: closing the socket would reset those connections.
        if !isRunning { run() }
        isAccepting = false
        let socket = MHD_quiesce_daemon(daemon)
        if socket >= 0 { close(socket) }
    }

    /// Ends everything now: requests in flight get 503 `stopping`, all connections are closed. Not to be called by a handler
    /// before its first suspension. A handler still at work goes on, and its answer is dropped.
    public func stop() {
        reactor.checkIsolated()
        precondition(!isRunning, "a server is not stopped from within its own callback")
        guard let daemon else { return }
        isDraining = true
        isStopping = true
        stopAccepting()
        failWaiting()
        reactor.unwatch(epoll)
        connections.stop()
        self.daemon = nil
        // No connection is suspended any more: libmicrohttpd would end the process.
        MHD_stop_daemon(daemon)
        drainWaiter?.resume()
    }

    /// The daemon outlives its server only where someone let go of a running one: it is then left as it is, since it may have
    /// suspended connections, and nobody runs it.
    deinit {
        assert(daemon == nil, "a server must be stopped before it is let go of")
    }

    // MARK: Running

    private func runIfNeeded() {
        guard daemon != nil, isEpollReady || needsRun || reactor.nowNs >= runAtNs else { return }
        run()
        // Answers for connections that waited are queued in one run and written in the next.
        if didQueueWaitingAnswer { run() }
    }

    func run() {
        guard let daemon else { return }
        isEpollReady = false
        needsRun = false
        didQueueWaitingAnswer = false
        didMakeProgress = false
        isRunning = true
        MHD_run(daemon)
        isRunning = false
    }

    /// A task started in this run may have ended before the run did: then there is nothing to wake.
    var isInCallback: Bool { isRunning }
}

extension HTTPServer: DescriptorHandler, TurnParticipant {
    public func ready(events: UInt32) {
        isEpollReady = true
    }

    public func turn() {
        runIfNeeded()
    }

    public func endTurn() {
        if needsRun { runIfNeeded() }
    }

    public func waitLimitMs() -> Int32? {
        guard let daemon else { return nil }
        var timeoutMs: UInt64 = 0
        guard MHD_get_timeout(daemon, &timeoutMs) == .YES else {
            runAtNs = .max
            return nil
        }
        // With requests waiting in the list of ready connections libmicrohttpd always says 0, so whether there is more to do
        // at once shows in whether the last run moved anything; if not, an answer will wake the loop.
        if timeoutMs == 0, unsuspendedCount > 0, !didMakeProgress { timeoutMs = 1 }
        let limitMs = Int32(clamping: timeoutMs)
        runAtNs = reactor.nowNs + UInt64(limitMs) * nsPerMs
        return limitMs
    }
}

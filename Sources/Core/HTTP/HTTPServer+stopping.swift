import CMicroHTTPD
import EventLoop
import Glibc

extension HTTPServer {
    /// Waits until no request is in flight, the deadline (on the reactor's clock) has passed, or ``stop()`` is called.
    ///
    /// From now on each response closes its connection. ``stop()`` closes idle connections.
    /// - Returns: true if no request is in flight.
    @discardableResult
    public func drain(deadlineNs: UInt64) async -> Bool {
        reactor.checkIsolated()
        phase.isDraining = true
        guard requestsInFlight > 0, daemon != nil else { return requestsInFlight == 0 }
        let waiter = phase.drainWaiter ?? DrainWaiter(server: self)
        phase.drainWaiter = waiter
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            waiter.add(continuation)
            reactor.schedule(waiter, atNs: deadlineNs)
        }
        return requestsInFlight == 0
    }

    /// Answers all waiting requests with 503, so that no connection stays suspended.
    func failWaiting() {
        guard !waiting.exchanges.isEmpty else { return }
        for exchange in waiting.exchanges {
            exchange.fail(with: Self.stoppingProblem(for: exchange.request, outcome: "unknown").response)
        }
        // One run queues the responses, the next writes them.
        run()
        run()
    }

    /// - Parameter outcome: the outcome of a change.
    static func stoppingProblem(for request: Request, outcome: String) -> Problem {
        let problem = Problem.unavailable("stopping", "the service is stopping")
        return request.method.isSafe ? problem : problem.with("outcome", .string(outcome))
    }

    // MARK: Closing early

    func lingerWhenClosed(_ connection: OpaquePointer) {
        lingering.descriptors.insert(cmhd_connection_fd(connection))
    }

    func connectionOpens(descriptor: Int32) -> HTTPConnection {
        let connection = HTTPConnection(descriptor: descriptor, nowNs: reactor.nowNs)
        connections.add(connection)
        return connection
    }

    /// libmicrohttpd closes the descriptor right after this.
    func connectionCloses(_ connection: HTTPConnection) {
        connections.remove(connection)
        let descriptor = connection.descriptor
        // At its connection limit libmicrohttpd removes the listening socket from its epoll until it runs again.
        runState.isNeeded = true
        let wasAnsweredEarly = !lingering.descriptors.isEmpty && lingering.descriptors.remove(descriptor) != nil
        guard daemon != nil, descriptor >= 0, lingering.count < LingeringConnections.limit else { return }
        var byte: UInt8 = 0
        guard wasAnsweredEarly || recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
        else { return }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return }
        shutdown(copy, Int32(SHUT_WR))
        lingering.count += 1
        _ = LingeringClose(reactor: reactor, descriptor: copy) { [weak self] in self?.lingering.count -= 1 }
    }
}

/// Connections that were answered before the client had sent everything.
struct LingeringConnections {
    static let limit = 64
    /// Answered early and not yet closed.
    var descriptors: Set<Int32> = []
    /// Closed, with a ``LingeringClose`` that reads the rest.
    var count = 0
}

/// Resumes the callers of ``HTTPServer/drain(deadlineNs:)`` when no request is in flight.
final class DrainWaiter: Expirable {
    private unowned let server: HTTPServer
    private var continuations: [UnsafeContinuation<Void, Never>] = []

    init(server: HTTPServer) { self.server = server }

    func add(_ continuation: UnsafeContinuation<Void, Never>) { continuations.append(continuation) }

    func requestEnded() {
        if server.requestsInFlight == 0 { resume() }
    }

    func resume() {
        let all = continuations
        continuations = []
        for continuation in all { continuation.resume() }
    }

    // MARK: Expirable

    var isSettled: Bool { continuations.isEmpty }
    func expire() { resume() }
}

import Dispatch
import EventLoop
import Glibc
import Testing

@testable import HTTP

/// A real server on a free port with a reactor of its own.
final class TestServer: @unchecked Sendable {
    // Safe because `server` is used on the reactor's thread only, after `init` has put it there.
    let reactor: Reactor
    private(set) var port: UInt16 = 0
    private var server: HTTPServer?

    init(
        _ adjust: @escaping @Sendable (inout HTTPServerSettings) -> Void = { _ in },
        routes: @escaping @Sendable (Router) -> Void
    ) throws {
        reactor = try Reactor(name: "http-test")
        reactor.start()
        let started = onReactor { [self] () -> Result<UInt16, HTTPServerError> in
            var settings = HTTPServerSettings(host: "127.0.0.1", port: 0)
            adjust(&settings)
            let router = Router()
            routes(router)
            let server = HTTPServer(reactor: reactor, settings: settings, router: router)
            self.server = server
            return Result { () throws(HTTPServerError) in
                try server.start()
                return server.boundPort
            }
        }
        port = try started.get()
    }

    /// Runs `body` on the reactor's thread, and waits for its result.
    func onReactor<Result: Sendable>(_ body: @escaping @Sendable () -> Result) -> Result {
        let slot = Slot<Result>()
        reactor.submit {
            slot.value = body()
            slot.done.signal()
        }
        precondition(slot.done.wait(timeout: .now() + .seconds(30)) == .success, "the reactor does not run")
        return slot.value!
    }

    func withServer<Result: Sendable>(_ body: @escaping @Sendable (HTTPServer) -> Result) -> Result {
        onReactor { [self] in body(server!) }
    }

    /// Waits until `condition` holds on the reactor's thread; false if it does not within ten seconds.
    func waits(for condition: @escaping @Sendable (HTTPServer) -> Bool) -> Bool {
        let deadline = DispatchTime.now() + .seconds(10)
        while DispatchTime.now() < deadline {
            if withServer(condition) { return true }
            usleep(1_000)
        }
        return false
    }

    /// Runs `body` as a task on the reactor's thread and waits for its end.
    func run(_ body: @escaping @Sendable (HTTPServer) async -> Void) {
        #expect(spawn(body).wait(timeout: .now() + .seconds(30)) == .success)
    }

    /// Starts `body` as a task on the reactor's thread; the returned semaphore is signalled at its end.
    func spawn(_ body: @escaping @Sendable (HTTPServer) async -> Void) -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        reactor.submit { [self] in
            let server = server!
            reactor.spawn {
                await body(server)
                done.signal()
            }
        }
        return done
    }

    /// - Parameter number: the client's own address is 127.0.0.`number`.
    func connect(from number: UInt32 = 1) throws -> TestClient { try TestClient(port: port, from: number) }

    func stop() {
        onReactor { [self] in server?.stop() }
        reactor.stop()
        reactor.join()
    }
}

private final class Slot<Value>: @unchecked Sendable {
    // Safe because the semaphore orders the one write before the one read.
    var value: Value?
    let done = DispatchSemaphore(value: 0)
}

/// Holds requests until it is opened, and lets a test wait for their arrival.
final class Gate: @unchecked Sendable {
    // Safe because `waiters` and `isOpen` are used on the reactor's thread only.
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var isOpen = false
    private let arrivals = DispatchSemaphore(value: 0)

    func pass() async {
        arrivals.signal()
        guard !isOpen else { return }
        await withUnsafeContinuation { waiters.append($0) }
    }

    /// Opens the gate. Call this on the reactor's thread.
    func open() {
        isOpen = true
        let all = waiters
        waiters = []
        for waiter in all { waiter.resume() }
    }

    /// Waits until `count` requests have arrived. Call this on the test's thread.
    func waitForArrivals(_ count: Int) {
        for _ in 0..<count { #expect(arrivals.wait(timeout: .now() + .seconds(10)) == .success) }
    }
}

/// A value that the reactor's thread writes and the test reads through ``TestServer/onReactor(_:)``.
final class Box<Value>: @unchecked Sendable {
    // Safe because both ends run on the reactor's thread.
    var value: Value
    init(_ value: Value) { self.value = value }
}

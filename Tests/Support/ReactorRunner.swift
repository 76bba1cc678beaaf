import EventLoop
import Glibc

/// A running reactor for a test. The reactor stops when this object is released.
public final class ReactorRunner: Sendable {
    public let reactor: Reactor

    public init(name: String = "test") throws {
        signal(SIGPIPE, SIG_IGN)  // as in the services: hiredis and OpenSSL write with write(2)
        reactor = try Reactor(name: name)
        reactor.start()
    }

    deinit { reactor.stop() }

    /// Runs `body` on the reactor's thread and returns its result. Failures in `body` are reported under the name of
    /// the calling test.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        // An unstructured task inherits the task-local values of the test. By these values, the testing library finds
        // the test to which a failure belongs.
        try await Task(executorPreference: reactor, operation: body).value
    }
}

extension Scheduler {
    /// Checks `condition` every 2 ms until it holds. Returns false if it does not hold within `withinMs` milliseconds.
    public func eventually(withinMs: UInt64 = 60_000, _ condition: () async -> Bool) async -> Bool {
        let deadlineNs = nowNs + withinMs * nsPerMs
        while nowNs < deadlineNs {
            if await condition() { return true }
            await sleep(forNs: 2 * nsPerMs)
        }
        return await condition()
    }
}

/// Counts outcomes; used on one thread.
public final class Tally {
    public private(set) var counts: [String: Int] = [:]

    public init() {}

    public var total: Int { counts.values.reduce(0, +) }

    public func note(_ outcome: String) { counts[outcome, default: 0] += 1 }
}

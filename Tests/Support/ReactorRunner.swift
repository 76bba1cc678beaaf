import EventLoop

/// A running reactor for a test; stopped with it.
public final class ReactorRunner: Sendable {
    public let reactor: Reactor

    public init(name: String = "test") throws {
        reactor = try Reactor(name: name)
        reactor.start()
    }

    deinit { reactor.stop() }

    /// Runs `body` on the reactor's thread and returns its result to the test, under whose name its failures are
    /// reported.
    public func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        // A task of the test's own inherits its task-local values, by which the library knows the test.
        try await Task(executorPreference: reactor, operation: body).value
    }
}

extension Scheduler {
    /// Waits, on the reactor, until `condition` holds; false after `withinMs`.
    public func eventually(withinMs: UInt64 = 10_000, _ condition: () async -> Bool) async -> Bool {
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

import EventLoop
import HTTP
import Logging
import Replication
import Resilience
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Redis
@testable import Service

/// The log lines and metrics of a group's monitor. The tests report events to the monitor as the links do.
@Suite(.timeLimit(.minutes(20))) struct GroupMonitorTests {
    private let runner: ReactorRunner

    init() throws { runner = try ReactorRunner() }

    /// The lines of a monitor after `body`, each as "EVENT level".
    private func lines(
        _ body: @escaping @Sendable (GroupMonitor, _ offset: () -> String?) -> Void
    ) async throws -> [String] {
        let sink = EventSink()
        try await runner.run { [reactor = runner.reactor] in
            let metrics = ServiceMetrics(try serviceSettings())
            let replica = RedisReplica(name: "g1", endpoint: RedisEndpoint(host: "127.0.0.1", port: 1))
            let group = RedisReplicaGroup(
                reactor: reactor, replicas: [replica], scripts: [], settings: RedisGroupSettings())
            let monitor = GroupMonitor(
                group: group, reactor: reactor, metrics: metrics,
                logger: Logger(label: "test") { _ in EventSink.Handler(sink: sink) }, reportsPartitions: true)
            body(monitor) {
                let page = String(decoding: metrics.registry.page(.text), as: UTF8.self)
                return page.firstMatch(of: /clock_offset_seconds\{node="g1"\} (\S+)/).map { String($0.1) }
            }
            group.close()
        }
        return sink.lines.withLock { $0 }
    }

    private static func reading(offsetMs: Int64) -> ClockReading {
        let ms = 10_000 + offsetMs
        let time = [ms / 1_000, ms % 1_000 * 1_000].map { Reply.bulk(Bytes("\($0)".utf8)) }
        return ClockReading(.array(time), sentMs: 10_000, receivedMs: 10_000, roundTripNs: 0)!
    }

    @Test func aClockThatIsOffIsLoggedOnceAndShown() async throws {
        let lines = try await lines { monitor, offset in
            #expect(offset() == nil, "absent until first read")
            for offsetMs in [900, 1_100, 3_000, 700, 1_200] {
                monitor.clockRead(replica: 0, Self.reading(offsetMs: Int64(offsetMs)))
            }
            #expect(offset() == "1.2")
        }
        #expect(lines == ["CLOCK_OFFSET warning"])
    }

    @Test func aClockNearTheLimitIsNotLoggedAgainAndAgain() async throws {
        let lines = try await lines { monitor, offset in
            for offsetMs in [-1_001, -999, -1_001, -501, -500, -999, -1_001] {
                monitor.clockRead(replica: 0, Self.reading(offsetMs: Int64(offsetMs)))
            }
            #expect(offset() == "-1.001")
        }
        #expect(lines == ["CLOCK_OFFSET warning", "CLOCK_OFFSET notice", "CLOCK_OFFSET warning"])
    }

    private static let unreachable = LinkFailure("no reply for 500 ms")
    private static let refused = LinkFailure("Connection refused")
    private static let rejected = LinkFailure("PING", rejectedWith: ServerError("LOADING"))

    @Test(arguments: [
        (unreachable, ["PARTITION_SUSPECTED warning"], ["PARTITION_HEALED notice"]),
        (refused, ["REPLICA_DOWN warning"], []),
        (rejected, [], []),
    ])
    func anOpenBreakerIsAPartitionOnlyIfNothingIsReceived(failure: LinkFailure, opened: [String], closed: [String])
        async throws
    {
        let lines = try await lines { monitor, _ in
            var breaker = CircuitBreaker(settings: .init(failureThreshold: 1))
            let opening = breaker.recordFailure(nowNs: 0, generation: breaker.generation, randomBits: 0)!
            let trial = breaker.advance(nowNs: 1_000 * nsPerMs)!
            let closing = breaker.recordSuccess(nowNs: 1_000 * nsPerMs, generation: breaker.generation)!
            for transition in [opening, trial, closing] {
                monitor.breakerChanged(replica: 0, transition, after: failure)
            }
        }
        let changes = lines.filter { $0.hasPrefix("CIRCUIT_BREAKER_STATE_CHANGE") }
        #expect(changes.count == 2)
        #expect(lines.filter { !changes.contains($0) } == opened + closed)
    }
}

/// Keeps the names and levels of all events.
private final class EventSink: Sendable {
    let lines = Mutex<[String]>([])

    struct Handler: LogHandler {
        let sink: EventSink
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let name = event.metadata?["event"].map { "\($0)" } ?? "-"
            sink.lines.withLock { $0.append("\(name) \(event.level)") }
        }
    }
}

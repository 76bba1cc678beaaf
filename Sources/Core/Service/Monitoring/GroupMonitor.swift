import EventLoop
import Logging
import Redis
import Resilience
import Telemetry

/// Logs and counts the connection events of a group. ``ConnectionLog`` decides which of them are logged.
///
/// A partition is suspected when a replica's breaker opens because the replica does not answer, and healed when the
/// breaker closes again. A replica that refuses connections or rejects commands can be reached, so this is not a
/// partition.
final class GroupMonitor: RedisGroupObserver {
    private let names: [String]
    private let metrics: ServiceMetrics
    private let logger: Logger
    private unowned let group: RedisReplicaGroup
    private let reactor: Reactor
    private var logs: [ConnectionLog]
    private var isSuspected: [Bool]
    private var isClockOff: [Bool]
    private let latencies: [HistogramSeries]
    /// False if the engine reports partitions itself.
    private let reportsPartitions: Bool

    init(
        group: RedisReplicaGroup, reactor: Reactor, metrics: ServiceMetrics, logger: Logger, reportsPartitions: Bool
    ) {
        self.group = group
        self.reactor = reactor
        self.metrics = metrics
        self.logger = logger
        self.reportsPartitions = reportsPartitions
        names = group.replicaNames
        logs = names.map { _ in ConnectionLog(nowNs: reactor.nowNs) }
        isSuspected = names.map { _ in false }
        isClockOff = isSuspected
        latencies = names.map { metrics.commandLatency.with($0) }
        for name in names {
            // Series that exist from the start show a rate from the first failure.
            _ = metrics.connectionFailures.with(name)
            _ = metrics.connections.with(name)
            for state in CircuitBreaker.State.allCases { _ = metrics.breakerChanges.with(name, state.name) }
            metrics.redisServers.show(nil, of: name)
        }
    }

    func connectionFailed(replica: Int, reason: String) {
        metrics.connectionFailures.with(names[replica]).increment()
        guard logs[replica].failed(reason: reason) else { return }
        logger.event(
            .dbConnectFailure, .warning, "a connection failed or was lost",
            ["node": .string(names[replica]), "reason": .string(reason)])
    }

    func connected(replica: Int) {
        metrics.connections.with(names[replica]).increment()
        guard logs[replica].connected() else { return }
        logger.event(.replicaUp, .info, "connected", ["node": .string(names[replica])])
    }

    func replied(replica: Int, tookNs: UInt64) { latencies[replica].observe(ns: tookNs) }

    /// The alert `ClockOffset` has the same limit. Half of it ends the state, so that an offset near the limit is not
    /// logged every few seconds.
    private static let maxClockOffsetMs: UInt64 = 1_000

    func clockRead(replica: Int, _ reading: ClockReading) {
        metrics.clockOffset.with(names[replica]).set(Double(reading.offsetMs) / 1_000)
        let limitMs = isClockOff[replica] ? Self.maxClockOffsetMs / 2 : Self.maxClockOffsetMs
        let isOff = reading.offsetMs.magnitude > limitMs
        guard isOff != isClockOff[replica] else { return }
        isClockOff[replica] = isOff
        logger.event(
            .clockOffset, isOff ? .warning : .notice,
            isOff ? "the clocks of the replica and this machine differ" : "the clocks agree again",
            ["node": .string(names[replica]), "offset_ms": .stringConvertible(reading.offsetMs)])
    }

    func breakerChanged(replica: Int, _ transition: CircuitBreaker.Transition, after failure: LinkFailure?) {
        let name = names[replica]
        metrics.breakerChanges.with(name, transition.to.name).increment()
        guard logs[replica].breakerChanged(from: transition.from, to: transition.to) else { return }
        var fields: Logger.Metadata = [
            "node": .string(name), "from": .string(transition.from.name), "to": .string(transition.to.name),
            "consecutive_failures": .stringConvertible(transition.consecutiveFailures),
        ]
        if transition.to == .open, let failure { fields["reason"] = .string(failure.text) }
        logger.event(
            .circuitBreakerStateChange, transition.to == .open ? .warning : .info, "breaker changed", fields)
        guard reportsPartitions else { return }
        switch transition.to {
        case .open where failure?.cause == .connectionRefused:
            logger.event(
                .replicaDown, .warning, "nothing listens at a replica's address", ["node": .string(name)])
        case .open where failure?.cause != .rejected && !isSuspected[replica]:
            isSuspected[replica] = true
            let reachable = group.available.map { names[$0] }
            logger.event(
                .partitionSuspected, .warning, "a replica does not answer",
                ["node": .string(name), "reachable": .string(reachable.joined(separator: ","))])
        case .closed where isSuspected[replica]:
            isSuspected[replica] = false
            logger.event(.partitionHealed, .notice, "the replica answers again", ["node": .string(name)])
        default: break
        }
    }

    /// Logs a summary of the events without a line of their own, once per minute.
    func logSummaries() {
        for (replica, status) in group.status().enumerated() {
            guard let summary = logs[replica].takeSummary(nowNs: reactor.nowNs) else { continue }
            let name: LogEventName = summary.failures > 0 ? .dbConnectFailure : .circuitBreakerStateChange
            var fields: Logger.Metadata = [
                "node": .string(status.name), "failures": .stringConvertible(summary.failures),
                "connections": .stringConvertible(summary.connections),
                "breaker_changes": .stringConvertible(summary.breakerChanges),
                "breaker": .string(status.breaker.state.name), "connected": .stringConvertible(status.isConnected),
            ]
            if let reason = summary.reason { fields["reason"] = .string(reason) }
            logger.event(name, .warning, "summary of the last minute", fields)
        }
    }

    /// Sets the gauges. Called several times per second on the reactor's thread. A scrape reads the last values, so it
    /// never waits for that thread.
    func updateGauges() {
        for status in group.status() {
            metrics.breakerState.with(status.name).set(Double(status.breaker.state.rawValue))
            metrics.replicaUp.with(status.name).set(status.isUp ? 1 : 0)
            metrics.replicaInFlight.with(status.name).set(Double(status.inFlight))
        }
    }
}

extension RedisReplicaGroup.LinkStatus {
    var isUp: Bool { isConnected && breaker.state == .closed }
}

import EventLoop
import Replication
import Resilience

/// Keeps one replica connected. Resolves its name, connects, authenticates, loads the scripts, and asks the engine to
/// admit the replica. Then watches the connection, and reconnects with backoff if it fails.
///
/// A connection is up only after real replies, because a stopped Redis still accepts TCP. The trials of the circuit
/// breaker are the link's own commands (the first ones on a new connection, or a `PING`), never a user's request.
final class ReplicaLink: Expirable {
    private enum Phase {
        /// Waits for the next attempt.
        case idle
        /// Resolves, connects, authenticates and loads the scripts.
        case connecting
        case admitting
        case up
        case shutDown
    }

    /// The current attempt to connect, and when the next one is due.
    private struct Attempts {
        /// Distinguishes callbacks of an earlier attempt from those of the current one.
        var number: UInt64 = 0
        /// When the current step began: the lookup, the connection to one address, or the admission. Each step may take
        /// the whole time limit, because a distant replica needs several round trips.
        var startNs: UInt64 = 0
        var nextNs: UInt64 = 0
        var backoff: Backoff
        /// The addresses of the host that this attempt has not tried yet.
        var addresses: ArraySlice<String> = []
        /// True if a server at the current address has replied. If the connection then fails, no other address is
        /// tried, and the reason is that of this server.
        var hasReply = false
        /// The address tried last; nil if it did not work. The next attempt tries it first.
        var goodAddress: String?
    }

    /// The state of the commands that the link itself sends.
    private struct OwnCommands {
        var isReloadingScripts = false
        var isPinging = false
        var nextClockReadNs: UInt64 = 0
    }

    /// The facts about the link that operators see.
    struct History {
        var reconnects: UInt64 = 0
        var lastFailure: LinkFailure?
        /// The failure that the circuit breaker counted last.
        var lastCounted: LinkFailure?
    }

    let index: Int
    private let endpoint: RedisEndpoint
    private let resolver: Resolver
    private let tls: (any TLSConnector)?
    private let reactor: Reactor
    private let scripts: ScriptTable
    private let settings: RedisGroupSettings
    private unowned let group: RedisReplicaGroup

    private var phase = Phase.idle {
        didSet { group.linkChanged(self) }
    }
    private(set) var connection: RedisConnection?
    private var attempts: Attempts
    private(set) var health: LinkHealth
    private(set) var history = History()
    private var ownCommands = OwnCommands()
    /// When the next check of the link is due. An idle link checks late. As soon as a command is sent, an early check
    /// replaces the late one.
    private var checkDueNs: UInt64 = .max

    /// How often the replica's clock is read.
    private static let clockIntervalNs = 5_000 * nsPerMs
    /// How often a busy or unhealthy link checks its oldest command.
    private static let checkIntervalNs = 10 * nsPerMs

    init(
        index: Int, endpoint: RedisEndpoint, reactor: Reactor, scripts: ScriptTable, settings: RedisGroupSettings,
        group: RedisReplicaGroup
    ) {
        self.index = index
        self.endpoint = endpoint
        resolver = Resolver(host: endpoint.host, reactor: reactor, lookUp: settings.lookUp)
        tls = endpoint.tlsConnector(settings.tls)
        self.reactor = reactor
        self.scripts = scripts
        self.settings = settings
        self.group = group
        attempts = Attempts(
            backoff: Backoff(baseMs: settings.reconnect.minPauseMs, maxMs: settings.reconnect.maxPauseMs))
        health = LinkHealth(settings)
    }

    var isUp: Bool { phase == .up }
    var isAdmitting: Bool { phase == .admitting }
    var isAvailable: Bool { phase == .up && health.breaker.state == .closed }

    func start() { scheduleCheck(inNs: nsPerMs) }

    func shutDown() {
        phase = .shutDown
        attempts.number &+= 1
        resolver.cancel()
        connection?.close(reason: "shutting down")
        connection = nil
    }

    // MARK: Connecting

    private func connect() {
        attempts.number &+= 1
        attempts.startNs = reactor.nowNs
        scheduleCheck(inNs: Self.checkIntervalNs)
        phase = .connecting
        resolver.resolve { [self] addresses in
            attempts.addresses = addresses[...]
            if let good = attempts.goodAddress, let place = addresses.firstIndex(of: good) {
                attempts.addresses.remove(at: place)
                attempts.addresses.insert(good, at: 0)
            }
            if !openNextAddress() { attemptFailed(LinkFailure("cannot resolve \(endpoint.host)")) }
        }
    }

    /// Connects to the next address of the host; false if none is left. Each address gets the whole time limit: a name
    /// is unreachable only if all of its addresses are (RFC 8305, one connection at a time).
    private func openNextAddress() -> Bool {
        guard let address = attempts.addresses.popFirst() else { return false }
        attempts.number &+= 1
        attempts.startNs = reactor.nowNs
        phase = .connecting
        attempts.goodAddress = address
        attempts.hasReply = false
        if let failure = open(address) { addressFailed(failure) }
        return true
    }

    private func open(_ address: String) -> LinkFailure? {
        do throws(RedisTLSError) {
            let connection = RedisConnection(
                reactor: reactor, replica: index, settings: settings, tls: try tls?.newSession())
            self.connection = connection
            return connection.open(address: address, port: endpoint.port, link: self)
        } catch { return LinkFailure(tls: error.description) }
    }

    /// Tries the next address, after the connection could not be opened or was lost before it was up.
    private func addressFailed(_ failure: LinkFailure) {
        connection = nil
        ownCommands.isReloadingScripts = false
        if !openNextAddress() { attemptFailed(failure) }
    }

    func connectionDidOpen(_ connection: RedisConnection) {
        connection.prepare(endpoint, scripts) { [self] isLoaded in
            if isLoaded, phase == .connecting { admit() }
        }
    }

    private func admit() {
        phase = .admitting
        attempts.startNs = reactor.nowNs
        let number = attempts.number
        reactor.spawn { [self] in
            let isAdmitted = await group.admit(replica: index)
            guard attempts.number == number else { return }
            guard isAdmitted else {
                connection?.close(.notAdmitted)
                return
            }
            phase = .up
            attempts.backoff.reset()
            report(health.breaker.recordSuccess(nowNs: reactor.nowNs, generation: health.breaker.generation))
            group.observer?.connected(replica: index)
            group.delegate?.replicaDidConnect(index)
        }
    }

    // MARK: Watching

    /// Schedules the next check of the oldest unanswered command. Call this after each command that was sent.
    func didSend() { scheduleCheck(inNs: Self.checkIntervalNs) }

    func connectionHasOutput(_ connection: RedisConnection) { group.hasOutput(connection) }

    func connection(_ connection: RedisConnection, didReceive reply: Reply, sentNs: UInt64) {
        let nowNs = reactor.nowNs
        attempts.hasReply = true
        health.didReceiveReply(atNs: nowNs)
        if let error = reply.error {
            if error.kind == .noScript, phase == .up {
                reloadScripts(connection)
            } else if error.isOutOfService {
                countFailure(LinkFailure("a command", rejectedWith: error))
                return
            }
        }
        health.measure(sentNs: sentNs, nowNs: nowNs, isUp: phase == .up)
        group.observer?.replied(replica: index, tookNs: nowNs &- sentNs)
    }

    private func reloadScripts(_ connection: RedisConnection) {
        guard !ownCommands.isReloadingScripts else { return }
        ownCommands.isReloadingScripts = true
        connection.load(scripts) { [self] _ in ownCommands.isReloadingScripts = false }
        didSend()
    }

    private func check(_ connection: RedisConnection, _ nowNs: UInt64) {
        switch connection.progressNs.map({ health.judge(progressNs: $0, nowNs: nowNs) }) {
        case .stalled?:
            connection.close(reason: "no reply for \(settings.timeouts.stallMs) ms")
            return
        case .late?: countFailure(LinkFailure("no reply for \(settings.timeouts.callMs) ms"))
        case .some(.none), nil: break
        }
        report(health.breaker.advance(nowNs: nowNs))
        let isTrialDue = health.breaker.state == .halfOpen && health.breaker.allows(nowNs: nowNs)
        let isIdle =
            connection.inFlight == 0 && health.isIdle(forNs: settings.timeouts.pingIntervalMs * nsPerMs, nowNs: nowNs)
        if isTrialDue || (isIdle && health.breaker.state == .closed) { ping(connection, isTrial: isTrialDue) }
        if nowNs >= ownCommands.nextClockReadNs { readClock(connection, nowNs) }
    }

    private func readClock(_ connection: RedisConnection, _ nowNs: UInt64) {
        ownCommands.nextClockReadNs = nowNs + Self.clockIntervalNs
        let sentNs = reactor.nowNs
        let sentMs = reactor.wallClockMs
        connection.ask([Bytes("TIME".utf8)]) { [self] reply in
            guard
                let reading = ClockReading(
                    reply, sentMs: sentMs, receivedMs: reactor.wallClockMs, roundTripNs: reactor.nowNs &- sentNs)
            else { return }
            group.observer?.clockRead(replica: index, reading)
        }
        didSend()
    }

    private func ping(_ connection: RedisConnection, isTrial: Bool) {
        guard isTrial || !ownCommands.isPinging else { return }
        ownCommands.isPinging = true
        let generation = health.breaker.generation
        connection.ask([Bytes("PING".utf8)]) { [self] reply in
            ownCommands.isPinging = false
            // A nil reply means that the connection was lost. That failure is counted when the connection closes.
            guard isTrial, reply != nil else { return }
            if reply == .status("PONG"), !health.wasLastReplyLate {
                report(health.breaker.recordSuccess(nowNs: reactor.nowNs, generation: generation))
            } else if let error = reply?.error {
                countFailure(LinkFailure("PING", rejectedWith: error))
            } else {
                countFailure(LinkFailure("a late reply to PING"))
            }
        }
        didSend()
    }

    // MARK: Timer

    var isSettled: Bool { phase == .shutDown }

    private func scheduleCheck(inNs delayNs: UInt64) {
        let dueNs = reactor.nowNs + delayNs
        guard dueNs < checkDueNs else { return }
        checkDueNs = dueNs
        reactor.schedule(self, atNs: dueNs)
    }

    func expire() {
        let nowNs = reactor.nowNs
        // Another timer has replaced this one.
        guard nowNs >= checkDueNs else { return }
        checkDueNs = .max
        switch phase {
        case .shutDown: return
        case .idle:
            report(health.breaker.advance(nowNs: nowNs))
            // While the circuit breaker is not closed, an attempt to connect is its trial. The breaker allows one trial
            // at a time, and none before it is due.
            if nowNs >= attempts.nextNs, health.breaker.allows(nowNs: nowNs) { connect() }
        case .connecting, .admitting:
            if nowNs &- attempts.startNs > settings.timeouts.connectMs * nsPerMs { giveUp() }
        case .up: if let connection { check(connection, nowNs) }
        }
        scheduleNextCheck(nowNs)
    }

    private func scheduleNextCheck(_ nowNs: UInt64) {
        switch phase {
        case .shutDown: break
        case .idle:
            let dueNs = max(attempts.nextNs, health.breaker.retryAtNs ?? 0, nowNs + Self.checkIntervalNs)
            scheduleCheck(inNs: dueNs - nowNs)
        case .up where connection?.inFlight == 0 && health.breaker.state == .closed:
            scheduleCheck(inNs: settings.timeouts.pingIntervalMs * nsPerMs)
        default: scheduleCheck(inNs: Self.checkIntervalNs)
        }
    }

    // MARK: Failing

    private func giveUp() {
        if let connection {
            connection.close(reason: connection.setupTimeoutReason)
        } else {
            attemptFailed(LinkFailure("no answer to the lookup of \(endpoint.host)"))
        }
    }

    func connectionDidClose(_ connection: RedisConnection, _ failure: LinkFailure) {
        guard connection === self.connection, phase != .shutDown else { return }
        if attempts.hasReply { attemptFailed(failure) } else { addressFailed(failure) }
    }

    private func attemptFailed(_ failure: LinkFailure) {
        let wasUp = phase == .up
        phase = .idle
        attempts.number &+= 1
        attempts.addresses = []
        if !wasUp { attempts.goodAddress = nil }
        resolver.cancel()
        connection = nil
        ownCommands.isReloadingScripts = false
        ownCommands.isPinging = false
        health.didLoseConnection()
        history.reconnects += 1
        history.lastFailure = failure
        attempts.nextNs = reactor.nowNs + attempts.backoff.nextMs(randomBits: reactor.randomBits()) * nsPerMs
        countFailure(failure)
        scheduleCheck(inNs: Self.checkIntervalNs)
        group.observer?.connectionFailed(replica: index, reason: failure.text)
        if wasUp { group.delegate?.replicaDidDisconnect(index) }
    }

    private func countFailure(_ failure: LinkFailure) {
        history.lastCounted = failure
        report(
            health.breaker.recordFailure(
                nowNs: reactor.nowNs, generation: health.breaker.generation, randomBits: reactor.randomBits()))
    }

    private func report(_ transition: CircuitBreaker.Transition?) {
        guard let transition else { return }
        group.linkChanged(self)
        group.observer?.breakerChanged(replica: index, transition, after: history.lastCounted)
    }
}

import EventLoop
import Replication
import Resilience

/// Keeps one replica connected: resolve, connect, authenticate, load scripts, let the engine admit it, watch it, and begin
/// again with backoff when it fails.
///
/// A connection counts as up only after real replies: a stopped Redis still accepts TCP. The breaker's trials are this
/// link's own (a new connection's first replies, or a `PING`), never a user's request.
final class ReplicaLink: Expirable {
    private enum Phase {
        /// Waiting for the next attempt.
        case idle
        case resolving
        case connecting
        case preparing
        case admitting
        case up
        case shutDown
    }

    let index: Int
    private let endpoint: RedisEndpoint
    private let reactor: Reactor
    private let scripts: ScriptTable
    private let settings: RedisGroupSettings
    private unowned let group: RedisReplicaGroup

    private var phase = Phase.idle {
        didSet { group.linkChanged(self) }
    }
    private(set) var connection: RedisConnection?
    /// Tells late answers of an earlier attempt from those of this one.
    private var attempt: UInt64 = 0
    private var attemptStartNs: UInt64 = 0
    private var nextAttemptNs: UInt64 = 0
    private var backoff: Backoff
    private(set) var breaker: CircuitBreaker
    private var failuresCountedUntilNs: UInt64 = 0
    private var lastReplyNs: UInt64 = 0
    private var isPinging = false
    private var isLoadingScripts = false
    /// When the link next looks; an idle link's late look gives way to an early one as soon as something is sent.
    private var armedNs: UInt64 = .max
    /// A running estimate of the answer time; `.max` before the first answer.
    private(set) var latencyNs: UInt64 = .max
    private(set) var reconnects: UInt64 = 0
    private(set) var lastFailure: String?

    /// How often an unhealthy or busy link looks at its oldest command.
    private static let checkEveryNs = 10 * nsPerMs

    init(
        index: Int, endpoint: RedisEndpoint, reactor: Reactor, scripts: ScriptTable, settings: RedisGroupSettings,
        group: RedisReplicaGroup
    ) {
        self.index = index
        self.endpoint = endpoint
        self.reactor = reactor
        self.scripts = scripts
        self.settings = settings
        self.group = group
        backoff = Backoff(baseMs: settings.minReconnectMs, maxMs: settings.maxReconnectMs)
        breaker = CircuitBreaker(settings: settings.breaker)
    }

    var isUp: Bool { phase == .up }
    var isAdmitting: Bool { phase == .admitting }
    var isAvailable: Bool { phase == .up && breaker.state == .closed }

    /// A class of answer times: 0 below 1 ms, and one more each time it doubles.
    var distance: Int { latencyNs == .max ? 64 : 64 - (latencyNs / nsPerMs).leadingZeroBitCount }

    func start() { arm(inNs: nsPerMs) }

    func shutDown() {
        phase = .shutDown
        connection?.close(reason: "shutting down")
        connection = nil
    }

    // MARK: Connecting

    private func connect() {
        attempt &+= 1
        attemptStartNs = reactor.nowNs
        arm(inNs: Self.checkEveryNs)
        guard !endpoint.isLiteralAddress else {
            open(address: endpoint.host)
            return
        }
        phase = .resolving
        let attempt = attempt
        Resolver.resolve(endpoint.host, on: reactor) { [self] address in
            guard self.attempt == attempt, phase == .resolving else { return }
            if let address { open(address: address) } else { attemptFailed("cannot resolve \(endpoint.host)") }
        }
    }

    private func open(address: String) {
        phase = .connecting
        let limits = RedisConnection.Limits(
            maxInFlight: settings.maxInFlight, maxInFlightBytes: settings.maxInFlightBytes,
            maxHeldReplyBytes: settings.maxHeldReplyBytes)
        let connection = RedisConnection(
            reactor: reactor, replica: index, limits: limits, encoders: group.encoders
        ) { [unowned group] in group.becameDirty($0) }
        self.connection = connection
        let failure = connection.open(
            address: address, port: endpoint.port,
            events: RedisConnection.Events(
                // The cycle from the connection back to its link ends when the connection closes.
                connected: { [self] in prepare() },
                closed: { [self, attempt] in closed(attempt: attempt, reason: $0) },
                replied: { [self] in replied($0, sentNs: $1) }))
        if let failure { attemptFailed(failure) }
    }

    /// Authenticates and loads the scripts, all in one go; the last reply decides.
    private func prepare() {
        phase = .preparing
        let encoder = CommandEncoder()
        if let password = endpoint.password {
            encoder.begin(words: endpoint.username == nil ? 2 : 3)
            encoder.word("AUTH")
            if let username = endpoint.username { encoder.word(Bytes(username.utf8)) }
            encoder.word(Bytes(password.utf8))
            ask(encoder) { [self] reply in
                if case .error(let text)? = reply { connection?.close(reason: "AUTH: \(text)") }
            }
        }
        encoder.reset()
        encoder.begin(words: 1)
        encoder.word("PING")
        ask(encoder) { [self] reply in
            if case .error(let text)? = reply { connection?.close(reason: text) }
        }
        loadScripts { [self] isLoaded in
            guard isLoaded, phase == .preparing else { return }
            admit()
        }
    }

    private func admit() {
        phase = .admitting
        let attempt = attempt
        reactor.spawn { [self] in
            let isAdmitted = await group.admit(replica: index)
            guard self.attempt == attempt, phase == .admitting else { return }
            guard isAdmitted else {
                connection?.close(reason: "not admitted by the engine")
                return
            }
            phase = .up
            backoff.reset()
            report(breaker.recordSuccess(nowNs: reactor.nowNs, generation: breaker.generation))
            group.observer?.connected(replica: index)
            group.delegate?.replicaDidConnect(index)
        }
    }

    private func loadScripts(done: @escaping (Bool) -> Void) {
        isLoadingScripts = true
        var isGood = true
        let encoder = CommandEncoder()
        for (place, script) in scripts.scripts.enumerated() {
            encoder.reset()
            encoder.begin(words: 3)
            encoder.word("SCRIPT")
            encoder.word("LOAD")
            encoder.word(script.source)
            ask(encoder) { [self] reply in
                switch reply {
                case .bulk(let sha)?: scripts.learn(script, sha: sha)
                case .error(let text)?:
                    isGood = false
                    connection?.close(reason: "SCRIPT LOAD \(script.name): \(text)")
                default: isGood = false
                }
                if place == scripts.scripts.count - 1 {
                    isLoadingScripts = false
                    done(isGood)
                }
            }
        }
        if scripts.scripts.isEmpty { done(true) }
    }

    private func ask(_ encoder: CommandEncoder, then body: @escaping (Reply?) -> Void) {
        guard connection?.send(encoder.encoded, to: .link(body)) == true else {
            body(nil)
            return
        }
        didSend()
    }

    // MARK: Watching

    /// To be called after every command handed to the connection: its deadline begins.
    func didSend() { arm(inNs: Self.checkEveryNs) }

    private func replied(_ reply: Reply, sentNs: UInt64) {
        let nowNs = reactor.nowNs
        lastReplyNs = nowNs
        if case .error(let text) = reply {
            if text.hasPrefix("NOSCRIPT"), !isLoadingScripts, phase == .up {
                loadScripts { _ in }
            } else if Self.isOutOfService(text) {
                countFailure()
                return
            }
        }
        let tookNs = nowNs &- sentNs
        latencyNs = latencyNs == .max ? tookNs : latencyNs - latencyNs / 8 + tookNs / 8
        // A late reply has been counted as a failure; one asked for before the breaker moved says nothing about now.
        guard phase == .up, breaker.state == .closed, tookNs <= settings.callTimeoutMs * nsPerMs else { return }
        guard sentNs >= breaker.lastTransition?.atNs ?? 0 else { return }
        breaker.recordSuccess(nowNs: nowNs, generation: breaker.generation)
    }

    /// Errors that say the whole server cannot serve now, whatever the command.
    private static func isOutOfService(_ text: String) -> Bool {
        ["LOADING", "BUSY ", "MASTERDOWN", "CLUSTERDOWN", "READONLY"].contains { text.hasPrefix($0) }
    }

    var isSettled: Bool { phase == .shutDown }

    private func arm(inNs delayNs: UInt64) {
        let dueNs = reactor.nowNs + delayNs
        guard dueNs < armedNs else { return }
        armedNs = dueNs
        reactor.schedule(self, atNs: dueNs)
    }

    func expire() {
        let nowNs = reactor.nowNs
        // A timer that an earlier one has taken the place of.
        guard nowNs >= armedNs else { return }
        armedNs = .max
        switch phase {
        case .shutDown: return
        case .idle:
            report(breaker.advance(nowNs: nowNs))
            // While the breaker is not closed, the attempt is its trial: one at a time, and not before it is due.
            if nowNs >= nextAttemptNs, breaker.allows(nowNs: nowNs) { connect() }
        case .resolving, .connecting, .preparing, .admitting:
            if nowNs &- attemptStartNs > settings.connectTimeoutMs * nsPerMs { giveUp("no answer while connecting") }
        case .up: check(nowNs)
        }
        rearm(nowNs)
    }

    private func rearm(_ nowNs: UInt64) {
        switch phase {
        case .shutDown: break
        case .idle: arm(inNs: max(nextAttemptNs, breaker.retryAtNs ?? 0, nowNs + Self.checkEveryNs) - nowNs)
        case .up where connection?.inFlight == 0 && breaker.state == .closed:
            arm(inNs: settings.pingIntervalMs * nsPerMs)
        default: arm(inNs: Self.checkEveryNs)
        }
    }

    private func check(_ nowNs: UInt64) {
        guard let connection else { return }
        if let oldestNs = connection.oldestSentNs {
            let silentNs = nowNs &- max(oldestNs, lastReplyNs)
            if silentNs > settings.stallTimeoutMs * nsPerMs {
                giveUp("no answer for \(settings.stallTimeoutMs) ms")
                return
            }
            // Each command is judged once, however often this runs.
            let lateBeforeNs = nowNs &- settings.callTimeoutMs * nsPerMs
            let late = connection.countSent(afterNs: failuresCountedUntilNs, upToNs: lateBeforeNs)
            failuresCountedUntilNs = max(failuresCountedUntilNs, lateBeforeNs)
            for _ in 0..<min(late, settings.breaker.failureThreshold) { countFailure() }
        }
        report(breaker.advance(nowNs: nowNs))
        let isTrialDue = breaker.state == .halfOpen && breaker.allows(nowNs: nowNs)
        let isIdle = connection.inFlight == 0 && nowNs &- lastReplyNs >= settings.pingIntervalMs * nsPerMs
        if isTrialDue || (isIdle && breaker.state == .closed) { ping(isTrial: isTrialDue) }
    }

    private func ping(isTrial: Bool) {
        guard isTrial || !isPinging else { return }
        isPinging = true
        let encoder = CommandEncoder()
        encoder.begin(words: 1)
        encoder.word("PING")
        let sentNs = reactor.nowNs
        let generation = breaker.generation
        ask(encoder) { [self] reply in
            isPinging = false
            // Without a reply the connection is lost, and that is counted where it is noticed.
            guard isTrial, reply != nil else { return }
            let nowNs = reactor.nowNs
            if reply == .status("PONG"), nowNs &- sentNs <= settings.callTimeoutMs * nsPerMs {
                report(breaker.recordSuccess(nowNs: nowNs, generation: generation))
            } else {
                countFailure()
            }
        }
    }

    // MARK: Failing

    private func giveUp(_ reason: String) {
        if let connection { connection.close(reason: reason) } else { attemptFailed(reason) }
    }

    private func closed(attempt: UInt64, reason: String) {
        guard self.attempt == attempt, phase != .shutDown else { return }
        attemptFailed(reason)
    }

    private func attemptFailed(_ reason: String) {
        let wasUp = phase == .up
        phase = .idle
        attempt &+= 1
        connection = nil
        isLoadingScripts = false
        isPinging = false
        latencyNs = .max
        reconnects += 1
        lastFailure = reason
        let nowNs = reactor.nowNs
        nextAttemptNs = nowNs + backoff.nextMs(randomBits: reactor.randomBits()) * nsPerMs
        countFailure()
        arm(inNs: Self.checkEveryNs)
        group.observer?.connectionFailed(replica: index, reason: reason)
        if wasUp { group.delegate?.replicaDidDisconnect(index) }
    }

    private func countFailure() {
        report(
            breaker.recordFailure(
                nowNs: reactor.nowNs, generation: breaker.generation, randomBits: reactor.randomBits()))
    }

    private func report(_ transition: CircuitBreaker.Transition?) {
        guard let transition else { return }
        group.linkChanged(self)
        group.observer?.breakerChanged(replica: index, transition)
    }
}

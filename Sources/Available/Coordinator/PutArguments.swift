import EventLoop
import Replication

/// The arguments of `put` that all changes at one coordinator share. Changes of one turn of the event loop are sent as
/// one call.
struct PutArguments {
    /// `<replica>.<incarnation>`, the actor in the dots of the coordinator's changes.
    let actor: Bytes
    let shared: [Bytes]
    private let incarnation: Bytes
    private let epoch: Bytes
    private let maxHints: Bytes

    /// - Parameters:
    ///   - siblingLimits: the most siblings, and the most bytes of siblings, that a change with a context may leave.
    ///   - maxHints: the most hints per peer; 0 if they need not be counted.
    init(coordinator: Bytes, peers: [Bytes], clock: ReplicaClock, siblingLimits: [Bytes], maxHints: Bytes) {
        incarnation = clock.incarnation
        epoch = clock.epoch
        self.maxHints = maxHints
        actor = coordinator + [UInt8(ascii: ".")] + clock.incarnation
        shared =
            [clock.incarnation, clock.epoch, actor] + siblingLimits + [maxHints, Bytes(decimal: UInt64(peers.count))]
            + peers
    }

    func isFor(_ clock: ReplicaClock, maxHints: Bytes) -> Bool {
        incarnation == clock.incarnation && epoch == clock.epoch && self.maxHints == maxHints
    }

    /// The command for one change. Redis runs each change as an atomic step of its own.
    ///
    /// - Parameters:
    ///   - isLaterAttempt: true if an earlier attempt may have stored the change at some replica.
    ///   - notAfter: the deadline fence, on the coordinator's clock.
    func command(_ change: ClientChange, isLaterAttempt: Bool, notAfter: Bytes) -> Command {
        Command(
            .step(
                change.request.kind == .delete ? AvailableScripts.delete : AvailableScripts.put, key: change.recordKey,
                shared: shared),
            arguments: [
                change.packed, change.ttl, change.context ?? Arguments.noContext,
                isLaterAttempt ? Arguments.laterAttempt : Arguments.firstAttempt, notAfter,
            ])
    }
}

/// Caches the arguments of `put` by coordinator. Changes with the same cached arguments are cheap to recognise, and
/// share a call.
struct PutArgumentCache {
    private let environment: Environment
    private let siblingLimits: [Bytes]
    private let maxHints: Bytes
    private var known: [PutArguments?]

    init(_ environment: Environment) {
        self.environment = environment
        let limits = environment.settings.limits
        siblingLimits = [limits.maxSiblings, limits.maxSiblingBytes].map { Bytes(decimal: UInt64(max(1, $0))) }
        maxHints = Bytes(decimal: UInt64(max(1, limits.maxHints)))
        known = environment.replicas.names.map { _ in nil }
    }

    mutating func arguments(_ coordinator: Int, _ clock: ReplicaClock) -> PutArguments {
        let maxHints = hintLimit(coordinator)
        if let arguments = known[coordinator], arguments.isFor(clock, maxHints: maxHints) { return arguments }
        let replicas = environment.replicas
        let arguments = PutArguments(
            coordinator: replicas.nameBytes[coordinator],
            peers: replicas.peers(of: coordinator).map { replicas.nameBytes[$0] }, clock: clock,
            siblingLimits: siblingLimits, maxHints: maxHints)
        known[coordinator] = arguments
        return arguments
    }

    /// The limit of hints for `put`, or 0 so that it counts no hints: counting costs a tenth of a write. It is 0 if the
    /// limit is at least 500,000 and a recent probe found less than half of it. Then hints cannot reach the limit
    /// before the next probe.
    private func hintLimit(_ coordinator: Int) -> Bytes {
        let hints = environment.replicas[coordinator].probe.hints
        let maxAgeNs = 2 * environment.settings.background.probeIntervalMs * nsPerMs
        guard environment.settings.limits.maxHints >= 500_000, environment.nowNs < hints.countedNs + maxAgeNs,
            hints.counts.allSatisfy({ $0.count < environment.settings.limits.maxHints / 2 })
        else { return maxHints }
        return Arguments.zero
    }
}

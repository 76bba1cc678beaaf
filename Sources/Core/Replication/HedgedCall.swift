import EventLoop

/// Sends a command to the best replicas first. Asks further ones if those are slow or their replies do not suffice
/// (Dean and Barroso, *The Tail at Scale*, CACM 2013).
///
/// The caller decides in two closures:
/// - `nextWave` names the replicas to ask next and the delay until the wave after them.
/// - `judge` examines the new replies, and ends the call, waits, or asks for the next wave at once.
///
/// A wave is due when its delay has passed, when nothing is outstanding, or when `judge` asks for it.
///
/// ```swift
/// let hedged = HedgedCall(command, group: group, scheduler: scheduler, deadlineNs: deadlineNs)
/// defer { hedged.call.close() }
/// let outcome = await hedged.run { excluded in
///     guard let replica = nearest(excluding: excluded) else { return .wait }
///     return .ask([replica], delayNs: delay.ns(latencyNs: group.latencyNs(replica)))
/// } judge: { newReplies in
///     for replica in newReplies {
///         if let value = value(of: hedged.call.reply(from: replica)) { return .answer(value) }
///     }
///     return .wait()
/// }
/// ```
public struct HedgedCall {
    /// Holds the replies so far. Close the call when they are no longer needed.
    public let call: QuorumCall
    private let command: Command
    private let scheduler: any Scheduler
    private let minReplies: Int

    /// - Parameters:
    ///   - deadlineNs: when the call ends at the latest, on the scheduler's clock.
    ///   - minReplies: `judge` is first called after this many replies, or earlier if a delay has passed or nothing is
    ///     outstanding.
    public init(
        _ command: Command, group: any ReplicaGroup, scheduler: any Scheduler, deadlineNs: UInt64, minReplies: Int = 1
    ) {
        self.command = command
        self.scheduler = scheduler
        self.minReplies = minReplies
        call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
    }

    public enum Wave {
        /// Ask these replicas. The next wave is due after `delayNs`, or at once if none of these can be asked.
        case ask(ReplicaSet, delayNs: UInt64)
        /// No replica is left to ask: wait for the outstanding replies.
        case wait
        /// End the call, even if replies are outstanding.
        case giveUp
    }

    public enum Verdict<Answer> {
        case answer(Answer)
        /// Wait for further replies or the next wave. `judge` is called again at `untilNs` at the latest.
        case wait(untilNs: UInt64 = .max)
        /// The replies do not suffice. Ask the next wave at once.
        case askNext
        case giveUp
    }

    public enum Outcome<Answer> {
        case answer(Answer)
        /// Every replica that could be asked has replied or is lost, or one of the closures gave up.
        case exhausted
        case expired
    }

    /// - Parameters:
    ///   - nextWave: gets the replicas to leave out: those that were already asked, and those that could not be asked
    ///     in this wave.
    ///   - judge: gets the replicas whose replies are new. The set is empty if `judge` is called because a delay has
    ///     passed.
    public func run<Answer>(
        nextWave: (_ excluded: ReplicaSet) -> Wave, judge: (_ newReplies: ReplicaSet) -> Verdict<Answer>
    ) async -> Outcome<Answer> {
        var judged: ReplicaSet = []
        guard var waveDueNs = sendNext(nextWave) else { return .exhausted }
        var judgeDueNs = UInt64.max
        while true {
            await call.wait(
                limitNs: min(waveDueNs, judgeDueNs), forReplies: max(minReplies, judged.count + 1))
            let newReplies = call.answered.subtracting(judged)
            judged.formUnion(newReplies)
            judgeDueNs = .max
            var isWaveDue = call.outstanding.isEmpty || scheduler.nowNs >= waveDueNs
            switch judge(newReplies) {
            case .answer(let answer): return .answer(answer)
            case .wait(let untilNs): judgeDueNs = untilNs
            case .askNext: isWaveDue = true
            case .giveUp: return .exhausted
            }
            if call.isExpired { return .expired }
            guard isWaveDue else { continue }
            guard let dueNs = sendNext(nextWave) else { return .exhausted }
            waveDueNs = dueNs
        }
    }

    /// Asks the next replicas that can be asked.
    /// - Returns: when the wave after them is due; nil if the call ends.
    private func sendNext(_ nextWave: (_ excluded: ReplicaSet) -> Wave) -> UInt64? {
        var excluded = call.sent.union(call.overloaded)
        while true {
            switch nextWave(excluded) {
            case .ask(let replicas, let delayNs):
                let sentBefore = call.sent
                call.send(command, to: replicas)
                excluded.formUnion(replicas)
                guard call.sent != sentBefore else { continue }
                let (dueNs, isOverflow) = scheduler.nowNs.addingReportingOverflow(delayNs)
                return isOverflow ? .max : dueNs
            case .wait: return call.outstanding.isEmpty ? nil : .max
            case .giveUp: return nil
            }
        }
    }
}

/// How long to wait for a replica before another one is asked too.
public struct HedgeDelay: Sendable {
    public let minNs: UInt64
    public let maxNs: UInt64

    /// - Parameter maxNs: the upper bound, also used if the replica's latency is unknown. It takes precedence over
    ///   `minNs`.
    public init(minNs: UInt64, maxNs: UInt64) {
        self.minNs = minNs
        self.maxNs = maxNs
    }

    /// Three times the average latency of the replica, within the bounds.
    public func ns(latencyNs: UInt64) -> UInt64 { min(max(min(latencyNs, maxNs) * 3, minNs), maxNs) }
}

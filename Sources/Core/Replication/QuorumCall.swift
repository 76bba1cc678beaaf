import EventLoop

/// Sends one command to several replicas, and waits for enough of their replies.
///
/// A call collects replies and does not interpret them: a ``Quorum`` decides whether they suffice.
///
/// A call is one object with one continuation for all replicas. A task group would wait for all of its children, so one
/// stopped replica would delay every request. Late replies are still stored after ``wait(limitNs:until:)`` has
/// returned, and a second wait may follow.
///
/// ```swift
/// let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
/// call.send(command, to: group.available)
/// await call.wait { quorum.isReached(by: $0.replicas { $0 == .status("OK") }) }
/// ```
public final class QuorumCall: ReplySink, Expirable {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    /// When every wait ends at the latest, on the scheduler's clock.
    public let deadlineNs: UInt64

    /// By replica: its reply. The array is inside the object, which saves an allocation per call.
    private var received: InlineArray<8, Reply?>
    private var recipients = Recipients()
    private var reservations: [ReplyReservation] = []
    private var isClosed = false
    private var pendingWait = PendingWait()
    /// True if a wait ended because the deadline had passed.
    public private(set) var isExpired = false

    private struct Recipients {
        var sent: ReplicaSet = []
        var resent: ReplicaSet = []
        var overloaded: ReplicaSet = []
        var answered: ReplicaSet = []
        var lost: ReplicaSet = []
        var overBudget: ReplicaSet = []
    }

    private struct PendingWait {
        var continuation: UnsafeContinuation<Void, Never>?
        /// The wait ends with this many replies, or when `isDecided` holds.
        var replyCount = Int.max
        var isDecided: ((QuorumCall) -> Bool)?
        var endNs: UInt64 = 0
        /// When the earliest timer that was set during this wait is due. Timers of earlier waits do not count. They may
        /// have been dropped, because the call is settled between two waits.
        var timerNs: UInt64 = .max
    }

    public init(group: any ReplicaGroup, scheduler: any Scheduler, deadlineNs: UInt64) {
        self.group = group
        self.scheduler = scheduler
        self.deadlineNs = deadlineNs
        received = InlineArray(repeating: nil)
    }

    // MARK: Sending

    /// Sends `command` to `targets`. May be called again for further replicas.
    ///
    /// - Parameter duringAdmission: true to reach also a replica that is connected but not admitted yet.
    public func send(_ command: Command, to targets: ReplicaSet, duringAdmission: Bool = false) {
        let result = group.send(command, to: targets, duringAdmission: duringAdmission, sink: self)
        recipients.resent.formUnion(recipients.sent.intersection(result.sent))
        recipients.sent.formUnion(result.sent)
        recipients.overloaded.formUnion(result.overloaded)
    }

    /// Replicas whose connection accepted the command.
    public var sent: ReplicaSet { recipients.sent }
    /// Replicas that were sent the command more than once. Their first reply does not show the outcome of the second
    /// run.
    public var resent: ReplicaSet { recipients.resent }
    /// Replicas that had too many unanswered commands to accept another one.
    public var overloaded: ReplicaSet { recipients.overloaded }

    // MARK: Replies

    /// Replicas that replied, whatever the reply.
    public var answered: ReplicaSet { recipients.answered }
    /// Replicas whose connection was lost before the reply, and those in ``overBudget``.
    public var lost: ReplicaSet { recipients.lost }
    /// Replicas in ``lost`` that did reply, but whose reply was dropped because it exceeded the ``ReplyBudget``.
    public var overBudget: ReplicaSet { recipients.overBudget }
    /// Replicas that were sent the command and have neither replied nor been lost.
    public var outstanding: ReplicaSet { sent.subtracting(answered).subtracting(lost) }

    /// The reply of one replica; nil if none has arrived.
    public func reply(from replica: Int) -> Reply? { received[replica] }

    /// All replies by replica; nil if none has arrived.
    public var replies: [Reply?] { (0..<group.replicaCount).map { received[$0] } }

    /// Returns the replies so far, and drops later ones.
    func takeReplies() -> ReplicaReplies {
        let taken = ReplicaReplies(replies, answered: answered, reservations: reservations)
        close()
        return taken
    }

    /// The replicas whose reply satisfies `condition`.
    public func replicas(where condition: (Reply) -> Bool) -> ReplicaSet {
        var matching: ReplicaSet = []
        for replica in answered {
            if let reply = received[replica], condition(reply) { matching.insert(replica) }
        }
        return matching
    }

    /// Drops the replies, and all later ones. Call this when long replies are no longer needed. Otherwise the timer of
    /// an earlier wait keeps them in memory until the deadline.
    public func close() {
        isClosed = true
        for replica in answered { received[replica] = nil }
        reservations = []
    }

    // MARK: Waiting

    /// Suspends until `isDecided` holds, nothing is outstanding, or the deadline (or the earlier `limitNs`) has passed,
    /// whichever is first. `isDecided` is evaluated at once and after every reply.
    public func wait(limitNs: UInt64 = .max, until isDecided: @escaping (QuorumCall) -> Bool) async {
        if isDecided(self) { return }
        pendingWait.isDecided = isDecided
        await wait(limitNs: limitNs, replyCount: .max)
    }

    /// Suspends until `count` replicas have replied, nothing is outstanding, or the deadline (or the earlier `limitNs`)
    /// has passed.
    public func wait(limitNs: UInt64 = .max, forReplies count: Int) async {
        if answered.count >= count { return }
        await wait(limitNs: limitNs, replyCount: count)
    }

    /// Suspends until every replica that was sent the command has replied or is lost, or the deadline has passed.
    public func waitForAll() async {
        await wait(limitNs: .max, replyCount: .max)
    }

    private func wait(limitNs: UInt64, replyCount: Int) async {
        precondition(pendingWait.continuation == nil, "one wait at a time")
        let endNs = min(limitNs, deadlineNs)
        guard !outstanding.isEmpty, scheduler.nowNs < endNs else {
            if !outstanding.isEmpty { isExpired = scheduler.nowNs >= deadlineNs }
            pendingWait.isDecided = nil
            return
        }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            pendingWait.continuation = continuation
            pendingWait.replyCount = replyCount
            pendingWait.endNs = endNs
            setTimer()
        }
    }

    private func setTimer() {
        guard pendingWait.endNs < pendingWait.timerNs else { return }
        pendingWait.timerNs = pendingWait.endNs
        scheduler.schedule(self, atNs: pendingWait.endNs)
    }

    private func resume() {
        pendingWait.isDecided = nil
        pendingWait.timerNs = .max
        pendingWait.continuation.take()?.resume()
    }

    // MARK: ReplySink, Expirable

    public func receive(_ reply: Reply?, from replica: Int) {
        precondition(sent.contains(replica), "a reply from a replica that was not asked")
        precondition(
            resent.contains(replica) || !answered.union(lost).contains(replica), "two replies to one command")
        if let reply {
            // A replica that was asked twice replies twice; its first reply is kept.
            if received[replica] == nil, !isClosed { received[replica] = reply }
            recipients.answered.insert(replica)
        } else {
            recipients.lost.insert(replica)
        }
        guard pendingWait.continuation != nil else { return }
        let isEnough = answered.count >= pendingWait.replyCount || pendingWait.isDecided?(self) == true
        if isEnough || outstanding.isEmpty { resume() }
    }

    public func receiveOverBudget(from replica: Int) {
        recipients.overBudget.insert(replica)
        receive(nil, from: replica)
    }

    public func hold(_ reservation: ReplyReservation) {
        if !isClosed { reservations.append(reservation) }
    }

    public var isSettled: Bool { pendingWait.continuation == nil }

    public func expire() {
        pendingWait.timerNs = .max
        guard scheduler.nowNs >= pendingWait.endNs else {
            setTimer()
            return
        }
        isExpired = scheduler.nowNs >= deadlineNs
        resume()
    }
}

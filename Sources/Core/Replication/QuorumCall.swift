import EventLoop

/// One command to several replicas, and the wait for enough of their replies: the only place where replies are counted.
///
/// One object with one continuation, whatever the number of replicas: a task group waits for all of its children, so one
/// stopped replica would hold up every request. After ``wait(until:)`` returned, late replies are still taken in, and a
/// second wait may be begun for them.
///
/// ```swift
/// let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
/// call.send(command, to: group.available)
/// await call.wait { $0.count { $0 == .status("OK") } >= 2 }
/// ```
public final class QuorumCall: ReplySink, Expirable {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    public let deadlineNs: UInt64

    /// Replies by replica, in the object itself: one allocation a call less.
    private var received: InlineArray<8, Reply?>
    /// Replicas whose connection took the command.
    public private(set) var handed: ReplicaSet = []
    /// Replicas that were handed the command more than once: their replies prove less.
    public private(set) var handedTwice: ReplicaSet = []
    /// Replicas that had too much unanswered to take it.
    public private(set) var overloaded: ReplicaSet = []
    /// Replicas that replied, with whatever.
    public private(set) var answered: ReplicaSet = []
    /// Replicas whose connection was lost before the reply.
    public private(set) var lost: ReplicaSet = []
    /// Those of ``lost`` that did reply, at a length for which this process has no room now.
    public private(set) var refused: ReplicaSet = []
    /// The deadline passed during a wait.
    public private(set) var isExpired = false

    private var leases: [ReplyLease] = []
    private var isClosed = false
    private var isDecided: ((QuorumCall) -> Bool)?
    private var waiter: UnsafeContinuation<Void, Never>?
    /// When the present wait ends, and the earliest timer that is set: an earlier wait's timer may serve a later one.
    private var waitEndNs: UInt64 = 0
    private var armedNs: UInt64 = .max

    /// - Parameter deadlineNs: on the scheduler's clock; every wait ends there at the latest.
    public init(group: any ReplicaGroup, scheduler: any Scheduler, deadlineNs: UInt64) {
        self.group = group
        self.scheduler = scheduler
        self.deadlineNs = deadlineNs
        received = InlineArray(repeating: nil)
    }

    /// The reply of one replica; nil where none came (yet).
    public func reply(from replica: Int) -> Reply? { received[replica] }

    /// All replies by replica; nil where none came (yet).
    public var replies: [Reply?] { (0..<group.replicaCount).map { received[$0] } }

    /// Replicas that have the command and have neither replied nor been lost.
    public var outstanding: ReplicaSet { handed.subtracting(answered).subtracting(lost) }

    /// Hands `command` to `targets`. May be called again for further replicas (a hedge).
    public func send(_ command: Command, to targets: ReplicaSet) {
        take(group.send(command, to: targets, sink: self))
    }

    /// The same to a replica that is being admitted.
    public func sendDuringAdmission(_ command: Command, to replica: Int) {
        take(group.sendDuringAdmission(command, to: replica, sink: self))
    }

    private func take(_ handover: Handover) {
        handedTwice.formUnion(handed.intersection(handover.handed))
        handed.formUnion(handover.handed)
        overloaded.formUnion(handover.overloaded)
    }

    /// Suspends until `decided` holds, no reply is outstanding, or the deadline (or the earlier `limitNs`) has passed,
    /// whichever is first. `decided` is asked at once and after every reply.
    public func wait(limitNs: UInt64 = .max, until decided: @escaping (QuorumCall) -> Bool) async {
        if decided(self) || outstanding.isEmpty { return }
        let endNs = min(limitNs, deadlineNs)
        guard scheduler.nowNs < endNs else {
            isExpired = scheduler.nowNs >= deadlineNs
            return
        }
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            precondition(waiter == nil, "one wait at a time")
            waiter = continuation
            isDecided = decided
            waitEndNs = endNs
            arm()
        }
    }

    /// To be called by whoever may have got long replies and needs them no more. They are let go, and so are those still to
    /// come: otherwise a timer that has not come due could keep them for as long as a request may take.
    public func close() {
        isClosed = true
        for replica in answered { received[replica] = nil }
        leases = []
    }

    /// Suspends until every replica that has the command has replied or is lost, or the deadline has passed.
    public func waitForAll() async {
        await wait { _ in false }
    }

    // MARK: Counting

    /// How many of the replies that came satisfy `condition`.
    public func count(where condition: (Reply) -> Bool) -> Int {
        var count = 0
        for replica in answered {
            if let reply = received[replica], condition(reply) { count += 1 }
        }
        return count
    }

    // MARK: ReplySink, Expirable

    public func receive(_ reply: Reply?, from replica: Int) {
        if let reply {
            // A hedge may ask a replica twice; its first reply stands.
            if received[replica] == nil, !isClosed { received[replica] = reply }
            answered.insert(replica)
        } else {
            lost.insert(replica)
        }
        guard waiter != nil else { return }
        if outstanding.isEmpty || isDecided?(self) == true { resume() }
    }

    public func refuse(replyOf replica: Int) {
        refused.insert(replica)
        receive(nil, from: replica)
    }

    public func keep(_ lease: ReplyLease) {
        if !isClosed { leases.append(lease) }
    }

    public var isSettled: Bool { waiter == nil }

    public func expire() {
        armedNs = .max
        guard scheduler.nowNs >= waitEndNs else {
            arm()
            return
        }
        isExpired = scheduler.nowNs >= deadlineNs
        resume()
    }

    private func arm() {
        guard waitEndNs < armedNs else { return }
        armedNs = waitEndNs
        scheduler.schedule(self, atNs: waitEndNs)
    }

    private func resume() {
        isDecided = nil
        waiter.take()?.resume()
    }
}

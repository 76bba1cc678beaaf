import EventLoop

/// Sends commands to replicas and waits for all replies, up to a timeout. Use it for calls that need no quorum, such as
/// probes and background work.
public struct ReplicaClient {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let timeoutNs: UInt64

    /// - Parameter timeoutNs: the longest wait of a call that names no deadline.
    public init(group: any ReplicaGroup, scheduler: any Scheduler, timeoutNs: UInt64) {
        self.group = group
        self.scheduler = scheduler
        self.timeoutNs = timeoutNs
    }

    /// Sends `command` to one replica and waits for its reply.
    ///
    /// - Parameters:
    ///   - deadlineNs: the end of the wait on the scheduler's clock; nil for the client's timeout.
    ///   - duringAdmission: true to reach also a replica that is connected but not admitted yet.
    /// - Returns: nil if the command could not be sent, the connection was lost, or the time was over.
    public func ask(
        _ command: Command, of replica: Int, deadlineNs: UInt64? = nil, duringAdmission: Bool = false
    ) async -> Reply? {
        await ask(command, of: [replica], deadlineNs: deadlineNs, duringAdmission: duringAdmission)[replica]
    }

    /// Sends `command` to each of `replicas` and waits until each has replied or is lost, or the time is over.
    public func ask(
        _ command: Command, of replicas: ReplicaSet, deadlineNs: UInt64? = nil, duringAdmission: Bool = false
    ) async -> ReplicaReplies {
        let call = send(command, to: replicas, deadlineNs: deadlineNs, duringAdmission: duringAdmission)
        await call.waitForAll()
        return call.takeReplies()
    }

    /// Sends `command` without waiting, so that several commands can run concurrently. Await
    /// ``QuorumCall/waitForAll()`` of each call later.
    public func send(
        _ command: Command, to replicas: ReplicaSet, deadlineNs: UInt64? = nil, duringAdmission: Bool = false
    ) -> QuorumCall {
        let call = QuorumCall(
            group: group, scheduler: scheduler, deadlineNs: deadlineNs ?? scheduler.nowNs + timeoutNs)
        call.send(command, to: replicas, duringAdmission: duringAdmission)
        return call
    }
}

/// The replies to one command, by replica.
public struct ReplicaReplies {
    private let replies: [Reply?]
    /// Replicas that replied. Excludes those whose reply was dropped because it exceeded the ``ReplyBudget``.
    public let answered: ReplicaSet
    /// The shares of the replies in the ``ReplyBudget``, held as long as the replies.
    private let reservations: [ReplyReservation]

    init(_ replies: [Reply?], answered: ReplicaSet, reservations: [ReplyReservation]) {
        self.replies = replies
        self.answered = answered
        self.reservations = reservations
    }

    /// The reply of a replica; nil if none arrived in time.
    public subscript(replica: Int) -> Reply? { replies[replica] }
}

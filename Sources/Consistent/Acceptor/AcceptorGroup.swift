import EventLoop
import Replication

/// The replicas of one CP group, the clock, and the receiver of events: every component of the engine works with them.
struct AcceptorGroup {
    let replicas: any ReplicaGroup
    let scheduler: any Scheduler
    /// Carried by every command: a replica of another group rejects it.
    let name: Bytes
    let events: (any ConsistentEvents)?
    let writes: WriteProbes

    init(
        _ replicas: any ReplicaGroup, scheduler: any Scheduler, name: String, events: (any ConsistentEvents)? = nil
    ) {
        self.replicas = replicas
        self.scheduler = scheduler
        self.name = Bytes(name.utf8)
        self.events = events
        writes = WriteProbes(replicaCount: replicas.replicaCount, events: events)
        replicas.identityCheck = MembershipCommands.identityCheck
    }

    /// The size of a majority of the whole group; only voters are counted towards it.
    var majority: Int { Quorum.majority(of: replicas.replicaCount) }

    /// A majority of all replicas that consists of voters.
    func quorum(of configuration: GroupConfiguration) -> Quorum {
        Quorum(voters: configuration.voters, majorityOf: replicas.replicaCount)
    }

    /// A majority of all replicas can be asked now.
    var hasMajority: Bool { replicas.available.count >= majority }

    /// How long background work and the operator's commands wait for a reply, unless they say otherwise.
    static let timeoutMs: UInt64 = 1_000

    /// The end of a background step that starts now.
    var deadlineNs: UInt64 { scheduler.nowNs + Self.timeoutMs * nsPerMs }

    /// Asks replicas what does not decide by a quorum.
    /// - Parameter timeoutMs: for each call, in milliseconds.
    func client(timeoutMs: UInt64 = AcceptorGroup.timeoutMs) -> ReplicaClient {
        ReplicaClient(group: replicas, scheduler: scheduler, timeoutNs: timeoutMs * nsPerMs)
    }

    /// The identity that a replica reported in the fields of `cap:identity`.
    func reported(_ fields: Reply?, by replica: Int) -> ReportedIdentity {
        ReportedIdentity(fields: fields, group: name, name: replicas.replicaNames[replica])
    }

    /// Suspends until all replicas can be asked.
    /// - Returns: the names of those that cannot be asked at the deadline; nil if there are none.
    func waitForAll(deadlineNs: UInt64) async -> String? {
        while replicas.available != replicas.everyReplica {
            guard scheduler.nowNs < deadlineNs else {
                return names(replicas.everyReplica.subtracting(replicas.available))
            }
            await scheduler.sleep(forNs: 10 * nsPerMs)
        }
        return nil
    }

    func names(_ replicas: some Sequence<Int>) -> String {
        replicas.map { self.replicas.replicaNames[$0] }.joined(separator: ", ")
    }
}

extension ReplicaSet {
    init(_ replicas: some Sequence<Int>) {
        self = []
        for replica in replicas { insert(replica) }
    }
}

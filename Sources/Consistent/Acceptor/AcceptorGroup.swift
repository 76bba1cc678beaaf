import EventLoop
import Replication

/// The objects that the components of the engine share: the replicas of one CP group, the scheduler, the event
/// receiver, and the write probes.
struct AcceptorGroup {
    let replicas: any ReplicaGroup
    let scheduler: any Scheduler
    /// The name of the group. Every script on registers carries it, and a replica of another group rejects the call.
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

    /// The size of a majority of all replicas. Only the replies of voters count towards it.
    var majority: Int { Quorum.majority(of: replicas.replicaCount) }

    /// The quorum under `configuration`: a majority of all replicas, made up of voters only.
    func quorum(of configuration: GroupConfiguration) -> Quorum {
        Quorum(voters: configuration.voters, majorityOf: replicas.replicaCount)
    }

    /// True if a majority of all replicas is available.
    var hasMajority: Bool { replicas.available.count >= majority }

    /// How long background work and operator commands wait for a reply by default, in milliseconds.
    static let timeoutMs: UInt64 = 1_000

    /// The deadline of a background step that starts now.
    var deadlineNs: UInt64 { scheduler.nowNs + Self.timeoutMs * nsPerMs }

    /// A client for calls that need no quorum.
    /// - Parameter timeoutMs: the time limit of each call, in milliseconds.
    func client(timeoutMs: UInt64 = AcceptorGroup.timeoutMs) -> ReplicaClient {
        ReplicaClient(group: replicas, scheduler: scheduler, timeoutNs: timeoutMs * nsPerMs)
    }

    /// The identity that a replica reported in the fields of `cap:identity`.
    func reported(_ fields: Reply?, by replica: Int) -> ReportedIdentity {
        ReportedIdentity(fields: fields, group: name, name: replicas.replicaNames[replica])
    }

    /// Suspends until all replicas are available, or the deadline has passed.
    /// - Returns: the names of the replicas that are unavailable at the deadline; nil if there are none.
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

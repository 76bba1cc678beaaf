import Replication

@testable import Consistent

/// Counts the events that an engine reports.
final class EventCounts: ConsistentEvents {
    private(set) var prepares = 0
    private(set) var accepts = 0
    private(set) var fastReads = 0
    private(set) var repairedKeys = 0
    private(set) var collectedTombstones = 0
    private(set) var rolledBackReplicas = 0
    private(set) var rebuiltReplicas = 0
    private(set) var failures: [StoreFailure?] = []
    private(set) var rejections: [(replica: Int, reason: String?)] = []

    func readStarted(inOneRoundTrip: Bool) { fastReads += inOneRoundTrip ? 1 : 0 }

    func phaseStarted(_ phase: PaxosPhase) {
        switch phase {
        case .prepare: prepares += 1
        case .accept: accepts += 1
        }
    }

    func roundPreempted() {}
    func quorumUnavailable() {}
    func replicasProbed(_ views: [ReplicaView]) {}
    func writesRejected(by replica: Int, reason: String?) { rejections.append((replica, reason)) }
    func readinessChanged(_ failure: StoreFailure?) { failures.append(failure) }
    func keyRepaired() { repairedKeys += 1 }
    func tombstoneCollected() { collectedTombstones += 1 }
    func replicaRolledBack(_ replica: Int) { rolledBackReplicas += 1 }
    func replicaRebuilt(_ replica: Int) { rebuiltReplicas += 1 }
}

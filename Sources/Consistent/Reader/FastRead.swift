import EventLoop
import Replication

/// The read in one round trip (rule C3). If a quorum of voters reports the same accepted ballot, or no record, that
/// state is chosen, and nothing needs to be written.
final class FastRead {
    let configuration: GroupConfiguration
    private let acceptors: AcceptorGroup
    private let quorum: Quorum
    private let delay: HedgeDelay
    /// By replica: the reply that its identity check must give. It shows the voter that the configuration names, and
    /// the configuration's epoch.
    private var expectedIdentities: [Reply]

    /// - Parameter hedgeMs: the minimum delay before the other replicas are asked too, in milliseconds.
    init(_ acceptors: AcceptorGroup, under configuration: GroupConfiguration, hedgeMs: UInt64) {
        self.acceptors = acceptors
        self.configuration = configuration
        delay = HedgeDelay(minNs: hedgeMs * nsPerMs, maxNs: 100 * nsPerMs)
        quorum = acceptors.quorum(of: configuration)
        expectedIdentities = configuration.entries.indices.map {
            configuration.expectedIdentity(of: $0, group: acceptors.name).fields
        }
    }

    /// The chosen state; nil if only a full round can determine it.
    /// - Throws: `overloaded` if too many long values are being read. A full round would not help, because it would
    ///   read the value again.
    func run(_ register: Register, deadlineNs: UInt64) async throws(StoreFailure) -> RegisterState? {
        let group = acceptors.replicas
        let usable = group.available.intersection(quorum.voters)
        let nearest = nearestQuorum(of: usable)
        let hedged = HedgedCall(
            AcceptorCommands.read(register), group: group, scheduler: acceptors.scheduler, deadlineNs: deadlineNs,
            minReplies: quorum.size)
        let call = hedged.call
        defer { call.close() }
        let outcome: HedgedCall.Outcome<Agreed> = await hedged.run { asked in
            if asked.isEmpty, !nearest.isEmpty { return .ask(nearest, delayNs: delayNs(for: nearest)) }
            // Wait for the remaining replicas for at most one more delay. If no quorum agrees by then, a full round
            // decides without the slow replica.
            let rest = usable.subtracting(asked)
            return rest.isEmpty ? .giveUp : .ask(rest, delayNs: delayNs(for: usable))
        } judge: { _ in
            if let agreed = agreed(in: call) { return .answer(agreed) }
            let isAllAsked = usable.subtracting(call.sent).isEmpty
            return isAllAsked || call.answered.count < quorum.size ? .wait() : .askNext
        }
        if case .answer(let agreed) = outcome { return agreed.state }
        guard call.overBudget.isEmpty else { throw StoreFailure(.overloaded, "too many long values are being read") }
        return nil
    }

    /// The nearest replicas that form a quorum. Those that reject writes come last: they miss every change, so their
    /// replies would not agree with the others.
    private func nearestQuorum(of usable: ReplicaSet) -> ReplicaSet {
        var nearest: ReplicaSet = []
        add(usable.subtracting(acceptors.writes.rejecting), to: &nearest)
        add(usable, to: &nearest)
        return nearest
    }

    private func add(_ candidates: ReplicaSet, to nearest: inout ReplicaSet) {
        for replica in acceptors.replicas.nearestFirst
        where candidates.contains(replica) && nearest.count < quorum.size {
            nearest.insert(replica)
        }
    }

    private func delayNs(for replicas: ReplicaSet) -> UInt64 {
        var slowestNs: UInt64 = 0
        for replica in replicas { slowestNs = max(slowestNs, acceptors.replicas.latencyNs(replica)) }
        return delay.ns(latencyNs: slowestNs)
    }

    private struct Agreed {
        /// Nil if the record is malformed. A full round then reports the error.
        let state: RegisterState?
    }

    /// The record that a quorum of voters reports at one ballot.
    private func agreed(in call: QuorumCall) -> Agreed? {
        guard call.answered.count >= quorum.size else { return nil }
        for replica in call.answered {
            guard let fields = votersFields(of: replica, in: call) else { continue }
            var alike: ReplicaSet = [replica]
            for other in call.answered where other != replica {
                if votersFields(of: other, in: call)?[0] == fields[0] { alike.insert(other) }
            }
            guard quorum.isReached(by: alike) else { continue }
            // Without a record there is no exact version: GC watermarks differ per replica, and the next change may get
            // a version below one of them. So report version 0.
            if fields[0].isNull { return Agreed(state: .absent(gcVersion: 0)) }
            return Agreed(state: RegisterState(fields: fields[1...]))
        }
        return nil
    }

    /// The fields that a replica reports; nil if its identity check does not show the voter that the configuration
    /// names.
    private func votersFields(of replica: Int, in call: QuorumCall) -> [Reply]? {
        guard case .array(let parts)? = call.reply(from: replica), parts.count == 2,
            parts[1] == expectedIdentities[replica]
        else { return nil }
        // All reads of a loop turn share one identity check. Store its reply here: the next read then compares the same
        // array with itself, without a comparison of the elements.
        expectedIdentities[replica] = parts[1]
        guard case .array(let fields) = parts[0], !fields.isEmpty else { return nil }
        return fields
    }
}

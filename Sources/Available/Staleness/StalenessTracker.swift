import EventLoop
import Replication

/// Probes all replicas: counts the hints that they have for each other, and computes the staleness of their answers
/// (rule A8).
///
/// The order of the three steps matters. (1) Read the replica's clock. (2) Ask its peers which hints they have for it.
/// (3) Let the replica record the moment of step 1. If a peer has no hints for the replica in step 2, the replica had
/// all of the peer's writes at that moment.
final class StalenessTracker {
    private let environment: Environment
    private let scripts: ScriptClient
    private var detectors: [PartitionDetector]
    /// Suspected replicas whose process is down, rather than cut off.
    private var down: ReplicaSet = []
    private let startNs: UInt64

    private static let startForNs = 2_000 * nsPerMs

    init(_ environment: Environment, scripts: ScriptClient) {
        self.environment = environment
        self.scripts = scripts
        detectors = environment.replicas.names.map { _ in PartitionDetector() }
        startNs = environment.nowNs
    }

    private var replicas: ReplicaTable { environment.replicas }

    func isSuspected(_ replica: Int) -> Bool { detectors[replica].isSuspected }

    func probe() async {
        let askedNs = environment.nowNs
        // All three steps expect the same incarnations, because the report of one incarnation does not apply to
        // another.
        let incarnations = replicas.names.indices.map { replicas[$0].incarnation ?? Arguments.empty }
        let (clocks, answered) = await readClocks(incarnations)
        let hints = await countHints(incarnations)
        await recordReplication(clocks, hints, incarnations, askedNs: askedNs)
        detectPartitions(answered, hints)
    }

    // MARK: The steps

    private struct ClockReading {
        let nowUs: Int64
        let epoch: Bytes
    }

    /// The report of one replica on its hints.
    private struct HintReading {
        let incarnation: Bytes
        let hlc: UInt64
        /// By peer, the lowest hlc of a hint; nil if there is none.
        let lowest: [UInt64?]
    }

    /// - Returns: the readings; and the replicas that gave any reply, because a full or just readmitted one replies
    ///   with an error.
    private func readClocks(_ incarnations: [Bytes]) async -> ([ClockReading?], answered: ReplicaSet) {
        let command = Command(
            .script(AvailableScripts.readClock, keys: []), arguments: [Arguments.empty, Arguments.empty],
            tailCount: 1, tail: { [incarnations[$0]] })
        let (replies, answered) = await scripts.run(command, at: replicas.usable)
        let readings = replies.enumerated().map { replica, elements -> ClockReading? in
            guard replicas[replica].incarnation == incarnations[replica], let elements, elements.count >= 7,
                let nowUs = elements[1].number, let epoch = elements[2].bytes
            else { return nil }
            replicas.readClock(of: replica, epoch: epoch, timeUs: nowUs)
            // `read_clock` writes. A script that only reads would succeed on a full or read-only replica as well.
            let failure = elements[6].text ?? ""
            replicas.noteError(failure.isEmpty ? nil : ServerError(failure).text, of: replica)
            replicas.noteAntiEntropy(of: replica, agoUs: elements[5].number)
            return ClockReading(nowUs: nowUs, epoch: epoch)
        }
        return (readings, answered)
    }

    private func countHints(_ incarnations: [Bytes]) async -> [HintReading?] {
        let command = Command(
            .script(AvailableScripts.countHints, keys: []), tailCount: replicas.names.count,
            tail: { [replicas] owner in
                replicas.peers(of: owner).map { replicas.nameBytes[$0] } + [incarnations[owner]]
            })
        let replies = await scripts.run(command, at: replicas.usable).elements
        return replies.enumerated().map { owner, elements in
            guard replicas[owner].incarnation == incarnations[owner] else { return nil }
            return elements.flatMap { noteHints(of: owner, $0, incarnation: incarnations[owner]) }
        }
    }

    private func noteHints(of owner: Int, _ elements: [Reply], incarnation: Bytes) -> HintReading? {
        let peers = replicas.peers(of: owner)
        let firstPeer = 2
        let elementsPerPeer = 3
        let last = firstPeer + elementsPerPeer * peers.count
        guard elements.count > last, let hlc = elements[1].count, let conflictKeys = elements[last].count else {
            return nil
        }
        var counts = replicas.names.map { _ in HintCount() }
        for (position, peer) in peers.enumerated() {
            let first = firstPeer + elementsPerPeer * position
            guard let lowest = elements[first].count, let count = elements[first + 1].count,
                let overflowed = elements[first + 2].count
            else { return nil }
            counts[peer] = HintCount(
                lowestHlc: lowest == 0 ? nil : lowest, count: Int(count), overflowed: Int(overflowed))
        }
        replicas.noteHints(
            of: owner, counts, hlc: hlc, conflictKeys: Int(conflictKeys),
            handoffDelayNs: environment.settings.background.handoffDelayMs * nsPerMs)
        return HintReading(incarnation: incarnation, hlc: hlc, lowest: counts.map(\.lowestHlc))
    }

    private func recordReplication(
        _ clocks: [ClockReading?], _ hints: [HintReading?], _ incarnations: [Bytes], askedNs: UInt64
    ) async {
        var targets: ReplicaSet = []
        for replica in replicas.usable where clocks[replica] != nil { targets.insert(replica) }
        guard !targets.isEmpty else { return }
        let command = Command(
            .script(AvailableScripts.recordReplication, keys: []),
            tailCount: ReplicationRecord.argumentCount(peers: replicas.names.count - 1),
            tail: { [replicas] replica in
                let record = ReplicationRecord(
                    readAtUs: clocks[replica]?.nowUs ?? 0, epoch: clocks[replica]?.epoch ?? Arguments.empty,
                    isFull: false,
                    peers: replicas.peers(of: replica).map { peer in
                        ReplicationRecord.Peer(
                            name: replicas.nameBytes[peer], incarnation: hints[peer]?.incarnation ?? Arguments.empty,
                            hlc: hints[peer]?.hlc ?? 0, lowestHint: hints[peer]?.lowest[replica])
                    })
                return record.arguments(incarnation: incarnations[replica])
            })
        let replies = await scripts.run(command, at: targets).elements
        for replica in targets {
            note(replies[replica], replica, incarnation: incarnations[replica], askedNs: askedNs)
        }
    }

    /// Records that all records of `replica` were compared with those of every peer.
    ///
    /// - Parameters:
    ///   - incarnation: the replica must still have this incarnation.
    ///   - askedNs: this instance's clock before the comparison began.
    /// - Returns: false if the replica's clock or identity changed meanwhile.
    func recordComparison(
        _ record: ReplicationRecord, of replica: Int, incarnation: Bytes, askedNs: UInt64
    ) async -> Bool {
        let command = Command(
            .script(AvailableScripts.recordReplication, keys: []),
            arguments: record.arguments(incarnation: incarnation))
        guard let elements = await scripts.run(command, at: replica) else { return false }
        note(elements, replica, incarnation: incarnation, askedNs: askedNs)
        replicas.noteAntiEntropy(of: replica, agoUs: 0)
        return true
    }

    private func note(_ elements: [Reply]?, _ replica: Int, incarnation: Bytes, askedNs: UInt64) {
        let peers = replicas.peers(of: replica)
        guard let elements, elements.count >= 2 + 2 * peers.count, let nowUs = elements[1].number,
            replicas[replica].incarnation == incarnation
        else { return }
        var upToUs = [Int64?](repeating: nil, count: replicas.names.count)
        var needsAntiEntropy = false
        for (position, peer) in peers.enumerated() {
            let moment = elements[2 + 2 * position].number ?? 0
            upToUs[peer] = moment == 0 ? nil : moment
            needsAntiEntropy = needsAntiEntropy || elements[3 + 2 * position].int64 == 1
        }
        replicas.noteReplication(
            of: replica, nowUs: nowUs, upToUs: upToUs, needsAntiEntropy: needsAntiEntropy, askedNs: askedNs)
    }

    // MARK: Partitions

    private func detectPartitions(_ answered: ReplicaSet, _ readings: [HintReading?]) {
        let hlcs = readings.map { $0?.hlc }
        for replica in replicas.names.indices {
            guard answered.contains(replica), let own = readings[replica] else {
                // A replica that is refused, or is being admitted again, is not probed. But it does reply, so it is not
                // suspected.
                let isAsked = replicas.usable.contains(replica) || !environment.group.available.contains(replica)
                let replies = replicas[replica].refusal != nil || environment.group.rejectsCommands(replica)
                let isSilent = !answered.contains(replica) && isAsked && !replies
                guard isSilent else {
                    detectors[replica].replied()
                    continue
                }
                let isStarting = environment.nowNs < startNs + Self.startForNs
                report(detectors[replica].silent(atNs: environment.nowNs, isStarting: isStarting), replica)
                continue
            }
            var hints: [PartitionDetector.Hints] = []
            for peer in replicas.peers(of: replica) {
                guard let theirs = readings[peer] else { continue }
                hints.append(.init(owner: peer, lowestHlc: theirs.lowest[replica]))
                hints.append(.init(owner: replica, lowestHlc: own.lowest[peer]))
            }
            let isKnown = replicas.stalenessMs(of: replica) != nil
            report(detectors[replica].probed(hlcs: hlcs, hints: hints, isKnown: isKnown), replica)
        }
    }

    private func report(_ event: PartitionDetector.Event?, _ replica: Int) {
        switch event {
        case .suspected where environment.group.refusesConnections(replica):
            down.insert(replica)
            environment.events?.replicaDown(replica)
        case .suspected:
            down.remove(replica)
            environment.events?.partitionSuspected(replica: replica)
        case .healed where down.contains(replica): environment.events?.replicaRecovered(replica)
        case .healed: environment.events?.partitionHealed(replica: replica)
        case nil: break
        }
    }
}

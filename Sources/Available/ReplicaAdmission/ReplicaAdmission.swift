import EventLoop
import Replication

/// Finds out to which incarnation of a replica a connection leads, before any other command is sent on it (rule A2).
/// Asks again when a reply shows another incarnation. Refuses a replica of another group, one that may evict keys, and
/// one that holds an old dump (rule A10).
final class ReplicaAdmission {
    private let environment: Environment
    private var readmitting: ReplicaSet = []

    private static let minPauseMs: UInt64 = 10
    private static let maxPauseMs: UInt64 = 1_000

    init(_ environment: Environment) { self.environment = environment }

    private var replicas: ReplicaTable { environment.replicas }

    func admit(_ replica: Int) async -> Bool {
        replicas.forgetClock(of: replica)
        return await adopt(replica)
    }

    // MARK: Adoption

    /// Reads the replica's incarnation. Starts a new one if the replica's `run_id` differs from the one of its last
    /// adoption.
    private func adopt(_ replica: Int) async -> Bool {
        let reply = await ask(.plain("INFO"), replica)
        guard let info = ServerInfo(reply), let runID = info["run_id"] else { return false }
        if let reason = info.evictionProblem {
            refuse(replica, reason)
            return false
        }
        guard let reply = await ask(adoptCommand(replica, runID: Bytes(runID.utf8)), replica) else { return false }
        guard let elements = ScriptReply(reply).ok, elements.count >= 5, let incarnation = elements[1].bytes,
            let epoch = elements[2].bytes, let nowUs = elements[3].number
        else {
            refuse(replica, Self.refusal(reply))
            return false
        }
        replicas.noteRefusal(nil, of: replica)
        replicas.admit(
            replica,
            ReplicaClock(incarnation: incarnation, epoch: epoch, timeUs: nowUs, receivedNs: environment.nowNs))
        if elements[4].int64 == 1 {
            environment.events?.replicaAdopted(replica, incarnation: String(decoding: incarnation, as: UTF8.self))
        }
        return true
    }

    /// Sends one command with its own deadline, because one round trip to a distant replica takes almost all of it.
    private func ask(_ command: Command, _ replica: Int) async -> Reply? {
        let deadlineNs = environment.nowNs + environment.settings.timeouts.callMs * nsPerMs
        return await environment.client.ask(command, of: replica, deadlineNs: deadlineNs, duringAdmission: true)
    }

    private func adoptCommand(_ replica: Int, runID: Bytes) -> Command {
        let settings = environment.settings
        let maxBehindUs = UInt64(max(0, settings.tombstones.graceMs)) * 1_000 / 2
        let isAdmitted = settings.admittedReplicas.contains(replicas.names[replica])
        return Command(
            .script(AvailableScripts.adopt, keys: []),
            arguments: [
                Bytes(settings.groupName.utf8), replicas.nameBytes[replica], runID,
                Bytes(hexadecimal: environment.scheduler.randomBits()), Bytes(decimal: latestClockUs(besides: replica)),
                Bytes(decimal: maxBehindUs), isAdmitted ? Arguments.one : Arguments.zero,
            ])
    }

    /// The highest known clock reading: this instance's own, or that of another replica. A replica whose stored clock
    /// is far below this was down for long, or holds an old dump (rule A10).
    private func latestClockUs(besides replica: Int) -> UInt64 {
        let nowNs = environment.nowNs
        let others = replicas.peers(of: replica).compactMap { replicas.clocks[$0]?.earliestUs(atNs: nowNs) }
        return UInt64(max(0, others.reduce(environment.scheduler.wallClockMs * 1_000, max)))
    }

    private func refuse(_ replica: Int, _ reason: String) {
        replicas.noteRefusal(reason, of: replica)
        environment.events?.replicaRefused(replica, reason: reason)
    }

    private static func refusal(_ reply: Reply) -> String {
        if let error = reply.error { return error.text }
        switch reply[0]?.text {
        case "OTHERGROUP": return "belongs to group '\(reply[1]?.text ?? "")' as '\(reply[2]?.text ?? "")'"
        case "OLD":
            return
                "was away for \((reply[1]?.number ?? 0) / 1_000_000) s or holds an old dump, and might bring back what "
                + "was deleted since: empty it (FLUSHALL), or admit it by name if the whole group was off"
        default: return "unexpected reply to adopt"
        }
    }

    // MARK: Readmission

    /// - Parameter refusal: the reply of a script that did nothing, because the replica's clock epoch or incarnation
    ///   differs, or its fence had passed.
    func learn(from refusal: ScriptReply, of replica: Int) {
        switch refusal {
        case .late(let epoch, let nowUs):
            // If the known epoch is too high, the replica would refuse every call. So the replica is admitted again,
            // which reads its epoch.
            if !replicas.readClock(of: replica, epoch: epoch, timeUs: nowUs) { readmit(replica) }
        case .notMember: readmit(replica)
        case .answer, .error: break
        }
    }

    /// Admits a replica again whose incarnation has changed behind an open connection: it was wiped with `FLUSHALL`, or
    /// another instance adopted it. The replica is not used before that succeeds. Attempts run one at a time, until one
    /// succeeds or the connection closes.
    func readmit(_ replica: Int) {
        replicas.distrust(replica)
        guard !readmitting.contains(replica) else { return }
        readmitting.insert(replica)
        environment.scheduler.spawn { [self] in
            var pauseMs = Self.minPauseMs
            while replicas.clocks[replica] == nil, environment.group.available.contains(replica) {
                // The replica may have been forgotten again while this attempt ran.
                if await adopt(replica), replicas.clocks[replica] != nil { break }
                await environment.scheduler.sleep(forNs: pauseMs * nsPerMs)
                pauseMs = min(pauseMs * 2, Self.maxPauseMs)
            }
            readmitting.remove(replica)
        }
    }

    /// True while some replica is being admitted again: it can probably be used soon.
    var isReadmitting: Bool { !readmitting.isEmpty }

    /// Admits replicas again that were forgotten while they could not be asked. That happens between admission and the
    /// first command, or while the circuit breaker is open. Otherwise such a replica would stay connected but never be
    /// used.
    func readmitForgotten() {
        for replica in environment.group.available where replicas.clocks[replica] == nil { readmit(replica) }
    }
}

import EventLoop
import Replication

/// Asks the replicas once a second who they are, whether they keep what they acknowledge (rule C9), and raises and copies
/// their beats (rule C8).
final class MemberWatch {
    private let group: any ReplicaGroup
    private let scheduler: any Scheduler
    private let groupName: Bytes

    /// By replica: the last look; nil where it did not answer.
    private(set) var seen: [ReplicaObservation?]
    private(set) var durability: [Durability?]
    /// By replica: the server process that was compared with the copies of its beat.
    private var comparedRuns: [Bytes?]
    /// By replica: the beat at the look before, to see whether another instance raises it too.
    private var lastBeats: [UInt64?]
    private var lastLookNs: UInt64?
    private var isLooking = false

    /// The longest that a look waits for a silent replica.
    private let maxLookNs: UInt64
    /// The longest that an admission waits for another replica to compare with.
    private var maxAdmissionNs: UInt64 { maxLookNs * 2 + 100 * nsPerMs }

    init(group: any ReplicaGroup, scheduler: any Scheduler, groupName: Bytes, lookTimeoutMs: UInt64) {
        maxLookNs = lookTimeoutMs * nsPerMs
        self.group = group
        self.scheduler = scheduler
        self.groupName = groupName
        seen = Array(repeating: nil, count: group.replicaCount)
        durability = Array(repeating: nil, count: group.replicaCount)
        comparedRuns = Array(repeating: nil, count: group.replicaCount)
        lastBeats = Array(repeating: nil, count: group.replicaCount)
    }

    // MARK: Looking

    /// Asks all replicas unless that was done within `maxAgeNs`.
    func refresh(maxAgeNs: UInt64, deadlineNs: UInt64) async {
        while isLooking, scheduler.nowNs < deadlineNs { await scheduler.sleep(forNs: 5 * nsPerMs) }
        if let lastLookNs, scheduler.nowNs - lastLookNs <= maxAgeNs { return }
        guard !isLooking else { return }
        await look()
    }

    /// Asks all replicas who they are and how they are set up.
    private func look() async {
        isLooking = true
        let endNs = scheduler.nowNs + maxLookNs
        let identities = QuorumCall(group: group, scheduler: scheduler, deadlineNs: endNs)
        let infos = QuorumCall(group: group, scheduler: scheduler, deadlineNs: endNs)
        let settings = QuorumCall(group: group, scheduler: scheduler, deadlineNs: endNs)
        identities.send(MemberCommands.look(), to: group.available)
        infos.send(MemberCommands.info(), to: group.available)
        settings.send(MemberCommands.appendSettings(), to: group.available)
        await identities.waitForAll()
        await infos.waitForAll()
        await settings.waitForAll()
        for (replica, name) in group.replicaNames.enumerated() {
            seen[replica] = ReplicaObservation(identities.reply(from: replica), group: groupName, name: name)
            durability[replica] = Durability(
                info: infos.reply(from: replica), configuration: settings.reply(from: replica))
        }
        await eraseThoseBehind()
        lastLookNs = scheduler.nowNs
        isLooking = false
    }

    /// The replica's process was compared with the copies of its beat, and is the one that answers now.
    private func isCompared(_ replica: Int) -> Bool {
        comparedRuns[replica] != nil && comparedRuns[replica] == durability[replica]?.runID
    }

    // MARK: Beats

    /// Raises the beats of members, where no other instance did since the look before, and copies to every member what it
    /// does not know yet of the others: only values that came back in a reply, which follows the fsync.
    func beat() async {
        var raised: ReplicaSet = []
        var beats: [(replica: Int, incarnation: Bytes, beat: UInt64)] = []
        for (replica, observation) in seen.enumerated() {
            guard let observation, let identity = observation.identity, identity.state == .member, isCompared(replica)
            else {
                lastBeats[replica] = nil
                continue
            }
            if lastBeats[replica].map({ $0 == observation.beat }) ?? true { raised.insert(replica) }
            beats.append((replica, identity.incarnation, observation.beat))
        }
        guard !beats.isEmpty else { return }
        let incarnations = seen.map { $0?.identity?.incarnation ?? [] }
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + maxLookNs)
        call.send(MemberCommands.beat(group: groupName, incarnations: incarnations), to: raised)
        await call.waitForAll()
        for place in beats.indices {
            let replica = beats[place].replica
            if let beat = call.reply(from: replica)?.int64, beat > 0 { beats[place].beat = UInt64(beat) }
            lastBeats[replica] = beats[place].beat
        }
        await copy(beats)
    }

    private func copy(_ beats: [(replica: Int, incarnation: Bytes, beat: UInt64)]) async {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + maxLookNs)
        for target in beats {
            let known = seen[target.replica]?.copies ?? [:]
            let news = beats.filter { $0.replica != target.replica && $0.beat > known[$0.incarnation] ?? 0 }
            guard !news.isEmpty else { continue }
            call.send(
                MemberCommands.copy(
                    group: groupName, to: target.incarnation, beats: news.map { ($0.incarnation, $0.beat) }),
                to: [target.replica])
        }
        await call.waitForAll()
    }

    // MARK: Admission

    /// Lets a new connection count only once the replica's beat was compared with the copies that others hold of it, where
    /// its process is not one that was compared before. A replica that is behind has forgotten what it promised: it is made
    /// blank. Without another replica to compare with it has to wait, and without one there is no majority anyway.
    ///
    /// One that was away itself knows old beats only. So all others are given the time to connect, as they do when an instance
    /// starts, before fewer of them are enough.
    func admit(_ replica: Int) async -> Bool {
        let startNs = scheduler.nowNs
        let endNs = startNs + maxAdmissionNs
        while scheduler.nowNs < endNs {
            let isHurried = scheduler.nowNs - startNs >= maxLookNs
            switch await compare(replica, isHurried: isHurried) {
            case .good: return true
            case .bad: return false
            case .alone: await scheduler.sleep(forNs: 20 * nsPerMs)
            }
        }
        return false
    }

    private enum Comparison {
        case good
        case bad
        case alone
    }

    /// - Parameter isHurried: one other replica is enough to say that this one is not behind.
    private func compare(_ replica: Int, isHurried: Bool) async -> Comparison {
        let nowNs = scheduler.nowNs
        let process = QuorumCall(group: group, scheduler: scheduler, deadlineNs: nowNs + maxLookNs)
        let looks = QuorumCall(group: group, scheduler: scheduler, deadlineNs: nowNs + maxLookNs)
        process.send(MemberCommands.info(), to: [replica], duringAdmission: true)
        looks.send(MemberCommands.look(), to: group.everyReplica, duringAdmission: true)
        await process.waitForAll()
        // All that were asked, for the one that takes longest may know most; the deadline bounds what a silent one costs.
        await looks.waitForAll()
        let observations = group.replicaNames.enumerated().map {
            ReplicaObservation(looks.reply(from: $0), group: groupName, name: $1)
        }
        guard let runID = Durability.runID(of: process.reply(from: replica)), let own = observations[replica] else {
            return .bad
        }
        if case .unclear = own.says { return .bad }
        // A blank or foreign replica may be let in: it has nothing to vote with.
        guard let identity = own.identity else {
            comparedRuns[replica] = runID
            return .good
        }
        let isKnown = comparedRuns[replica] == runID
        // A process that is known and being rebuilt has nothing to be behind of yet.
        if isKnown, identity.state == .rebuilding { return .good }
        guard let latest = Self.latestCopy(of: identity.incarnation, at: replica, in: observations) else {
            return isKnown ? .good : .alone
        }
        if own.beat < latest {
            guard await erase(replica, identity.incarnation, beat: own.beat) else { return .bad }
        } else if !isKnown, !isHurried, observations.contains(where: { $0 == nil }) {
            return .alone
        }
        comparedRuns[replica] = runID
        return .good
    }

    /// The highest beat that other members know of `incarnation`; nil where none of them answered.
    private static func latestCopy(
        of incarnation: Bytes, at replica: Int, in observations: [ReplicaObservation?]
    ) -> UInt64? {
        var copies: [UInt64] = []
        for (other, observation) in observations.enumerated() where other != replica {
            // One that is being rebuilt has forgotten what it knew of others: it tells nothing.
            guard let observation, observation.identity?.state == .member else { continue }
            copies.append(observation.copies[incarnation] ?? 0)
        }
        return copies.max()
    }

    /// A beat never falls, so a member that is behind its copies has forgotten what it promised, whatever its process and its
    /// connection say: its memory was set back to a snapshot, or another server took its place unseen.
    private func eraseThoseBehind() async {
        for (replica, observation) in seen.enumerated() {
            guard let observation, let identity = observation.identity, identity.state == .member,
                let latest = Self.latestCopy(of: identity.incarnation, at: replica, in: seen), observation.beat < latest
            else { continue }
            // It may also have been asked just before another instance raised it: then it is no longer at this beat, and nothing
            // is erased.
            if await erase(replica, identity.incarnation, beat: observation.beat) { seen[replica] = nil }
        }
    }

    private func erase(_ replica: Int, _ incarnation: Bytes, beat: UInt64) async -> Bool {
        let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + maxAdmissionNs)
        call.send(MemberCommands.erase(incarnation, beat: beat), to: [replica], duringAdmission: true)
        await call.waitForAll()
        // -1: it is not the one that was judged any more.
        guard let count = call.reply(from: replica)?.int64, count >= 0 else { return false }
        erased += 1
        return true
    }

    /// Replicas that were found behind their beats and made blank.
    private(set) var erased: UInt64 = 0

    // MARK: What is known

    /// The highest epoch that a replica of the group said at the last look; 0 for none.
    var highestEpoch: UInt64 { seen.compactMap { $0?.identity?.epoch }.max() ?? 0 }

    /// So many replicas say that they are not who `configuration` counts that no majority of it is left: the group was wiped,
    /// and perhaps made anew.
    func isOver(_ configuration: GroupConfiguration) -> Bool {
        let left = configuration.counted.count { replica in
            switch seen[replica]?.says {
            case .own(let identity): identity.incarnation == configuration.members[replica].incarnation
            case .blank, .foreign: false
            case .unclear, nil: true
            }
        }
        return left < Quorum.majority(of: group.replicaCount)
    }

    /// By replica, seen with the configuration in force, where that is known.
    func views(under configuration: GroupConfiguration?) -> [ReplicaView] {
        group.replicaNames.enumerated().map { replica, name in
            var view = ReplicaView(name: name)
            guard group.available.contains(replica), let observation = seen[replica] else { return view }
            view.keyCount = observation.keyCount
            view.durabilityFaults = durability[replica]?.faults
            view.refusal = durability[replica]?.refusal
            switch observation.says {
            case .blank: view.standing = observation.keyCount > 0 ? .occupied : .blank
            case .foreign(let what): view.standing = .foreign(what)
            case .unclear(let text): view.standing = .unclear(text)
            case .own(let identity):
                view.incarnation = String(decoding: identity.incarnation, as: UTF8.self)
                view.epoch = identity.epoch
                view.beat = observation.beat
                let expected = configuration?.members[replica].incarnation
                if identity.state == .rebuilding {
                    view.standing = .rebuilding
                } else if let expected, expected != identity.incarnation {
                    view.standing = .replaced
                } else {
                    view.standing = .member
                }
            }
            return view
        }
    }
}

import EventLoop
import Replication

/// Comparison of all records of one replica with those of every other (DESIGN A8, A11): finds what no outbox knows of, and
/// makes the staleness of a replica known again after it, or a peer, has lost its memory.
extension AvailableEngine {
    private static var leaseMs: UInt64 { 5_000 }
    /// After a walk that could not finish.
    private static var retryNs: UInt64 { 1_000 * nsPerMs }
    /// After a walk that brought all but some.
    private static var lackingRetryNs: UInt64 { 10_000 * nsPerMs }
    /// After a walk that lacked a peer, and brought what there was from the others.
    private static var partialRetryNs: UInt64 { 30_000 * nsPerMs }

    /// Begins the walk that is due, one at a time: first for replicas whose staleness only a walk can make known.
    func startWalk() {
        let usable = usable
        guard !isWalking, usable.count > 1 else { return }
        let nowNs = scheduler.nowNs
        let intervalUs = Int64(settings.walkIntervalMs) * 1_000
        let ready = usable.filter { replica in
            nowNs >= states[replica].nextWalkNs || states[replica].lackedPeer.map { usable.contains($0) } ?? false
        }
        // Someone else may have walked it meanwhile. Without all peers only what is lost is brought back.
        let isDue = { (replica: Int) in
            usable == self.group.everyReplica && self.states[replica].walkedAgoUs.map { $0 >= intervalUs } ?? true
        }
        guard let replica = ready.first(where: { isIncomplete($0) }) ?? ready.first(where: isDue) else { return }
        isWalking = true
        scheduler.spawn { [self] in
            await walk(replica)
            isWalking = false
        }
    }

    /// Some of what `replica` lacks stands in no outbox.
    func isIncomplete(_ replica: Int) -> Bool {
        states[replica].needsWalk || states.contains { $0.debts[replica].overflowed > 0 }
    }

    private struct WalkFailure: Error {
        let reason: String
    }

    /// What a walk has found so far.
    private struct WalkCount {
        var compared = 0
        var mended = 0
        /// Records that could not be brought.
        var lacking = 0
    }

    private func walk(_ replica: Int) async {
        let nowNs = scheduler.nowNs
        let leaseNs = scheduler.random(in: Self.retryNs / 2...Self.retryNs * 2)
        states[replica].lackedPeer = nil
        guard await takeLease(RedisKeys.walkLease, at: replica, forMs: Self.leaseMs) else {
            states[replica].nextWalkNs = nowNs + leaseNs
            return
        }
        var count = WalkCount()
        do {
            switch try await compareAll(replica, &count) {
            case .complete:
                observer?.walkEnded(replica: replica, compared: count.compared, mended: count.mended, failure: nil)
            case .tooEarly:
                states[replica].nextWalkNs = scheduler.nowNs + settings.mergeFenceMs * nsPerMs
            case .lacking:
                states[replica].nextWalkNs = scheduler.nowNs + Self.lackingRetryNs
                observer?.walkEnded(
                    replica: replica, compared: count.compared, mended: count.mended,
                    failure:
                        "\(count.lacking) records could not be brought: something else is under their keys, or they are too "
                        + "large for the way there")
            case .without(let peer):
                states[replica].nextWalkNs = scheduler.nowNs + Self.partialRetryNs
                states[replica].lackedPeer = peer
                observer?.walkEnded(
                    replica: replica, compared: count.compared, mended: count.mended,
                    failure: "\(states[peer].name) does not answer")
            }
        } catch {
            states[replica].nextWalkNs = scheduler.nowNs + leaseNs
            observer?.walkEnded(
                replica: replica, compared: count.compared, mended: count.mended, failure: error.reason)
        }
        await endLease(RedisKeys.walkLease, at: replica)
    }

    /// A replica as it was when the walk began.
    private struct Start {
        let life: Bytes
        let nowUs: Int64
        let steps: Bytes
        let hlc: Bytes
        let adoptedAgoUs: Int64
    }

    private enum WalkEnd {
        case complete
        case tooEarly
        /// Some records could not be brought: its staleness stays unknown.
        case lacking
        /// Compared with all but this one, at least: its staleness stays unknown.
        case without(Int)
    }

    private func compareAll(_ replica: Int, _ count: inout WalkCount) async throws(WalkFailure) -> WalkEnd {
        let askedNs = scheduler.nowNs
        let mine = try await start(of: replica)
        var peers: [(index: Int, start: Start)] = []
        var missing: Int?
        for peer in states.indices where peer != replica {
            if usable.contains(peer) {
                peers.append((peer, try await start(of: peer)))
            } else {
                missing = peer
            }
        }
        // A record read before a loss may still be on its way, and would bring back what no outbox owes.
        let settledUs = Int64(settings.mergeFenceMs + 10 * Fence.marginMs) * 1_000
        guard mine.adoptedAgoUs > settledUs, peers.allSatisfy({ $0.start.adoptedAgoUs > settledUs }) else {
            return .tooEarly
        }
        for (peer, start) in peers {
            try await compare(replica, mine.life, with: peer, start.life, &count)
            guard count.lacking == 0 else { continue }
            if states[peer].debts[replica].overflowed > 0 {
                let words = [states[replica].nameBytes, start.hlc]
                _ = await run(AvailableScripts.clearHintOverflow, words, peer, life: start.life)
            }
        }
        guard count.lacking == 0 else { return .lacking }
        if let missing { return .without(missing) }
        var words = [Bytes(decimal: UInt64(mine.nowUs)), Bytes("full".utf8)]
        for (peer, start) in peers { words += [states[peer].nameBytes, start.life, start.hlc, Words.zero] }
        words += [Words.empty, mine.steps, mine.life]
        let reply = await askOne(Command(.script(AvailableScripts.recordReplication, keys: []), arguments: words), replica)
        guard okElements(reply, replica) != nil else {
            throw WalkFailure(reason: "the replica's clock or identity moved")
        }
        takeHeard(reply, replica, life: mine.life, askedNs: askedNs)
        states[replica].walkedAgoUs = 0
        return .complete
    }

    private func start(of replica: Int) async throws(WalkFailure) -> Start {
        guard let life = states[replica].incarnation, clocks[replica] != nil,
            let elements = await run(AvailableScripts.readClock, [Words.empty, Words.empty], replica, life: life),
            elements.count >= 5, let nowUs = elements[1].number, let steps = elements[2].bytes,
            let hlc = elements[3].count, let adoptedAgoUs = elements[4].number
        else { throw WalkFailure(reason: "\(states[replica].name) does not answer") }
        return Start(life: life, nowUs: nowUs, steps: steps, hlc: Bytes(decimal: hlc), adoptedAgoUs: adoptedAgoUs)
    }

    /// Brings to `replica` all that `peer` has: pages of names and vectors; of those that differ, the records.
    private func compare(
        _ replica: Int, _ life: Bytes, with peer: Int, _ peerLife: Bytes, _ count: inout WalkCount
    ) async throws(WalkFailure) {
        var cursor = Words.zero
        var pages = 0
        repeat {
            let startNs = scheduler.nowNs
            let limit = batchSizes[peer][replica].records(atMost: settings.batchRecords) * 2
            let words = [cursor, Bytes(decimal: UInt64(limit))]
            guard isRunning, let page = await run(AvailableScripts.listRecords, words, peer, life: peerLife), page.count >= 2,
                let next = page[1].bytes
            else {
                batchSizes[peer][replica].failed()
                throw WalkFailure(reason: "\(states[peer].name) stopped answering")
            }
            cursor = next
            let names = stride(from: 2, to: page.count - 1, by: 2).compactMap { page[$0].bytes }
            let vectors = stride(from: 3, to: page.count, by: 2).compactMap { page[$0].bytes }
            if !names.isEmpty {
                guard let other = await run(AvailableScripts.compareVectors, keys: names, vectors, replica, life: life) else {
                    batchSizes[peer][replica].failed()
                    throw WalkFailure(reason: "\(states[replica].name) stopped answering")
                }
                count.compared += names.count
                let keys = other.dropFirst().compactMap { place in
                    place.count.flatMap { names.indices.contains(Int($0) - 1) ? names[Int($0) - 1] : nil }
                }
                if !keys.isEmpty {
                    let lacking = try await bring(keys, to: replica, life, from: peer, peerLife)
                    count.mended += keys.count - lacking
                    count.lacking += lacking
                }
            }
            pages += 1
            if pages.isMultiple(of: 16) { await renewLease(RedisKeys.walkLease, at: replica, forMs: Self.leaseMs) }
            await pace(sinceNs: startNs)
        } while cursor != Words.zero
    }

    /// Returns how many could not be: there is something else under their keys, or they do not get through. The others must not
    /// wait for them.
    private func bring(
        _ keys: [Bytes], to replica: Int, _ life: Bytes, from peer: Int, _ peerLife: Bytes
    ) async throws(WalkFailure) -> Int {
        var rest = keys.filter { !heavyRecords.isResting($0, to: replica, atNs: scheduler.nowNs) }[...]
        var lacking = keys.count - rest.count
        var failures = 0
        while !rest.isEmpty {
            // Known before the records are read; read anew, they get a new fence.
            let startNs = scheduler.nowNs
            let clocks = clocks
            let size = batchSizes[peer][replica]
            let tried = Array(rest.prefix(size.records(atMost: settings.batchRecords)))
            guard clocks[replica]?.incarnation == life,
                let fetched = await fetch(tried, at: peer, life: peerLife, maxBytes: size.bytes), fetched.count > 0
            else {
                didNotArrive(tried, from: peer, to: replica)
                throw WalkFailure(reason: "\(states[peer].name) stopped answering")
            }
            let names = fetched.records.map(\.key)
            switch await join(fetched.records, at: replica, clocks: clocks, startNs: startNs) {
            case .joined:
                rest = rest.dropFirst(fetched.count)
                didArrive(names, from: peer, to: replica, tookNs: scheduler.nowNs - startNs)
            case .joinedExcept(let refused):
                rest = rest.dropFirst(fetched.count)
                lacking += refused.count
            case .failed:
                didNotArrive(names, from: peer, to: replica)
                failures += 1
                guard failures < 4 else { throw WalkFailure(reason: "\(states[replica].name) stopped answering") }
            }
            if !rest.isEmpty { await pace(sinceNs: startNs) }
        }
        return lacking
    }
}

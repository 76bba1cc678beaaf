import EventLoop
import Replication

/// Single commands of the background work, each with a deadline.
extension AvailableEngine {
    /// One command to one replica. Nil where it could not be handed over or was not answered in time.
    func askOne(_ command: Command, _ replica: Int) async -> Reply? {
        await askAll(command, [replica])[replica]
    }

    /// A script on one life of a replica; nil where it did not answer `OK`.
    func run(_ script: Script, keys: [Bytes] = [], _ arguments: [Bytes], _ replica: Int, life: Bytes) async -> [Reply]?
    {
        let command = Command(.script(script, keys: keys), arguments: arguments + [life])
        return okElements(await askOne(command, replica), replica)
    }

    /// A plain read on one life of a replica; nil where it failed or another life answered.
    func plainRead(_ words: [Bytes], _ replica: Int, life: Bytes) async -> Reply? {
        guard let pair = await askOne(Command(.plain(words), checksIdentity: true), replica) else { return nil }
        guard pair[1]?.bytes == life else {
            if pair.array != nil { readmit(replica) }
            return nil
        }
        if case .error? = pair[0] { return nil }
        return pair[0]
    }

    /// Takes a lease: it keeps several instances from doing the same work at once. Only a hint; two at once do no harm.
    /// - Parameter isNeeded: false for work that is done also where the replica's memory is too full to note it.
    func takeLease(_ name: Bytes, at replica: Int, forMs durationMs: UInt64, isNeeded: Bool = true) async -> Bool {
        let words = [
            Bytes("SET".utf8), name, leaseName, Bytes("NX".utf8), Bytes("PX".utf8), Bytes(decimal: durationMs),
        ]
        let reply = await askOne(Command(.plain(words)), replica)
        if reply == .null { await shortenLease(name, at: replica, toMs: durationMs) }
        if !isNeeded, case .error(let text)? = reply, text.hasPrefix("OOM") { return true }
        return reply == .status("OK")
    }

    /// One that was taken before the replica's clock was set back ends as much later as that was. Where its holder has died
    /// meanwhile, nobody would do its work for so long.
    private func shortenLease(_ name: Bytes, at replica: Int, toMs durationMs: UInt64) async {
        let reply = await askOne(Command(.plain([Bytes("PTTL".utf8), name])), replica)
        guard let leftMs = reply?.int64, leftMs == -1 || leftMs > Int64(durationMs) else { return }
        await renewLease(name, at: replica, forMs: durationMs)
    }

    func renewLease(_ name: Bytes, at replica: Int, forMs durationMs: UInt64) async {
        _ = await askOne(Command(.plain([Bytes("PEXPIRE".utf8), name, Bytes(decimal: durationMs)])), replica)
    }

    func endLease(_ name: Bytes, at replica: Int) async {
        _ = await askOne(Command(.plain([Bytes("DEL".utf8), name])), replica)
    }

    /// Records read at one replica.
    struct Fetched {
        /// `cap:hlc` of the step that read them.
        var hlc: UInt64
        var records: [CarriedRecord] = []
        /// Keys under which there is something else than a record.
        var bad: [Bytes] = []
        /// Keys without a record.
        var absent: [Bytes] = []
        /// How many of the keys were looked at: as many as fit.
        var count = 0
    }

    func fetch(_ keys: [Bytes], at replica: Int, life: Bytes, maxBytes: Int) async -> Fetched? {
        let room = [Bytes(decimal: UInt64(maxBytes))]
        guard let elements = await run(AvailableScripts.readRecords, keys: keys, room, replica, life: life),
            elements.count >= 4, elements.count.isMultiple(of: 2), let hlc = elements[1].count
        else { return nil }
        var fetched = Fetched(hlc: hlc)
        for (key, index) in zip(keys, stride(from: 2, to: elements.count, by: 2)) {
            guard let vector = elements[index].bytes, let siblings = elements[index + 1].array else { return nil }
            fetched.count += 1
            if vector.isEmpty {
                fetched.absent.append(key)
            } else if vector == [UInt8(ascii: "!")] {
                fetched.bad.append(key)
            } else {
                fetched.records.append(
                    CarriedRecord(key: key, vector: vector, siblings: siblings.compactMap(\.bytes)))
            }
        }
        return fetched
    }

    /// Joins `records` at `replica`. What was known of its clock must be from before they were read.
    func join(
        _ records: [CarriedRecord], at replica: Int, clocks: ClockTable, startNs: UInt64
    ) async -> MergeResult {
        guard !records.isEmpty else { return .joined }
        var words: [Bytes] = []
        for record in records { record.append(to: &words) }
        let command = MergeBatch.command(
            keys: records.map(\.key), words: words, clocks: clocks, startNs: startNs, budgetMs: settings.mergeFenceMs)
        let result = mergeResult(await askOne(command, replica), from: replica)
        if case .joinedExcept(let refused) = result {
            for place in refused where records.indices.contains(place) {
                observer?.badRecord(replica: replica, redisKey: records[place].key)
            }
        }
        return result
    }

    /// A batch with the records of `keys`, or with one of them, failed.
    func didNotArrive(_ keys: [Bytes], from source: Int, to target: Int) {
        batchSizes[source][target].failed()
        if keys.count == 1 { heavyRecords.failed(keys[0], to: target, atNs: scheduler.nowNs) }
    }

    func didArrive(_ keys: [Bytes], from source: Int, to target: Int, tookNs: UInt64) {
        batchSizes[source][target].passed(tookNs: tookNs)
        heavyRecords.arrived(keys, at: target)
    }

    /// Lets users have the replicas for as long as the last batch took: half of the time at most is ours.
    func pace(sinceNs startNs: UInt64) async {
        await scheduler.sleep(forNs: max(nsPerMs, min(scheduler.nowNs - startNs, 250 * nsPerMs)))
    }
}

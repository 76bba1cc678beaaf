import EventLoop
import Replication

/// Compares all records of a replica with those of its peers once, by their version vectors. Copies the records that
/// the replica lacks, page by page.
struct RecordComparison {
    let environment: Environment
    let scripts: ScriptClient
    let transfer: RecordTransfer
    let staleness: StalenessTracker
    let control: BackgroundControl

    /// A comparison fails after this many failed batches of one page.
    private static let maxFailures = 4
    /// A page lists only names and vectors. They are shorter than records, so a page has more entries than a batch has
    /// records.
    private static let pagesPerBatch = 2

    private var replicas: ReplicaTable { environment.replicas }

    struct Failure: Error {
        let reason: String
    }

    struct Count {
        var compared = 0
        var repaired = 0
        /// Records that differ and could not be copied.
        var uncopied = 0
    }

    enum End {
        case complete
        /// A replica was adopted, or its clock was set back, a moment ago. For `waitMs` more, records that were read
        /// before may still arrive.
        case tooEarly(waitMs: UInt64)
        /// Some records could not be copied. The replica's staleness stays unknown.
        case incomplete
        /// This peer, and perhaps others, was unreachable. The replica's staleness stays unknown.
        case without(Int)
    }

    /// A replica as it was when the comparison began.
    private struct Start {
        let incarnation: Bytes
        let nowUs: Int64
        let epoch: Bytes
        let hlc: UInt64
        /// How long before the comparison the replica was adopted, or its clock was last set back: bounds in
        /// microseconds.
        let adoptedAgoUs: ClosedRange<Int64>
    }

    func run(_ replica: Int, _ lease: Lease, _ count: inout Count) async throws(Failure) -> End {
        let askedNs = environment.nowNs
        let own = try await start(of: replica, askedNs: askedNs)
        var peers: [(index: Int, start: Start)] = []
        var missing: Int?
        for peer in replicas.peers(of: replica) {
            if replicas.usable.contains(peer) {
                peers.append((peer, try await start(of: peer, askedNs: askedNs)))
            } else {
                missing = peer
            }
        }
        let waitMs = inFlightMs(adoptedAgoUs: [own.adoptedAgoUs] + peers.map(\.start.adoptedAgoUs))
        guard waitMs == 0 else { return .tooEarly(waitMs: waitMs) }
        for (peer, start) in peers {
            let route = RecordTransfer.Route(source: peer, target: replica, incarnation: start.incarnation)
            try await compare(route, start, own.incarnation, lease, &count)
            if count.uncopied == 0 { await clearOverflow(route, start) }
        }
        guard count.uncopied == 0 else { return .incomplete }
        if let missing { return .without(missing) }
        let record = ReplicationRecord(
            readAtUs: own.nowUs, epoch: own.epoch, isFull: true,
            peers: peers.map { peer, start in
                ReplicationRecord.Peer(
                    name: replicas.nameBytes[peer], incarnation: start.incarnation, hlc: start.hlc, lowestHint: nil)
            })
        guard
            await staleness.recordComparison(record, of: replica, incarnation: own.incarnation, askedNs: askedNs)
        else { throw Failure(reason: "the replica's clock or identity changed") }
        return .complete
    }

    /// How long a record that a replica lost may still be in transit to another one, where it would reappear without a
    /// hint. The deadline fence of a merge is at most as long as its sender has known the target's incarnation
    /// (``Fence/mergeMs(knownForMs:settings:)``). That is at most the time since the target was adopted.
    private func inFlightMs(adoptedAgoUs: [ClosedRange<Int64>]) -> UInt64 {
        let settings = environment.settings
        let agoMs = adoptedAgoUs.map { (least: max(0, $0.lowerBound) / 1_000, most: max(0, $0.upperBound) / 1_000 + 1) }
        let oldestMs = agoMs.map(\.most).max() ?? 0
        return agoMs.map { ago in
            let knownForMs = UInt64(oldestMs - ago.least)
            let fenceMs = Fence.mergeMs(knownForMs: knownForMs, settings: settings) + 10 * Fence.marginMs
            return fenceMs - min(fenceMs, UInt64(ago.least))
        }.max() ?? 0
    }

    private func start(of replica: Int, askedNs: UInt64) async throws(Failure) -> Start {
        let sentNs = environment.nowNs
        guard let incarnation = replicas[replica].incarnation, replicas.clocks[replica] != nil,
            let elements = await scripts.run(
                AvailableScripts.unfenced(AvailableScripts.readClock, incarnation: incarnation), at: replica),
            elements.count >= 5, let nowUs = elements[1].number, let epoch = elements[2].bytes,
            let hlc = elements[3].count, let adoptedAgoUs = elements[4].number
        else { throw Failure(reason: "\(replicas.names[replica]) does not answer") }
        let leastUs = adoptedAgoUs - Int64(environment.nowNs - askedNs) / 1_000
        let mostUs = adoptedAgoUs - Int64(sentNs - askedNs) / 1_000
        return Start(
            incarnation: incarnation, nowUs: nowUs, epoch: epoch, hlc: hlc, adoptedAgoUs: leastUs...mostUs)
    }

    /// Clears the overflow of the peer's hints. The comparison has copied the writes whose hint did not fit, up to the
    /// peer's hlc at the start.
    private func clearOverflow(_ route: RecordTransfer.Route, _ start: Start) async {
        guard replicas[route.source].probe.hints.counts[route.target].overflowed > 0 else { return }
        _ = await scripts.run(
            AvailableScripts.clearHintOverflow, [replicas.nameBytes[route.target], Bytes(decimal: start.hlc)],
            at: route.source, incarnation: start.incarnation)
    }

    /// Copies to the target all records of the source that differ there. Reads pages of names and vectors first, then
    /// those records.
    private func compare(
        _ route: RecordTransfer.Route, _ start: Start, _ incarnation: Bytes, _ lease: Lease, _ count: inout Count
    ) async throws(Failure) {
        var cursor = Arguments.zero
        repeat {
            let startNs = environment.nowNs
            guard control.isRunning, let (page, next) = await page(route, at: cursor) else {
                throw stopped(route, atSource: true)
            }
            cursor = next
            if !page.keys.isEmpty {
                guard let differing = await differing(page, route, incarnation) else {
                    throw stopped(route, atSource: false)
                }
                count.compared += page.keys.count
                if !differing.isEmpty {
                    try await copy(differing, route, start, incarnation, &count)
                }
            }
            await lease.renewIfDue()
            await control.rest(sinceNs: startNs)
        } while cursor != Arguments.zero
    }

    private func stopped(_ route: RecordTransfer.Route, atSource isSource: Bool) -> Failure {
        transfer.didFail([], route)
        return Failure(reason: "\(replicas.names[isSource ? route.source : route.target]) stopped answering")
    }

    private func page(_ route: RecordTransfer.Route, at cursor: Bytes) async -> (page: RecordPage, next: Bytes)? {
        let limit = transfer.maxRecords(route.source, route.target) * Self.pagesPerBatch
        guard
            let elements = await scripts.run(
                AvailableScripts.listRecords, [cursor, Bytes(decimal: UInt64(limit))], at: route.source,
                incarnation: route.incarnation),
            elements.count >= 2, let next = elements[1].bytes
        else { return nil }
        return (RecordPage(elements), next)
    }

    /// The keys of `page` whose records the target lacks or stores with another vector.
    private func differing(_ page: RecordPage, _ route: RecordTransfer.Route, _ incarnation: Bytes) async -> [Bytes]? {
        let elements = await scripts.run(
            AvailableScripts.compareVectors, keys: page.keys, page.vectors, at: route.target, incarnation: incarnation)
        return elements?.dropFirst().compactMap { position in
            position.count.flatMap { page.keys.indices.contains(Int($0) - 1) ? page.keys[Int($0) - 1] : nil }
        }
    }

    /// Copies the records of `keys`. Records that cannot be copied are counted and do not delay the others.
    private func copy(
        _ keys: [Bytes], _ route: RecordTransfer.Route, _ start: Start, _ incarnation: Bytes, _ count: inout Count
    ) async throws(Failure) {
        var rest = keys.filter { !transfer.isPausing($0, to: route.target) }[...]
        var foreign = keys.filter { transfer.isForeign($0, to: route.target) }
        count.uncopied += keys.count - rest.count - foreign.count
        var failures = 0
        while !rest.isEmpty {
            // Take the clocks before the records are read. After a failure, the records are read again and get a new
            // fence.
            let startNs = environment.nowNs
            let clocks = replicas.clocks
            let tried = Array(rest.prefix(transfer.maxRecords(route.source, route.target)))
            guard clocks[route.target]?.incarnation == incarnation else { throw stopped(route, atSource: false) }
            var isFull = false
            do {
                let batch = try await transfer.copy(tried, route, clocks: clocks, startNs: startNs)
                rest = rest.dropFirst(batch.examined)
                count.repaired += batch.delivered.count
                foreign += batch.foreign
                isFull = !batch.leftOut.isEmpty
            } catch {
                failures += 1
                guard error == .target, failures < Self.maxFailures else {
                    throw Failure(
                        reason: "\(replicas.names[error == .source ? route.source : route.target]) stopped answering")
                }
            }
            // The target has no memory, so the remaining records would be sent in vain.
            guard !isFull else { throw Failure(reason: "the memory of \(replicas.names[route.target]) is full") }
            if !rest.isEmpty { await control.rest(sinceNs: startNs) }
        }
        if await !storeHints(foreign, route, start) { count.uncopied += foreign.count }
    }

    /// Stores a hint for each of `keys`, under which one of the replicas stores something other than a record. Hinted
    /// handoff delivers the record once that foreign value is gone.
    private func storeHints(_ keys: [Bytes], _ route: RecordTransfer.Route, _ start: Start) async -> Bool {
        guard !keys.isEmpty else { return true }
        let head = [
            Bytes("ZADD".utf8), RedisKeys.hints(for: replicas.nameBytes[route.target]), Bytes("NX".utf8),
        ]
        let command = Command(.plain(head + keys.flatMap { [Bytes(decimal: start.hlc), $0] }))
        return await environment.client.ask(command, of: route.source)?.int64 != nil
    }
}

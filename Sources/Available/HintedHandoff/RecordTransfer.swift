import EventLoop
import Replication

/// Copies records from one replica to another in the background, for hinted handoff and anti-entropy. Adapts the size
/// of batches to the speed of each link, and delays records that do not arrive.
final class RecordTransfer {
    private let environment: Environment
    private let scripts: ScriptClient
    /// Batch sizes by source and target.
    private var sizes: [[BatchSize]]
    private var backoff: DeliveryBackoff
    /// By source and target: hinted handoff pauses until this time, because the target had no memory for some records.
    private var fullUntilNs: [[UInt64]]

    private static let minFullPauseNs = 1_000 * nsPerMs

    init(_ environment: Environment, scripts: ScriptClient) {
        self.environment = environment
        self.scripts = scripts
        let count = environment.group.replicaCount
        let size = BatchSize(
            maxBytes: environment.settings.background.batchBytes, callTimeoutMs: environment.settings.timeouts.callMs)
        sizes = Array(repeating: Array(repeating: size, count: count), count: count)
        backoff = DeliveryBackoff(count: count)
        fullUntilNs = Array(repeating: Array(repeating: 0, count: count), count: count)
    }

    /// The source and target of a copy, and the incarnation of the source.
    struct Route {
        let source: Int
        let target: Int
        let incarnation: Bytes

        init(source: Int, target: Int, incarnation: Bytes) {
            precondition(source != target, "a replica is not copied to itself")
            self.source = source
            self.target = target
            self.incarnation = incarnation
        }
    }

    /// The outcome of a copy that both replicas answered.
    struct Batch {
        /// How many of the keys were examined, in order: as many as fit into the batch.
        var examined = 0
        /// Records that the target now has.
        var delivered: [CarriedRecord] = []
        /// Keys under which the source or the target stores something other than a record.
        var foreign: [Bytes] = []
        /// Records for which the target has no memory.
        var leftOut: [Bytes] = []
        /// Keys that have no record at the source.
        var absent: [Bytes] = []
        /// `cap:hlc` of the source in the step that read the records.
        var hlc: UInt64 = 0
    }

    enum Failure: Error {
        case source
        case target
    }

    /// The most records that the next batch may have.
    func maxRecords(_ source: Int, _ target: Int) -> Int {
        sizes[source][target].records(atMost: environment.settings.background.batchRecords)
    }

    func isPausing(_ key: Bytes, to target: Int) -> Bool {
        backoff.isPausing(key, to: target, atNs: environment.nowNs)
    }

    /// True if the key is pausing because the source or the target stores something other than a record under it.
    func isForeign(_ key: Bytes, to target: Int) -> Bool {
        backoff.isForeign(key, to: target, atNs: environment.nowNs)
    }

    /// Called after a reconnect to `replica`, or when it accepts writes again. Ends all pauses, because delayed records
    /// may arrive now.
    func mayArriveAgain(at replica: Int) {
        backoff.restart(replica)
        for other in sizes.indices {
            sizes[replica][other].restart()
            sizes[other][replica].restart()
            fullUntilNs[other][replica] = 0
        }
    }

    /// True if the target recently had no memory for records of the source, so that hinted handoff pauses.
    func isFull(_ source: Int, _ target: Int) -> Bool { environment.nowNs < fullUntilNs[source][target] }

    /// Pauses hinted handoff on this route, because the target had no memory for some records. A run to a full target
    /// sends all values, although only deletes can succeed. So the next run waits at least as long as this one took.
    func wasFull(_ route: Route, sinceNs startNs: UInt64) {
        let pauseNs = max(Self.minFullPauseNs, environment.nowNs - startNs)
        fullUntilNs[route.source][route.target] = environment.nowNs + pauseNs
    }

    /// Copies the records of `keys` that fit into one batch, in order.
    ///
    /// - Parameters:
    ///   - clocks: as known at `startNs`, before the records were read. Newer readings would extend the deadline fence
    ///     of a record that was already read (rule A5).
    /// - Throws: ``Failure``, when a replica does not answer.
    func copy(
        _ keys: [Bytes], _ route: Route, clocks: ClockTable, startNs: UInt64
    ) async throws(Failure) -> Batch {
        guard let read = await read(keys, route), read.count > 0 else {
            didFail(keys, route)
            throw .source
        }
        let names = read.records.map(\.key)
        var batch = Batch(
            examined: read.count, delivered: read.records, foreign: read.foreign, absent: read.absent, hlc: read.hlc)
        switch await merge(read.records, at: route.target, clocks: clocks, startNs: startNs) {
        case .merged:
            break
        case .mergedExcept(let foreign, let leftOut):
            let missing = foreign.union(leftOut)
            batch.delivered = read.records.enumerated().filter { !missing.contains($0.offset) }.map(\.element)
            batch.foreign += foreign.filter(names.indices.contains).map { names[$0] }
            batch.leftOut = leftOut.filter(names.indices.contains).map { names[$0] }
        case .failed:
            didFail(names, route)
            throw .target
        }
        sizes[route.source][route.target].arrived(tookNs: environment.nowNs - startNs)
        backoff.arrived(batch.delivered.map(\.key), at: route.target)
        for key in batch.foreign { backoff.failed(key, to: route.target, atNs: environment.nowNs, isForeign: true) }
        return batch
    }

    /// Called when a batch with the records of `keys`, or with some of them, did not arrive. The next batches are
    /// smaller. A record that failed alone is delayed.
    func didFail(_ keys: [Bytes], _ route: Route) {
        sizes[route.source][route.target].failed()
        if keys.count == 1 { backoff.failed(keys[0], to: route.target, atNs: environment.nowNs) }
    }

    // MARK: Commands

    private struct ReadRecords {
        var hlc: UInt64
        var records: [CarriedRecord] = []
        /// Keys that hold something other than a record at the source.
        var foreign: [Bytes] = []
        /// Keys that have no record at the source.
        var absent: [Bytes] = []
        /// How many of the keys were examined, in order.
        var count = 0
    }

    private func read(_ keys: [Bytes], _ route: Route) async -> ReadRecords? {
        let maxBytes = [Bytes(decimal: UInt64(sizes[route.source][route.target].bytes))]
        guard
            let elements = await scripts.run(
                AvailableScripts.readRecords, keys: keys, maxBytes, at: route.source, incarnation: route.incarnation),
            elements.count >= 4, elements.count.isMultiple(of: 2), let hlc = elements[1].count
        else { return nil }
        var read = ReadRecords(hlc: hlc)
        for (key, index) in zip(keys, stride(from: 2, to: elements.count, by: 2)) {
            guard let vector = elements[index].bytes, let siblings = elements[index + 1].array else { return nil }
            read.count += 1
            if vector.isEmpty {
                read.absent.append(key)
            } else if vector == [UInt8(ascii: "!")] {
                read.foreign.append(key)
            } else {
                read.records.append(CarriedRecord(key: key, vector: vector, siblings: siblings.compactMap(\.bytes)))
            }
        }
        for key in read.foreign {
            environment.events?.foreignKeyFound(replica: route.source, redisKey: key)
        }
        return read
    }

    private func merge(
        _ records: [CarriedRecord], at replica: Int, clocks: ClockTable, startNs: UInt64
    ) async -> ScriptClient.MergeResult {
        guard !records.isEmpty else { return .merged }
        let keys = records.map(\.key)
        var arguments: [Bytes] = []
        for record in records { record.append(to: &arguments) }
        let command = MergeCommand.make(
            keys: keys, arguments: arguments, clocks: clocks, startNs: startNs, settings: environment.settings)
        let reply = await environment.client.ask(command, of: replica)
        return scripts.mergeResult(reply, from: replica, keys: keys)
    }
}

/// Creates the command that runs the script `merge`.
enum MergeCommand {
    /// - Parameters:
    ///   - arguments: the arguments of all records; see ``CarriedRecord/append(to:)``.
    ///   - clocks: as known at `startNs`, before the first of the records was read or written.
    static func make(
        keys: [Bytes], arguments: [Bytes], clocks: ClockTable, startNs: UInt64, settings: AvailableSettings
    ) -> Command {
        Command(
            .script(AvailableScripts.merge, keys: keys), arguments: arguments, tailCount: 3,
            tail: { clocks.mergeFence(of: $0, startNs: startNs, settings: settings) })
    }
}

import EventLoop
import Replication

/// Scans the registers of one replica page by page, and asks the replicas for their records of these registers. The
/// scan pauses between pages, so that client requests come first.
struct RegisterScan {
    private let acceptors: AcceptorGroup
    private let pageSize: Int
    let commands: AcceptorCommands

    /// A pause follows each page, so that a scan uses at most 1/`pauseFactor` of a replica's time.
    private static let pauseFactor: UInt64 = 2
    private static let minPauseNs = 2 * nsPerMs

    /// - Parameter pageSize: registers per page.
    init(_ acceptors: AcceptorGroup, configuration: GroupConfiguration, pageSize: Int) {
        self.acceptors = acceptors
        self.pageSize = pageSize
        commands = AcceptorCommands(group: acceptors.name, configuration: configuration)
    }

    var configuration: GroupConfiguration { commands.configuration }

    private func name(_ replica: Int) -> String { acceptors.replicas.replicaNames[replica] }

    /// Calls `body` with every page of the registers of `replica`. A register that the replica holds during the whole
    /// scan is in some page (the guarantee of `SCAN`). Other registers may be missing, and a register may appear twice.
    ///
    /// The guarantee ends with the server process: each process draws its own hash seed, so the next process interprets
    /// a cursor differently. A scan is valid only if one process answered from beginning to end.
    /// - Throws: ``Aborted`` with the reason, if the scan is not valid.
    func forEachPage(
        of replica: Int, _ body: (_ page: [Register]) async throws(Aborted) -> Void
    ) async throws(Aborted) {
        let scheduler = acceptors.scheduler
        let process = try await process(of: replica)
        let start = Bytes("0".utf8)
        var cursor = start
        repeat {
            let startNs = scheduler.nowNs
            let page: [Register]
            (cursor, page) = try await self.page(of: replica, from: cursor)
            if !page.isEmpty { try await body(page) }
            let tookNs = scheduler.nowNs - startNs
            await scheduler.sleep(forNs: max(Self.minPauseNs, tookNs * (Self.pauseFactor - 1)))
        } while cursor != start
        guard try await self.process(of: replica) == process else {
            throw Aborted("\(name(replica)) was restarted while its keys were scanned")
        }
    }

    /// The run ID of the server process that answers now.
    private func process(of replica: Int) async throws(Aborted) -> Bytes {
        let info = await acceptors.client().ask(MembershipCommands.info(), of: replica)
        guard let runID = Durability.runID(of: info) else { throw Aborted("\(name(replica)) does not answer") }
        return runID
    }

    private func page(of replica: Int, from cursor: Bytes) async throws(Aborted) -> (Bytes, [Register]) {
        let command = AcceptorCommands.scan(from: cursor, count: pageSize)
        guard let reply = await acceptors.client().ask(command, of: replica), let next = reply[0]?[0]?.bytes,
            let keys = reply[0]?[1]?.array
        else { throw Aborted("\(name(replica)) does not answer") }
        guard isMember(replica, by: reply[1]) else { throw Aborted("\(name(replica)) is no longer the same member") }
        return (next, keys.compactMap(\.bytes).compactMap(Register.init(redisKey:)))
    }

    /// True if the identity check of a reply shows the member that the configuration names, and the configuration's
    /// epoch.
    func isMember(_ replica: Int, by identityFields: Reply?) -> Bool {
        let expected = configuration.expectedIdentity(of: replica, group: acceptors.name)
        return acceptors.reported(identityFields, by: replica).own == expected
    }

    /// The records of a page without their values: one element per register, with one summary per replica. All commands
    /// to a replica are sent as one batch.
    func summaries(of page: [Register], at replicas: ReplicaSet) async -> [[RecordSummary]] {
        let client = acceptors.client()
        let calls = page.map { client.send(commands.inspect($0), to: replicas) }
        var summaries: [[RecordSummary]] = []
        for call in calls {
            await call.waitForAll()
            summaries.append((0..<acceptors.replicas.replicaCount).map { RecordSummary(call.reply(from: $0)) })
        }
        return summaries
    }
}

/// Why a background step stopped early. The step is repeated later.
struct Aborted: Error {
    let reason: String
    init(_ reason: String) { self.reason = reason }
}

extension Scheduler {
    /// Runs `body` for every item, at most `limit` of them concurrently, and returns when all are done.
    func forEach<Item>(_ items: [Item], limit: Int, _ body: @escaping (Item) async -> Void) async {
        guard !items.isEmpty else { return }
        var next = 0
        var workerCount = min(limit, items.count)
        await withUnsafeContinuation { (allDone: UnsafeContinuation<Void, Never>) in
            for _ in 0..<workerCount {
                spawn {
                    while next < items.count {
                        next += 1
                        await body(items[next - 1])
                    }
                    workerCount -= 1
                    if workerCount == 0 { allDone.resume() }
                }
            }
        }
    }
}

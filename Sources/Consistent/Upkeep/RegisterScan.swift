import EventLoop
import Replication

/// Goes through the registers of one replica, a page at a time, and asks replicas what they hold of them; paced, so that
/// requests come first.
struct RegisterScan {
    let group: any ReplicaGroup
    let scheduler: any Scheduler
    let groupName: Bytes
    let commands: AcceptorCommands
    let pageSize: Int

    private static let timeoutNs = 1_000 * nsPerMs
    /// At most this part of the time goes to background work: one in so many.
    private static let restFactor: UInt64 = 2
    private static let minRestNs = 2 * nsPerMs

    /// Why a scan ended early.
    struct Halt: Error {
        let reason: String
    }

    /// Calls `body` with every page of the registers of `replica`. Every register that it holds from beginning to end is in
    /// some page (Redis' promise for `SCAN`); others may be, and some twice.
    ///
    /// That promise ends with the server's process: it draws a hash seed at its start, and to the next one the cursor means
    /// other places. So a scan counts only where one process has answered from its beginning to its end.
    func forEachPage(
        of replica: Int, _ body: (_ page: [Register]) async throws(Halt) -> Void
    ) async throws(Halt) {
        let process = try await process(of: replica)
        var cursor = Bytes("0".utf8)
        repeat {
            let startNs = scheduler.nowNs
            let page: [Register]
            (cursor, page) = try await self.page(of: replica, from: cursor)
            if !page.isEmpty { try await body(page) }
            let tookNs = scheduler.nowNs - startNs
            await scheduler.sleep(forNs: max(Self.minRestNs, tookNs * (Self.restFactor - 1)))
        } while cursor != Bytes("0".utf8)
        guard try await self.process(of: replica) == process else {
            throw Halt(reason: "\(group.replicaNames[replica]) was started anew while its keys were gone through")
        }
    }

    /// The run ID of the server that answers now.
    private func process(of replica: Int) async throws(Halt) -> Bytes {
        let call = QuorumCall(
            group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + Self.timeoutNs)
        call.send(MemberCommands.info(), to: [replica])
        await call.waitForAll()
        guard let runID = Durability.runID(of: call.reply(from: replica)) else {
            throw Halt(reason: "\(group.replicaNames[replica]) does not answer")
        }
        return runID
    }

    private func page(of replica: Int, from cursor: Bytes) async throws(Halt) -> (Bytes, [Register]) {
        let call = QuorumCall(
            group: group, scheduler: scheduler, deadlineNs: scheduler.nowNs + Self.timeoutNs)
        call.send(UpkeepCommands.page(from: cursor, count: pageSize), to: [replica])
        await call.waitForAll()
        let name = group.replicaNames[replica]
        guard let reply = call.reply(from: replica), let next = reply[0]?[0]?.bytes, let keys = reply[0]?[1]?.array
        else { throw Halt(reason: "\(name) does not answer") }
        guard isMember(replica, by: reply[1]) else { throw Halt(reason: "\(name) is no longer the member it was") }
        return (next, keys.compactMap(\.bytes).compactMap(Register.init(redisKey:)))
    }

    /// The guard of a reply shows the member that the configuration names, in its epoch.
    func isMember(_ replica: Int, by identityFields: Reply?) -> Bool {
        guard
            case .own(let identity) = ReplicaSelf(
                fields: identityFields, group: groupName, name: group.replicaNames[replica])
        else { return false }
        return identity.state == .member && identity.epoch == commands.configuration.epoch
            && identity.incarnation == commands.configuration.members[replica].incarnation
    }

    /// What each of `replicas` holds of each register: one command a replica for the whole page.
    func holdings(of page: [Register], at replicas: ReplicaSet) async -> [[Holding]] {
        let deadlineNs = scheduler.nowNs + Self.timeoutNs
        let calls = page.map { register in
            let call = QuorumCall(group: group, scheduler: scheduler, deadlineNs: deadlineNs)
            call.send(UpkeepCommands.inspect(register, by: commands), to: replicas)
            return call
        }
        var holdings: [[Holding]] = []
        for call in calls {
            await call.waitForAll()
            holdings.append((0..<group.replicaCount).map { Holding(call.reply(from: $0)) })
        }
        return holdings
    }
}

import EventLoop
import Redis
import Replication
import TestSupport

/// One real server; runs one command at a time.
final class RealRedis {
    private let reactor: Reactor
    private let group: RedisReplicaGroup

    init(_ reactor: Reactor, port: UInt16) {
        self.reactor = reactor
        group = RedisReplicaGroup(
            reactor: reactor,
            replicas: [RedisReplica(name: "g1", endpoint: RedisEndpoint(host: "127.0.0.1", port: port))], scripts: [],
            settings: RedisGroupSettings())
        group.start()
    }

    func close() { group.close() }

    func isUp() async -> Bool { await reactor.eventually { !self.group.available.isEmpty } }

    func run(_ arguments: [String]) async -> Reply? {
        let call = QuorumCall(group: group, scheduler: reactor, deadlineNs: reactor.nowNs + 5_000 * nsPerMs)
        call.send(Command(.plain(arguments.map { Bytes($0.utf8) })), to: [0])
        await call.waitForAll()
        return call.reply(from: 0)
    }
}

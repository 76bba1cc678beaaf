import EventLoop
import Foundation
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Rule C9 on real servers: replicas that answer, and reject the write probe.
@Suite(.serialized, .timeLimit(.minutes(20))) struct RejectedWriteTests: CPSuite {
    let testbed: CPTestbed

    init() throws { testbed = try CPTestbed() }

    /// The reasons for which a server may reject writes. `INFO` does not show all of them.
    enum Reason: CaseIterable, Sendable {
        case memoryIsFull
        case permissionIsMissing
        case lastSaveFailed
        case tooFewReplicas

        /// The text that clients get for the reason.
        var summary: String {
            switch self {
            case .memoryIsFull: "its memory or disk is full"
            case .permissionIsMissing: "the service lacks a permission"
            case .lastSaveFailed: "it cannot save its data"
            case .tooFewReplicas: "it has too few replicas of its own"
            }
        }

        func begin(at server: RedisServer) throws {
            switch self {
            case .memoryIsFull: try server.cli("CONFIG", "SET", "maxmemory", "1000")
            case .permissionIsMissing: try server.cli("ACL", "SETUSER", "default", "-hincrby")
            case .tooFewReplicas: try server.cli("CONFIG", "SET", "min-replicas-to-write", "1")
            case .lastSaveFailed:
                // The save fails, because a directory has the name of the dump.
                try FileManager.default.createDirectory(
                    atPath: server.directory + "/dump.rdb", withIntermediateDirectories: false)
                try server.cli("CONFIG", "SET", "save", "3600 1000000")
                try server.cli("BGSAVE")
                let hasFailed = try eventually {
                    try server.cli("INFO", "persistence").contains("rdb_last_bgsave_status:err")
                }
                #expect(hasFailed)
            }
        }

        func end(at server: RedisServer) throws {
            switch self {
            case .memoryIsFull: try server.cli("CONFIG", "SET", "maxmemory", "0")
            case .permissionIsMissing: try server.cli("ACL", "SETUSER", "default", "+hincrby")
            case .tooFewReplicas: try server.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            case .lastSaveFailed:
                try FileManager.default.removeItem(atPath: server.directory + "/dump.rdb")
                try server.cli("BGSAVE")
            }
        }
    }

    @Test(arguments: Reason.allCases)
    func replicasThatRejectWritesAreReported(reason: Reason) async throws {
        // Redis 6 lets scripts ignore `min-replicas-to-write`.
        if reason == .tooFewReplicas, try servers[0].cli("INFO", "server").contains("redis_version:6") { return }
        try await run(backgroundMs: 20) { cp in
            #expect(await cp.reactor.eventually { cp.engine.views.allSatisfy(\.isWritable) })
            try reason.begin(at: servers[0])
            #expect(await cp.reactor.eventually { cp.engine.views[0].writeError != nil })
            #expect(cp.engine.views[0].writeError?.summary == reason.summary)
            #expect(cp.engine.views.map(\.isWritable) == [false, true, true])
            #expect(cp.counts.rejections.map(\.replica) == [0])
            #expect(await cp.readiness() == nil)
            try await cp.write("k", "by the others")
            #expect(cp.group.status()[0].breaker.state == .closed)

            try reason.begin(at: servers[1])
            #expect(await cp.reactor.eventually { await cp.readiness() != nil })
            let detail = "too few replicas accept writes: g1: \(reason.summary), g2: \(reason.summary)"
            #expect(await cp.readiness()?.detail == detail)

            for replica in 0..<2 { try reason.end(at: servers[replica]) }
            #expect(await cp.reactor.eventually { cp.engine.views.allSatisfy(\.isWritable) })
            #expect(await cp.readiness() == nil)
            #expect(cp.counts.rejections.last?.reason == nil)
        }
    }
}

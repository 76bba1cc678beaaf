import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// Rule C8: `app-cp backup` while a service raises the counters, on scripted replicas.
@Suite(.timeLimit(.minutes(20))) struct BackupTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup
    private var commands: [String] { group.log.map { String($0.prefix { $0 != "@" }) } }

    init() { group = ScriptedGroup(scheduler) }

    /// The reply of a replica to `probe`.
    private func probed(_ replica: Int, counter: Int, witnessed: [Int: Int]) -> Reply {
        guard case .array(let identity) = group.acceptors[replica].identity else { return .null }
        let counters = witnessed.flatMap { other, counter -> [Reply] in
            [.bulk(group.acceptors[other].incarnation), .bulk(Bytes("\(counter)".utf8))]
        }
        return .array([
            .array(identity + [.bulk(Bytes("\(counter)".utf8))]), .integer(1), .array(counters),
        ])
    }

    /// - Parameter counter: returns the counter of g1 at each probe. The witnesses of g1 store 6.
    private func backup(counterOfG1 counter: @escaping (_ probe: Int) -> Int) throws -> GroupBackup.Result {
        group.fate = { [self] what, replica in
            let probe = commands.count { $0 == "probe" } / 3
            switch what {
            case "probe" where replica == 0:
                return .refused(probed(0, counter: counter(probe), witnessed: [1: 5, 2: 5]))
            case "probe": return .refused(probed(replica, counter: 5, witnessed: [0: 6]))
            case "bgsave": return .refused(.status("Background saving started"))
            case "info": return .refused(.bulk(Bytes("rdb_bgsave_in_progress:0 rdb_last_bgsave_status:ok".utf8)))
            case "raise_rollback_counter": return .refused(.integer(9))
            case "record_witnessed_counters": return .refused(.integer(1))
            default: return .refused(.null)
            }
        }
        let deadlineNs = scheduler.nowNs + 10_000 * nsPerMs
        return try scheduler.run { [self] in
            let backup = GroupBackup(group: group, scheduler: scheduler, groupName: "cp")
            return await backup.run(only: "g1", deadlineNs: deadlineNs)
        }
    }

    @Test func aCounterThatIsRaisedBetweenTheProbesIsNoRollback() throws {
        let result = try backup { probe in 5 + probe }
        #expect(result == .written([.init(replica: "g1", path: nil, rollbackCounter: 9)]))
    }

    @Test func aCounterThatStaysBehindIsARollback() throws {
        guard case .refused = try backup(counterOfG1: { _ in 5 }) else {
            Issue.record("a rolled-back replica was backed up")
            return
        }
        #expect(!commands.contains("bgsave"))
    }
}

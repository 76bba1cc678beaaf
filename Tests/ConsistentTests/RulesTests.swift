import EventLoop
import Replication
import TestSupport
import Testing

@testable import Consistent

/// The rules C1 to C10 of `docs/design.md`, in order. Each test shows one statement of a rule on scripted replicas. The
/// runs that the rules prevent are in the simulation (`Tests/Simulator/CP`). Catch-up (C11) is in ``RepairTests``.
@Suite(.timeLimit(.minutes(20))) struct RulesTests {
    let scheduler = VirtualScheduler()
    let group: ScriptedGroup
    let proposer: TestProposer
    private let register = Register(key: Bytes("k".utf8))

    init() {
        group = ScriptedGroup(scheduler)
        proposer = TestProposer(group, scheduler)
    }

    private func write(_ value: String, if precondition: Precondition? = nil, ttlMs: Int64? = nil)
        -> Consistent.Operation
    {
        .write(Bytes(value.utf8), ttlMs: ttlMs, precondition: precondition)
    }

    private func submit(_ operation: Consistent.Operation) throws -> PendingOperation.Answer {
        try scheduler.run { [self] in
            await proposer.submit(operation, on: register, deadlineNs: scheduler.nowNs + 1_000 * nsPerMs)
        }
    }

    private func result(of operation: Consistent.Operation) throws -> OperationResult {
        try submit(operation).get().result
    }

    private func state(_ value: String, version: UInt64) -> RegisterState {
        var state = RegisterState.absent(gcVersion: version)
        (state.value, state.isDeleted) = (Bytes(value.utf8), false)
        return state
    }

    /// The proposer part of a ballot has 64 random bits, drawn at each start. Ballots are compared part by part, as
    /// numbers.
    @Test func c1Ballot() {
        let (before, after) = (BallotGenerator(scheduler: scheduler), BallotGenerator(scheduler: scheduler))
        #expect(before.proposer != after.proposer)
        let first = before.next()
        #expect(first < before.next())
        before.observe(Ballot(counter: 9, proposer: .max))
        #expect(before.next() == Ballot(counter: 10, proposer: before.proposer))
        #expect(Ballot(counter: 9, proposer: .max) < Ballot(counter: 10, proposer: 0))
    }

    /// The proposer's next change of a key needs no prepare.
    @Test func c2AcceptPromisesTheNextBallot() throws {
        _ = try submit(write("a"))
        let record = try #require(group.acceptors[0].records[register.redisKey])
        #expect(record.promise == record.ballot?.next)
        let prepares = proposer.counts.prepares
        _ = try submit(write("b"))
        #expect(proposer.counts.prepares == prepares)
    }

    /// A read is answered as soon as voters that are a majority of all replicas show one and the same accepted ballot,
    /// or no record.
    @Test func c3ReadInOneRoundTrip() throws {
        let configuration = try #require(try submitAndFindConfiguration())
        let acceptors = AcceptorGroup(group, scheduler: scheduler, name: "cp")
        func read() throws -> RegisterState? {
            try scheduler.run { [scheduler, register] in
                let fastRead = FastRead(acceptors, under: configuration, hedgeMs: 5)
                return try await fastRead.run(register, deadlineNs: scheduler.nowNs + 100 * nsPerMs)
            }
        }
        let ballot = Ballot(counter: 50, proposer: 1)
        for replica in 0..<3 { group.put(state("a", version: 1), at: ballot, register, on: replica) }
        #expect(try read()?.value == Bytes("a".utf8))
        // Three different ballots: only a full round can tell what is chosen.
        for replica in 1..<3 {
            group.put(
                state("b", version: 2), at: Ballot(counter: 50 + UInt64(replica), proposer: 1), register, on: replica)
        }
        #expect(try read() == nil)
    }

    private func submitAndFindConfiguration() throws -> GroupConfiguration? {
        _ = try submit(.read)
        return proposer.configurations.current
    }

    /// `version` rises with every change of a key. Each change in a batch gets its own version.
    @Test func c4Change() {
        let writer = RegisterState.Writer(proposer: 1, number: 1, attempt: 1)
        let operations = [write("a"), .delete(precondition: nil), write("b")]
        let outcome = RegisterState.absent(gcVersion: 0).applying(operations, as: writer, nowMs: 0)
        #expect(outcome.results == [.applied(version: 1), .applied(version: 2), .applied(version: 3)])
    }

    /// Nothing is answered from a state that is not chosen, including 404 and 412.
    @Test func c5NothingIsAnsweredFromAStateThatIsNotChosen() throws {
        group.put(state("minority", version: 1), at: Ballot(counter: 5, proposer: 1), register, on: 0)
        group.available = [0, 1]
        #expect(try result(of: write("a", if: .absent)) == .preconditionFailed(version: 1, exists: true))
        // The write of the minority was chosen before the answer.
        #expect(group.acceptors[1].records[register.redisKey]?.fields[1] == .bulk(Bytes("minority".utf8)))
    }

    /// If the state has an attempt of the change, a retry gets this state accepted unchanged, and answers that
    /// attempt's results.
    @Test func c6RetryWithoutApplyingTwice() throws {
        var accepts = 0
        group.fate = { what, replica in
            guard what == "accept" else { return .answered }
            accepts += 1
            return accepts > 3 ? .answered : replica == 0 ? .lostAfterItRan : .lostBeforeItRan
        }
        #expect(try result(of: write("a")) == .applied(version: 1))
        #expect(try result(of: write("b")) == .applied(version: 2))
    }

    /// `not_applied` is reported only if it is certain. A timeout is not a rejection.
    @Test func c7Outcome() throws {
        func outcome(_ fate: Fate) throws -> Outcome? {
            group.fate = { what, _ in what == "accept" ? fate : .answered }
            guard case .failure(let failure) = try submit(write("a")) else { return .applied }
            return failure.outcome
        }
        #expect(try outcome(.notSent) == .notApplied)
        #expect(try outcome(.refused(.array([.bulk(Bytes("STALE".utf8))]))) == .notApplied)
        #expect(try outcome(.silent) == .unknown)
    }

    /// A replica with another incarnation or in state `rebuilding` answers `NOTMEMBER`, and does nothing.
    @Test func c8Membership() throws {
        _ = try submit(write("a"))
        group.acceptors[0].incarnation = Bytes("another".utf8)
        group.acceptors[1].state = "rebuilding"
        guard case .failure(let failure) = try submit(write("b")) else {
            Issue.record("a replica that may not vote made up a quorum")
            return
        }
        #expect(failure.outcome != .applied)
        #expect(group.acceptors[0].records[register.redisKey]?.fields[1] == .bulk(Bytes("a".utf8)))
    }

    /// Acknowledged means on disk at a majority: every replica needs `appendfsync always`.
    @Test func c9Durability() {
        let info = """
            redis_version:7.0.15\r\nrole:master\r\nloading:0\r\naof_enabled:1\r\naof_last_write_status:ok\r
            maxmemory_policy:noeviction\r\nrun_id:0123\r
            """
        func faults(appendfsync: String = "always", version: String = "7.0.15") -> [String]? {
            let settings = ["appendfsync", appendfsync, "no-appendfsync-on-rewrite", "no"]
            return Durability(
                info: .bulk(Bytes(info.replacing("7.0.15", with: version).utf8)),
                configuration: .array(settings.map { .bulk(Bytes($0.utf8)) }))?.faults
        }
        #expect(faults() == [])
        #expect(faults(appendfsync: "everysec") == ["appendfsync is everysec, not always"])
        for version in ["6.2.0", "6.10.1", "8.0.2"] { #expect(faults(version: version) == []) }
        #expect(faults(version: "6.0.16") == ["Redis 6.0.16 is older than 6.2"])
        #expect(faults(version: "x") == ["Redis x is older than 6.2"])
    }

    /// A replica that rejects writes is read last, because it misses every change.
    @Test func c9AReplicaThatRejectsWritesIsReadLast() throws {
        let configuration = try #require(try submitAndFindConfiguration())
        let acceptors = AcceptorGroup(group, scheduler: scheduler, name: "cp")
        let fastRead = FastRead(acceptors, under: configuration, hedgeMs: 5)
        let deadlineNs = scheduler.nowNs + 100 * nsPerMs
        func asked() throws -> [String] {
            let before = group.log.count
            _ = try scheduler.run { [register] in try await fastRead.run(register, deadlineNs: deadlineNs) }
            return Array(group.log[before...])
        }
        #expect(try asked() == ["hmget@g1", "hmget@g2"])
        acceptors.writes.note(.error("NOREPLICAS Not enough good replicas to write."), of: 0)
        #expect(try asked() == ["hmget@g2", "hmget@g3"])
        acceptors.writes.note(.integer(1), of: 0)
        #expect(try asked() == ["hmget@g1", "hmget@g2"])
    }

    /// The write that each member gets every second shows whether it accepts writes. A replica that is not a member
    /// replies null, which shows nothing.
    @Test func c9AReplyOfANonMemberDoesNotShowThatWritesAreAccepted() {
        let writes = AcceptorGroup(group, scheduler: scheduler, name: "cp").writes
        writes.note(.null, of: 0)
        #expect(writes.accepting.isEmpty)
        writes.note(.error("NOREPLICAS Not enough good replicas to write."), of: 0)
        writes.note(.null, of: 0)
        #expect(writes.rejecting == [0])
        #expect(writes.errors[0] != nil)
    }

    /// A prepare uses the higher GC watermark of the majority, so that the versions of a key continue. An expiry is a
    /// change: its tombstone is committed before anything is answered from it.
    @Test func c10DeleteExpiryAndTombstoneGC() throws {
        group.acceptors[0].gcVersion = 7
        group.acceptors[1].gcVersion = 9
        group.available = [0, 1]
        #expect(try result(of: write("a", ttlMs: 0)) == .applied(version: 10))
        guard case .state(let state) = try result(of: .read) else {
            Issue.record("expected a state")
            return
        }
        #expect(state.isDeleted)
        #expect(state.version == 11)
        #expect(group.acceptors[1].records[register.redisKey]?.fields[0] == .bulk(Bytes("11".utf8)))
    }
}

import EventLoop
import Replication
import TestSupport

@testable import Consistent

/// The fate of one command at one replica.
enum Fate {
    /// The command runs, and its reply comes after a millisecond.
    case answered
    /// The command does not run. This is the reply.
    case refused(Reply)
    /// The connection is lost before the command runs.
    case lostBeforeItRan
    /// The command runs, and the connection is lost before the reply.
    case lostAfterItRan
    /// The command runs, and the reply never comes.
    case silent
    /// The connection does not accept the command.
    case notSent
    /// The command does not run until ``ScriptedGroup/release()``.
    case held
}

/// Three replicas that behave as the test scripts them.
final class ScriptedGroup: ReplicaGroup {
    let replicaNames = ["g1", "g2", "g3"]
    var identityCheck: Command?
    var delegate: (any ReplicaGroupDelegate)?
    var available: ReplicaSet = .all(3)
    var nearestFirst: [Int] { Array(available) }
    let acceptors = (1...3).map { ScriptedAcceptor(name: "g\($0)", incarnation: "incarnation-\($0)") }

    /// Decides the fate of each command at each replica, in the order of sending.
    var fate: (_ what: String, _ replica: Int) -> Fate = { _, _ in .answered }
    /// Every command that was sent, as `accept@g1`.
    private(set) var log: [String] = []
    private var heldBack: [() -> Void] = []
    private let scheduler: VirtualScheduler

    init(_ scheduler: VirtualScheduler) {
        self.scheduler = scheduler
        let entries = (1...3).map {
            GroupConfiguration.Entry(
                name: "g\($0)", incarnation: Bytes("incarnation-\($0)".utf8), isVoter: true)
        }
        install(GroupConfiguration(epoch: 1, entries: entries), on: [0, 1, 2], Ballot(counter: 1, proposer: 1))
    }

    func install(_ configuration: GroupConfiguration, on replicas: ReplicaSet, _ ballot: Ballot) {
        var state = RegisterState.absent(gcVersion: 0)
        state.value = configuration.text
        state.version = configuration.epoch
        state.isDeleted = false
        for replica in replicas { put(state, at: ballot, .configuration, on: replica) }
    }

    func put(_ state: RegisterState, at ballot: Ballot, _ register: Register, on replica: Int) {
        acceptors[replica].records[register.redisKey] = .init(
            promise: ballot, ballot: ballot,
            fields: [
                .bulk(Bytes(decimal: state.version)), .bulk(state.value),
                .bulk(Bytes((state.isDeleted ? "1" : "0").utf8)),
                .bulk(state.expiresMs.map { Bytes(String($0).utf8) } ?? []), .bulk(state.writersText),
                .bulk(Bytes(decimal: state.evictedAt)),
            ])
    }

    func latencyNs(_ replica: Int) -> UInt64 { nsPerMs }

    func send(
        _ command: Command, to targets: ReplicaSet, duringAdmission: Bool, sink: any ReplySink
    ) -> SendResult {
        var result = SendResult()
        for replica in targets.intersection(available) {
            let what = Self.name(of: command)
            let fate = fate(what, replica)
            if case .notSent = fate { continue }
            result.sent.insert(replica)
            log.append("\(what)@\(replicaNames[replica])")
            let acceptor = acceptors[replica]
            switch fate {
            case .answered: deliver(replica, sink) { acceptor.run(command, replica: replica) }
            case .refused(let reply): deliver(replica, sink) { reply }
            case .lostBeforeItRan: deliver(replica, sink) { nil }
            case .lostAfterItRan:
                deliver(replica, sink) {
                    _ = acceptor.run(command, replica: replica)
                    return nil
                }
            case .silent: _ = acceptor.run(command, replica: replica)
            case .notSent: break
            case .held:
                heldBack.append { sink.receive(acceptor.run(command, replica: replica), from: replica) }
            }
        }
        return result
    }

    /// Runs and answers the held commands.
    func release() {
        let ready = heldBack
        heldBack.removeAll()
        for deliver in ready { deliver() }
    }

    private func deliver(_ replica: Int, _ sink: any ReplySink, _ reply: @escaping () -> Reply?) {
        scheduler.schedule(Delivery { sink.receive(reply(), from: replica) }, atNs: scheduler.nowNs + nsPerMs)
    }

    private static func name(of command: Command) -> String {
        switch command.verb {
        case .step(let script, _, _), .script(let script, _):
            ["accept_tombstone": "accept", "prepare_delete": "prepare"][script.name] ?? script.name
        case .plain(let arguments):
            arguments.count > 1 && arguments[1] == Register.configuration.redisKey
                ? "configuration" : String(decoding: arguments[0], as: UTF8.self).lowercased()
        }
    }
}

private final class Delivery: Expirable {
    private let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
    var isSettled: Bool { false }
    func expire() { body() }
}

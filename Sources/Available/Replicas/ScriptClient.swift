import EventLoop
import Replication

/// Learns from replies that a replica is not what it was taken for.
protocol ReplicaIdentity: AnyObject {
    /// - Parameter refusal: of a script that did nothing because the replica's clock or incarnation is another one.
    func learn(from refusal: ScriptReply, of replica: Int)

    /// Asks the replica again who it is, because something on its connection has another incarnation.
    func readmit(_ replica: Int)

    /// Some replica is being asked: a little later it can be used.
    var isReadmitting: Bool { get }
}

/// Runs scripts and reads on one incarnation of a replica, each with a deadline, and learns from refusals.
final class ScriptClient {
    private let environment: Environment
    private let replicas: ReplicaTable
    private let identity: any ReplicaIdentity

    init(_ environment: Environment, replicas: ReplicaTable, identity: any ReplicaIdentity) {
        self.environment = environment
        self.replicas = replicas
        self.identity = identity
    }

    /// - Returns: the elements of the reply; nil if the replica did not answer `OK`.
    func run(
        _ script: Script, keys: [Bytes] = [], _ arguments: [Bytes], at replica: Int, incarnation: Bytes
    ) async -> [Reply]? {
        let command = Command(.script(script, keys: keys), arguments: arguments + [incarnation])
        return await run(command, at: replica)
    }

    /// - Parameter command: ends with the expected incarnation.
    func run(_ command: Command, at replica: Int) async -> [Reply]? {
        elements(of: await environment.client.ask(command, of: replica), from: replica)
    }

    /// - Returns: by replica, the elements of its reply; nil if it did not answer `OK`.
    func run(_ command: Command, at targets: ReplicaSet) async -> [[Reply]?] {
        let replies = await environment.client.ask(command, of: targets)
        return replicas.names.indices.map { elements(of: replies[$0], from: $0) }
    }

    /// - Returns: the reply to a plain read; nil if it failed or another incarnation answered.
    func read(_ arguments: [Bytes], at replica: Int, incarnation: Bytes) async -> Reply? {
        let command = Command(.plain(arguments), checksIdentity: true)
        guard let pair = await environment.client.ask(command, of: replica) else { return nil }
        guard pair[1]?.bytes == incarnation else {
            if pair.array != nil { identity.readmit(replica) }
            return nil
        }
        if case .error? = pair[0] { return nil }
        return pair[0]
    }

    /// The elements of an `OK`; learns from a refusal.
    private func elements(of reply: Reply?, from replica: Int) -> [Reply]? {
        guard let reply else { return nil }
        let script = ScriptReply(reply)
        if let elements = script.ok { return elements }
        if case .error(let text) = script { replicas.noteError(text, of: replica) }
        identity.learn(from: script, of: replica)
        return nil
    }

    // MARK: Merges

    /// The outcome of one `merge`.
    enum MergeResult {
        case merged
        /// All but the records at these positions, under whose keys the replica stores something else.
        case mergedExcept(Set<Int>)
        case failed
    }

    /// - Parameter keys: of the records that the merge carried.
    func mergeResult(_ reply: Reply?, from replica: Int, keys: @autoclosure () -> [Bytes]) -> MergeResult {
        guard let reply else { return .failed }
        let script = ScriptReply(reply)
        guard let elements = script.ok else {
            identity.learn(from: script, of: replica)
            return .failed
        }
        guard elements.count > 2 else { return .merged }
        let refused = Set(elements[2...].compactMap { $0.count.map { Int($0) - 1 } })
        let keys = keys()
        for position in refused where keys.indices.contains(position) {
            environment.events?.invalidRecordFound(replica: replica, redisKey: keys[position])
        }
        return .mergedExcept(refused)
    }
}

import EventLoop
import Replication

/// Runs scripts and reads on one incarnation of a replica, each with a deadline, and learns from refusals.
struct ScriptClient {
    let environment: Environment
    let admission: Admission

    private var replicas: ReplicaTable { environment.replicas }

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

    /// - Returns: by replica, the elements of its reply; nil if it did not answer `OK`. And the replicas that replied.
    func run(_ command: Command, at targets: ReplicaSet) async -> (elements: [[Reply]?], answered: ReplicaSet) {
        let replies = await environment.client.ask(command, of: targets)
        return (replicas.names.indices.map { elements(of: replies[$0], from: $0) }, replies.answered)
    }

    /// - Returns: the reply to a plain read; nil if it failed or another incarnation answered.
    func read(_ arguments: [Bytes], at replica: Int, incarnation: Bytes) async -> Reply? {
        let command = Command(.plain(arguments), checksIdentity: true)
        guard let pair = await environment.client.ask(command, of: replica) else { return nil }
        guard pair[1]?.bytes == incarnation else {
            if pair.array != nil { admission.readmit(replica) }
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
        if case .error(let error) = script, !script.isNoScript { replicas.noteError(error.text, of: replica) }
        admission.learn(from: script, of: replica)
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
            admission.learn(from: script, of: replica)
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

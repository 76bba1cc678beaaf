import EventLoop
import Replication

/// Runs scripts and reads on one incarnation of a replica, each with a deadline. If a replica refuses a script, updates
/// its known clock, or admits it again.
struct ScriptClient {
    let environment: Environment
    let admission: ReplicaAdmission

    private var replicas: ReplicaTable { environment.replicas }

    /// - Returns: the elements of the reply; nil if the replica did not answer with `OK`.
    func run(
        _ script: Script, keys: [Bytes] = [], _ arguments: [Bytes], at replica: Int, incarnation: Bytes
    ) async -> [Reply]? {
        let command = Command(.script(script, keys: keys), arguments: arguments + [incarnation])
        return await run(command, at: replica)
    }

    /// - Parameter command: its last argument must be the expected incarnation.
    func run(_ command: Command, at replica: Int) async -> [Reply]? {
        elements(of: await environment.client.ask(command, of: replica), from: replica)
    }

    /// - Returns: by replica, the elements of its reply, or nil if it did not answer with `OK`. Also the replicas that
    ///   replied.
    func run(_ command: Command, at targets: ReplicaSet) async -> (elements: [[Reply]?], answered: ReplicaSet) {
        let replies = await environment.client.ask(command, of: targets)
        return (replicas.names.indices.map { elements(of: replies[$0], from: $0) }, replies.answered)
    }

    /// - Returns: the reply to a plain read; nil if the read failed or another incarnation answered.
    func read(_ arguments: [Bytes], at replica: Int, incarnation: Bytes) async -> Reply? {
        let command = Command(.plain(arguments), checksIdentity: true)
        guard let reply = await environment.client.ask(command, of: replica) else { return nil }
        switch IdentifiedReply(reply, from: incarnation) {
        case .expected(let content): return content.error == nil ? content : nil
        case .error: return nil
        case .other:
            admission.readmit(replica)
            return nil
        }
    }

    /// The elements of an `OK` reply. A refusal updates the known clock, or admits the replica again.
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
    enum MergeResult: Equatable {
        case merged
        /// All records were merged, except for those at these positions.
        ///
        /// - foreign: the replica stores something other than a record under these keys.
        /// - leftOut: the replica has no memory for these records.
        case mergedExcept(foreign: Set<Int>, leftOut: Set<Int>)
        case failed
    }

    /// - Parameter keys: the keys of the records that the merge carried.
    func mergeResult(_ reply: Reply?, from replica: Int, keys: @autoclosure () -> [Bytes]) -> MergeResult {
        guard let reply else { return .failed }
        let script = ScriptReply(reply)
        let foreign: Set<Int>
        var leftOut: Set<Int> = []
        switch script {
        case .answer(let status, let elements) where status.elementsEqual("OK".utf8):
            guard elements.count > 2 else { return .merged }
            foreign = Self.positions(elements[2...])
        case .answer(let status, let elements) where status.elementsEqual("FULL".utf8):
            // Without the positions it is unknown which records were stored.
            guard elements.count > 3, let full = elements[2].array, let others = elements[3].array else {
                return .failed
            }
            leftOut = Self.positions(full[...])
            foreign = Self.positions(others[...])
        default:
            admission.learn(from: script, of: replica)
            return .failed
        }
        let keys = keys()
        for position in foreign where keys.indices.contains(position) {
            environment.events?.foreignKeyFound(replica: replica, redisKey: keys[position])
        }
        return .mergedExcept(foreign: foreign, leftOut: leftOut)
    }

    /// Converts positions that count from 1, as in Lua.
    private static func positions(_ elements: ArraySlice<Reply>) -> Set<Int> {
        Set(elements.compactMap { $0.count.map { Int($0) - 1 } })
    }
}

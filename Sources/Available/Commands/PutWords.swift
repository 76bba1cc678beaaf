import Replication

/// The words of `put` that are the same for all changes at one coordinator in one life of it.
struct PutWords {
    /// `<replica>.<incarnation>`, which names the dots of its changes.
    let actor: Bytes
    let shared: [Bytes]
    private let incarnation: Bytes
    private let steps: Bytes
    private let outboxLimit: Bytes

    /// - Parameter siblingLimits: how many, and how many bytes of them, a change with a context may leave.
    init(state: ReplicaState, clock: ReplicaClock, siblingLimits: [Bytes], outboxLimit: Bytes) {
        incarnation = clock.incarnation
        steps = clock.steps
        self.outboxLimit = outboxLimit
        actor = state.nameBytes + [UInt8(ascii: ".")] + clock.incarnation
        shared = [clock.incarnation, clock.steps, actor] + siblingLimits + [outboxLimit] + state.peerWords
    }

    func isFor(_ clock: ReplicaClock, outboxLimit: Bytes) -> Bool {
        incarnation == clock.incarnation && steps == clock.steps && self.outboxLimit == outboxLimit
    }

    /// One change of `recordKey`, one atomic step of its own.
    /// - Parameters:
    ///   - isAgain: an earlier attempt may have left it at some replica.
    ///   - notAfter: by the coordinator's clock.
    func command(
        recordKey: Bytes, packed: Bytes, ttl: Bytes, context: Bytes?, isAgain: Bool, notAfter: Bytes
    ) -> Command {
        Command(
            .step(AvailableScripts.put, key: recordKey, shared: shared),
            arguments: [packed, ttl, context ?? Words.noContext, isAgain ? Words.again : Words.first, notAfter])
    }
}

import EventLoop
import Replication

/// Linearizable reads: one round trip if a majority of all replicas reports one ballot, otherwise a full round (rule
/// C3).
final class Reader {
    private let acceptors: AcceptorGroup
    private let configurations: ConfigurationRegister
    private let queue: BatchQueue
    private let hedgeMs: UInt64
    private var fastRead: FastRead?

    /// - Parameter hedgeMs: the nearest majority is asked first. After at least this many milliseconds the other
    ///   replicas are asked too.
    init(
        _ acceptors: AcceptorGroup, configurations: ConfigurationRegister, queue: BatchQueue, hedgeMs: UInt64
    ) {
        self.acceptors = acceptors
        self.configurations = configurations
        self.queue = queue
        self.hedgeMs = hedgeMs
    }

    /// - Throws: ``StoreFailure`` without an `outcome`, because a read changes nothing.
    func read(_ request: ReadRequest) async throws(StoreFailure) -> ReadResult {
        let register = Register(key: request.key)
        guard configurations.hasQuorum else {
            acceptors.events?.quorumUnavailable()
            throw .noMajority
        }
        if let configuration = configurations.current {
            let read = fastRead(under: configuration)
            if let state = try await read.run(register, deadlineNs: request.deadlineNs),
                !state.isExpired(atMs: acceptors.scheduler.wallClockMs)
            {
                acceptors.events?.readStarted(inOneRoundTrip: true)
                return ReadResult(state)
            }
        }
        acceptors.events?.readStarted(inOneRoundTrip: false)
        switch await queue.submit(.read, on: register, deadlineNs: request.deadlineNs) {
        case .success((.state(let state), _)): return ReadResult(state)
        case .success: preconditionFailure("the result of a read is a state")
        case .failure(let failure): throw StoreFailure(failure.code, failure.detail)
        }
    }

    private func fastRead(under configuration: GroupConfiguration) -> FastRead {
        if let fastRead, fastRead.configuration == configuration { return fastRead }
        let made = FastRead(acceptors, under: configuration, hedgeMs: hedgeMs)
        fastRead = made
        return made
    }
}

extension ReadResult {
    fileprivate init(_ state: RegisterState) {
        self.init(
            value: state.isDeleted ? nil : state.value, version: state.version, expiresMs: state.expiresMs)
    }
}

import EventLoop
import Replication

/// The successive connections of one instance to one replica. The link connects, loads the scripts and lets the engine
/// admit the replica. If the connection is lost, the link reconnects.
final class SimulatedLink {
    unowned let group: SimulatedGroup
    let replica: SimulatedReplica
    let path: NetworkPath
    private(set) var connection: SimulatedConnection?

    private enum Phase {
        case idle
        case connecting
        case admitting
        case up
        case abandoned
    }
    private var phase = Phase.idle
    /// True if a command had no reply for ``callTimeoutNs``, and no later reply has arrived. Then the breaker would be
    /// open.
    /// be open.
    var isSuspect = false
    private(set) var latencyNs: UInt64 = .max
    private var isLoading = false

    static let callTimeoutNs = 250 * nsPerMs
    static let stallTimeoutNs = 500 * nsPerMs
    static let connectTimeoutNs = 1_000 * nsPerMs

    init(group: SimulatedGroup, replica: SimulatedReplica, path: NetworkPath) {
        self.group = group
        self.replica = replica
        self.path = path
    }

    var world: World { group.process.world }
    var isAvailable: Bool { phase == .up && !isSuspect }
    var isUpOrAdmitting: Bool { phase == .up || phase == .admitting }

    /// The state of the link, for reports.
    var summary: String {
        let cuts = NetworkPath.Direction.allCases.filter(path.isCut).map { " cut \($0)" }
        return "\(phase)\(isSuspect ? " suspect" : "")" + cuts.joined()
    }

    func start() {
        replica.addLink(self)
        connect()
    }

    /// Called when the server has ended. Its kernel resets its connections. If the network is cut, the resets arrive
    /// after the cut.
    func serverDidEnd(run: UInt64) {
        guard let connection, connection.run == run else { return }
        _ = path.carry(.back, notBeforeNs: 0) { connection.close() }
    }

    func abandon() {
        phase = .abandoned
        connection?.abandon()
        connection = nil
    }

    private func connect() {
        guard phase == .idle, group.process.isAlive else { return }
        guard replica.isRunning, !path.isCut(.there), !path.isCut(.back) else {
            retry()
            return
        }
        phase = .connecting
        let connection = SimulatedConnection(link: self, run: replica.run)
        self.connection = connection
        world.after(Self.connectTimeoutNs) { [weak self] in
            guard let self, self.connection === connection, phase != .up else { return }
            connection.close()
        }
        loadScripts(on: connection) { [self] in
            guard self.connection === connection, phase == .connecting else { return }
            phase = .admitting
            group.process.spawn { [self] in
                let isAdmitted = await group.delegate?.admit(replica: replica.index) ?? true
                guard self.connection === connection, phase == .admitting else { return }
                guard isAdmitted else {
                    connection.close()
                    return
                }
                phase = .up
                group.delegate?.replicaDidConnect(replica.index)
            }
        }
    }

    private func loadScripts(on connection: SimulatedConnection, then done: @escaping () -> Void) {
        isLoading = true
        for (index, script) in group.scripts.enumerated() {
            let isLast = index == group.scripts.count - 1
            connection.add(
                .load(script),
                to: .link { [self] reply in
                    guard isLast, self.connection === connection else { return }
                    isLoading = false
                    if reply != nil { done() }
                })
        }
    }

    private func retry() {
        let delayNs = world.random.ns(us: 20_000...400_000)
        world.after(delayNs) { [weak self] in self?.connect() }
    }

    // MARK: Called by the connection

    func didClose(_ closed: SimulatedConnection) {
        guard connection === closed, phase != .abandoned else { return }
        let wasUp = phase == .up
        connection = nil
        phase = .idle
        isSuspect = false
        isLoading = false
        latencyNs = .max
        if wasUp { group.delegate?.replicaDidDisconnect(replica.index) }
        retry()
    }

    func didReply(_ reply: Reply, tookNs: UInt64) {
        isSuspect = false
        latencyNs = latencyNs == .max ? tookNs : (latencyNs * 7 + tookNs) / 8
        guard case .error(let text) = reply, text.hasPrefix("NOSCRIPT"), !isLoading, let connection else { return }
        loadScripts(on: connection) {}
    }

    /// Breaks the connection at both ends.
    func reset() { connection?.close() }
}

import EventLoop
import Glibc

/// The relay of one link. A service connects to the relay's port, and the relay connects to the replica. The relay
/// applies the faults of the link.
final class Relay: DescriptorHandler {
    /// The most connections at the same time: more than a service opens. Further ones are reset.
    static let maxConnections = 256
    /// The default of ``orphanLifeMs``. A kernel with `tcp_orphan_retries` 8 retransmits for about 100 s after a
    /// process has closed its end.
    static let standardOrphanLifeMs: UInt64 = 100_000
    /// The most bytes of one read. All connections of a relay share the buffer.
    private static let scratchBytes = 64 << 10

    let reactor: Reactor
    let link: Link
    /// The port to which the service connects.
    let port: UInt16
    let replicaPort: UInt16
    /// The longest life of a connection after the service has closed its end, in milliseconds.
    let orphanLifeMs: UInt64
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 16)

    private let listener: Int32
    private var connections: [ObjectIdentifier: RelayedConnection] = [:]
    private(set) var fault = LinkFault.none
    /// How many bytes were read from the service since the start.
    private(set) var bytesFromService = 0
    /// How many bytes were read from the replica since the start.
    private(set) var bytesFromReplica = 0
    /// Reads the relayed messages while a page shows them; otherwise nil.
    weak var tap: MessageTap?

    /// Listens on a free port of 127.0.0.1. Must be called on the reactor's thread.
    init(
        _ link: Link, replicaPort: UInt16, orphanLifeMs: UInt64 = standardOrphanLifeMs, on reactor: Reactor
    ) throws(SocketError) {
        self.reactor = reactor
        self.link = link
        self.replicaPort = replicaPort
        self.orphanLifeMs = orphanLifeMs
        listener = try Sockets.listen(port: 0)
        port = Sockets.localPort(listener)
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    deinit {
        scratch.deallocate()
    }

    var connectionCount: Int { connections.count }
    var bufferedBytes: Int { connections.values.reduce(0) { $0 + $1.bufferedBytes } }

    /// Replaces the faults of the link.
    func apply(_ fault: LinkFault) {
        guard fault != self.fault else { return }
        self.fault = fault
        for connection in Array(connections.values) { connection.apply(fault) }
    }

    func close() {
        reactor.unwatch(listener)
        Glibc.close(listener)
        for connection in Array(connections.values) { connection.close(reset: false) }
    }

    func ready(events: UInt32) {
        // Accept at most one full backlog per turn of the event loop.
        for _ in 0..<128 {
            let descriptor = Sockets.accept(listener)
            guard descriptor >= 0 else {
                if errno == EMFILE || errno == ENFILE { pauseAccepting() }
                return
            }
            guard !fault.resets, connections.count < Self.maxConnections else {
                Sockets.closeWithReset(descriptor)
                continue
            }
            let connection = RelayedConnection(descriptor, relay: self)
            connections[ObjectIdentifier(connection)] = connection
            connection.apply(fault)
        }
    }

    /// Called when there are no free descriptors. Pauses accepting for 100 ms, because the listener stays readable and
    /// would be polled in a busy loop.
    private func pauseAccepting() {
        reactor.unwatch(listener)
        _ = LoopTimer(on: reactor, atNs: reactor.nowNs &+ 100 * nsPerMs) { [weak self] in
            guard let self else { return }
            reactor.watch(listener, events: EventMask.readable, handler: self)
        }
    }

    func forget(_ connection: RelayedConnection) {
        connections.removeValue(forKey: ObjectIdentifier(connection))
    }

    func count(_ bytes: Int, _ direction: Directions) {
        if direction == .toReplica {
            bytesFromService += bytes
        } else {
            bytesFromReplica += bytes
        }
    }
}

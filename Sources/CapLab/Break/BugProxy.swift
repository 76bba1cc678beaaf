import EventLoop
import Glibc

/// An HTTP proxy that adds a ``LabBug``. It listens on the port that clients use for the service, and the service
/// itself listens on another port.
final class BugProxy: DescriptorHandler {
    /// The most connections, more than the page and its load generator open. Further ones are reset.
    static let maxConnections = 512
    /// The most bytes of one read. All connections share the buffer.
    private static let scratchBytes = 64 << 10

    let bug: LabBug
    let reactor: Reactor
    let servicePort: UInt16
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 16)
    var tampering: any RequestTampering

    private let listener: Int32
    private var connections: [ObjectIdentifier: BugConnection] = [:]

    /// - Parameters:
    ///   - port: the port to which clients connect.
    ///   - servicePort: the port on which the service listens.
    init(_ bug: LabBug, port: UInt16, servicePort: UInt16, on reactor: Reactor) throws(SocketError) {
        self.bug = bug
        self.reactor = reactor
        self.servicePort = servicePort
        tampering = bug.tampering()
        listener = try Sockets.listen(port: port)
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    deinit { scratch.deallocate() }

    /// The port to which clients connect.
    var port: UInt16 { Sockets.localPort(listener) }
    var connectionCount: Int { connections.count }

    func close() {
        reactor.unwatch(listener)
        Glibc.close(listener)
        for connection in Array(connections.values) { connection.close(reset: false) }
    }

    func ready(events: UInt32) {
        let descriptor = Sockets.accept(listener)
        guard descriptor >= 0 else { return }
        guard connections.count < Self.maxConnections, let service = try? Sockets.connect(port: servicePort) else {
            return Sockets.closeWithReset(descriptor)
        }
        let connection = BugConnection(client: descriptor, service: service, proxy: self)
        connections[ObjectIdentifier(connection)] = connection
        connection.begin()
    }

    func forget(_ connection: BugConnection) { connections.removeValue(forKey: ObjectIdentifier(connection)) }
}

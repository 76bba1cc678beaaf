import EventLoop
import Glibc

/// An HTTP proxy with a ``LabBug``. It listens on the port of a service, which listens elsewhere.
final class BugProxy: DescriptorHandler {
    /// More than the page and its load open. Further connections are reset.
    static let maxConnections = 512
    /// The most bytes of one read. The connections share the buffer.
    private static let scratchBytes = 64 << 10

    let bug: LabBug
    let reactor: Reactor
    let servicePort: UInt16
    let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: scratchBytes, alignment: 16)
    var tampering: any RequestTampering

    private let listener: Int32
    private var connections: [ObjectIdentifier: BugConnection] = [:]

    /// - Parameters:
    ///   - port: where clients connect.
    ///   - servicePort: where the service listens.
    init(_ bug: LabBug, port: UInt16, servicePort: UInt16, on reactor: Reactor) throws(SocketError) {
        self.bug = bug
        self.reactor = reactor
        self.servicePort = servicePort
        tampering = bug.tampering()
        listener = try Sockets.listen(port: port)
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    deinit { scratch.deallocate() }

    /// Where clients connect.
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

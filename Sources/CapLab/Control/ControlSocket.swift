import EventLoop
import FoundationEssentials
import Glibc

/// The lab's Unix socket. A client opens a connection for each request. The request is one packet, and so is the reply
/// (SOCK_SEQPACKET).
enum ControlSocket {
    /// The size of the buffer for a message. It is larger than any message.
    private static let maxBytes = 64 << 10
    /// The longest wait for a reply: longer than the slowest command takes. `wipe` waits at most 5 s until a process
    /// has ended, and 20 s until it is ready.
    private static let timeoutSec = 60

    /// Sends a request to the lab that uses this run directory, and waits for the reply.
    static func ask(_ request: ControlRequest, in directory: RunDirectory) throws(LabError) -> ControlReply {
        let descriptor = make()
        guard descriptor >= 0 else { throw LabError(systemCall: "socket") }
        defer { close(descriptor) }
        var timeout = timeval(tv_sec: timeoutSec, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let path = directory.socketPath
        guard path.utf8.count <= RunDirectory.maxSocketPathBytes,
            withAddress(path, { connect(descriptor, $0, $1) == 0 })
        else { throw LabError("no lab is running (looked for \(path)); start one with: caplab up") }
        guard send(request, to: descriptor), let reply = receive(ControlReply.self, from: descriptor) else {
            throw LabError("the lab did not answer")
        }
        return reply
    }

    static func make() -> Int32 { socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0) }

    static func send(_ message: some Encodable, to descriptor: Int32) -> Bool {
        guard let bytes = try? JSONEncoder().encode(message) else { return false }
        return bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) } > 0
    }

    static func receive<Message: Decodable>(_ type: Message.Type, from descriptor: Int32) -> Message? {
        var buffer = [UInt8](repeating: 0, count: maxBytes)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return try? JSONDecoder().decode(type, from: Data(buffer.prefix(max(0, count))))
    }

    static func withAddress<Result>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) {
            $0.copyBytes(from: path.utf8.prefix(RunDirectory.maxSocketPathBytes))
        }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}

/// The lab's end of the socket: answers the requests of `caplab` commands.
final class ControlServer: DescriptorHandler {
    private let reactor: Reactor
    private let listener: Int32
    private let handle: (ControlRequest) async -> ControlReply

    init(
        path: String, on reactor: Reactor, handle: @escaping (ControlRequest) async -> ControlReply
    ) throws(LabError) {
        self.reactor = reactor
        self.handle = handle
        // This lab has the lock, so an existing socket was left by a lab that was killed.
        unlink(path)
        listener = ControlSocket.make()
        guard listener >= 0, ControlSocket.withAddress(path, { bind(listener, $0, $1) == 0 }),
            listen(listener, 16) == 0
        else { throw LabError(systemCall: "listen on \(path)") }
        Sockets.prepare(listener)
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    func close() {
        reactor.unwatch(listener)
        Glibc.close(listener)
    }

    func ready(events: UInt32) {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { return }
        Sockets.prepare(descriptor)
        let connection = ControlConnection(descriptor, on: reactor, handle: handle)
        reactor.watch(descriptor, events: EventMask.readable, handler: connection)
    }
}

/// One connection to the control socket: one request and its reply.
private final class ControlConnection: DescriptorHandler {
    private let descriptor: Int32
    private let reactor: Reactor
    private let handle: (ControlRequest) async -> ControlReply

    init(_ descriptor: Int32, on reactor: Reactor, handle: @escaping (ControlRequest) async -> ControlReply) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.handle = handle
    }

    func ready(events: UInt32) {
        reactor.unwatch(descriptor)
        reactor.spawn { [self] in
            var reply = ControlReply(
                exitCode: 2, message: "not a valid request; is this caplab of the same version as the lab?")
            if let request = ControlSocket.receive(ControlRequest.self, from: descriptor) {
                reply = await handle(request)
            }
            _ = ControlSocket.send(reply, to: descriptor)
            close(descriptor)
        }
    }
}

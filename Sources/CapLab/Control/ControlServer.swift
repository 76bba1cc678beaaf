import EventLoop
import FoundationEssentials
import Glibc

/// Answers requests on the lab's Unix socket: one per connection, a limited number of connections, each with a timeout.
final class ControlServer: DescriptorHandler {
    private static let maxClients = 16
    /// Limits the request only: a command such as `start` waits for a process.
    private static let requestTimeoutMs: UInt64 = 5_000

    private let reactor: Reactor
    private let listener: Int32
    private let handle: (ControlRequest) async -> ControlReply
    private var clients: [ObjectIdentifier: ControlConnection] = [:]

    init(
        path: String, on reactor: Reactor, handle: @escaping (ControlRequest) async -> ControlReply
    ) throws(LabError) {
        self.reactor = reactor
        self.handle = handle
        // This lab has the lock, so an existing socket belongs to a lab that was killed.
        unlink(path)
        listener = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let isBound = ControlClient.withAddress(path) { bind(listener, $0, $1) == 0 }
        guard listener >= 0, isBound, listen(listener, 16) == 0 else {
            throw LabError("cannot listen on \(path): \(String(cString: strerror(errno)))")
        }
        reactor.watch(listener, events: EventMask.readable, handler: self)
    }

    func close() {
        reactor.unwatch(listener)
        Glibc.close(listener)
        for client in Array(clients.values) { client.close() }
    }

    func ready(events: UInt32) {
        let descriptor = accept(listener, nil, nil)
        guard descriptor >= 0 else { return }
        Sockets.prepare(descriptor)
        guard clients.count < Self.maxClients else {
            Glibc.close(descriptor)
            return
        }
        let client = ControlConnection(
            descriptor, on: reactor, requestTimeoutMs: Self.requestTimeoutMs, handle: handle
        ) { [weak self] client in
            self?.clients.removeValue(forKey: ObjectIdentifier(client))
        }
        clients[ObjectIdentifier(client)] = client
        client.begin()
    }
}

/// One request and its reply.
private final class ControlConnection: DescriptorHandler {
    private let descriptor: Int32
    private let reactor: Reactor
    private let handle: (ControlRequest) async -> ControlReply
    private let onClose: (ControlConnection) -> Void
    private let requestTimeoutMs: UInt64
    private var timer: LoopTimer?
    private var input: [UInt8] = []
    private var output: ArraySlice<UInt8> = []
    private var hasRequest = false
    private var isClosed = false

    init(
        _ descriptor: Int32, on reactor: Reactor, requestTimeoutMs: UInt64,
        handle: @escaping (ControlRequest) async -> ControlReply, onClose: @escaping (ControlConnection) -> Void
    ) {
        self.descriptor = descriptor
        self.reactor = reactor
        self.requestTimeoutMs = requestTimeoutMs
        self.handle = handle
        self.onClose = onClose
    }

    func begin() {
        reactor.watch(descriptor, events: EventMask.readable, handler: self)
        timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ requestTimeoutMs * nsPerMs) { [weak self] in
            self?.close()
        }
    }

    func ready(events: UInt32) {
        if events & EventMask.writable != 0 { return flush() }
        guard !hasRequest else { return close() }
        var buffer = [UInt8](repeating: 0, count: ControlRequest.maxBytes)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0 else { return close() }
        input += buffer[..<count]
        if let end = input.firstIndex(of: 10) {
            handleLine(input[..<end])
        } else if input.count >= ControlRequest.maxBytes {
            reply(with: ControlReply(exitCode: 2, message: "the request is too long"))
        }
    }

    private func handleLine(_ line: ArraySlice<UInt8>) {
        hasRequest = true
        timer?.cancel()
        // No more input is expected. A closed connection shows when the reply is sent.
        reactor.unwatch(descriptor)
        do {
            let request = try ControlRequest.parse(line)
            reactor.spawn { [self] in reply(with: await handle(request)) }
        } catch {
            reply(with: ControlReply(exitCode: error.exitCode, message: error.message))
        }
    }

    private func reply(with reply: ControlReply) {
        guard !isClosed else { return }
        hasRequest = true
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        output = Array((try? encoder.encode(reply)) ?? Data())[...] + [10]
        flush()
    }

    private func flush() {
        while !output.isEmpty {
            let count = output.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno == EAGAIN {
                reactor.watch(descriptor, events: EventMask.writable, handler: self)
                return
            }
            guard count > 0 else { break }
            output = output.dropFirst(count)
        }
        close()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        timer?.cancel()
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
        onClose(self)
    }
}

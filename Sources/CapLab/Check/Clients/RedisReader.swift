import EventLoop
import Glibc

/// Asks one redis-server directly, past services and relays.
final class RedisReader: DescriptorHandler {
    private static let maxReplyBytes = 256 << 20
    private static let keysPerCall = 200

    private let reactor: Reactor
    private let descriptor: Int32
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    private var wanted = 0
    private var continuation: UnsafeContinuation<[RedisReply]?, Never>?
    private var timer: LoopTimer?

    private init(_ descriptor: Int32, on reactor: Reactor) {
        self.descriptor = descriptor
        self.reactor = reactor
    }

    /// The records of `app-ap` on a replica: by key the fields that all replicas must agree on.
    /// - Returns: nil where it did not answer.
    static func records(port: UInt16, password: String, on reactor: Reactor) async -> [String: [String: String]]? {
        guard let descriptor = try? Sockets.connect(port: port) else { return nil }
        let reader = RedisReader(descriptor, on: reactor)
        defer { reader.close() }
        guard let replies = await reader.ask([["AUTH", password], ["KEYS", "ap:*"]]) else { return nil }
        var records: [String: [String: String]] = [:]
        var keys = replies[1].strings[...]
        while !keys.isEmpty {
            let part = keys.prefix(keysPerCall)
            keys = keys.dropFirst(part.count)
            guard let answers = await reader.ask(part.map { ["HGETALL", $0] }) else { return nil }
            for (key, answer) in zip(part, answers) { records[key] = fields(answer.strings) }
        }
        return records
    }

    /// `at` is the replica's own clock at its last change of the record, and differs.
    private static func fields(_ words: [String]) -> [String: String] {
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: words.count - 1, by: 2) where words[index] != "at" {
            fields[words[index]] = words[index + 1]
        }
        return fields
    }

    private func ask(_ commands: [[String]], timeoutMs: UInt64 = 10_000) async -> [RedisReply]? {
        unsent = commands.flatMap { RedisReply.command($0) }[...]
        received = []
        wanted = commands.count
        return await withUnsafeContinuation { continuation in
            self.continuation = continuation
            timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ timeoutMs * nsPerMs) { [weak self] in
                self?.settle(nil)
            }
            reactor.watch(descriptor, events: EventMask.readable | EventMask.writable, handler: self)
        }
    }

    private func close() {
        reactor.unwatch(descriptor)
        Glibc.close(descriptor)
    }

    func ready(events: UInt32) {
        if events & EventMask.writable != 0 {
            let count = unsent.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0, errno != EAGAIN { return settle(nil) }
            unsent = unsent.dropFirst(max(0, count))
            if unsent.isEmpty { reactor.watch(descriptor, events: EventMask.readable, handler: self) }
        }
        guard events & ~EventMask.writable != 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0, errno == EAGAIN { return }
        guard count > 0, received.count + count <= Self.maxReplyBytes else { return settle(nil) }
        received += buffer[..<count]
        var place = 0
        var replies: [RedisReply] = []
        while replies.count < wanted {
            guard let reply = RedisReply.read(received, at: &place) else { return }
            replies.append(reply)
        }
        settle(replies)
    }

    private func settle(_ replies: [RedisReply]?) {
        timer?.cancel()
        continuation.take()?.resume(returning: replies)
    }
}

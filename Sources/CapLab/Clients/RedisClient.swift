import CHiredis
import EventLoop
import Glibc

/// A blocking connection directly to one redis-server, not through a service or relay. Only for short commands on
/// loopback, because the reactor's thread waits for the replies.
final class RedisClient {
    private static let keysPerBatch = 200

    private let context: UnsafeMutablePointer<redisContext>

    /// Connects and authenticates.
    /// - Returns: nil if one of the two fails, or takes longer than `timeoutMs`.
    init?(port: UInt16, password: String, timeoutMs: Int) {
        let timeout = timeval(tv_sec: timeoutMs / 1_000, tv_usec: timeoutMs % 1_000 * 1_000)
        guard let context = redisConnectWithTimeout("127.0.0.1", Int32(port), timeout) else { return nil }
        self.context = context
        guard context.pointee.err == 0, redisSetTimeout(context, timeout) == REDIS_OK,
            ask([["AUTH", password]])?.first == ["OK"]
        else { return nil }
    }

    deinit { redisFree(context) }

    /// Sends all commands together.
    /// - Returns: the strings of each reply, where a reply may be an array; nil if a reply is missing or is an error.
    func ask(_ commands: [[String]]) -> [[String]]? {
        for command in commands {
            let arguments = command.map { strdup($0) }
            defer { for argument in arguments { free(argument) } }
            var pointers = arguments.map { UnsafePointer($0) }
            var lengths = command.map(\.utf8.count)
            guard redisAppendCommandArgv(context, Int32(command.count), &pointers, &lengths) == REDIS_OK else {
                return nil
            }
        }
        var replies: [[String]] = []
        for _ in commands {
            var pointer: UnsafeMutableRawPointer?
            guard redisGetReply(context, &pointer) == REDIS_OK, let pointer else { return nil }
            defer { freeReplyObject(pointer) }
            let reply = pointer.assumingMemoryBound(to: redisReply.self).pointee
            guard reply.type != REDIS_REPLY_ERROR else { return nil }
            replies.append(Self.strings(reply))
        }
        return replies
    }

    private static func strings(_ reply: redisReply) -> [String] {
        if let elements = reply.element { return (0..<reply.elements).flatMap { strings(elements[$0]!.pointee) } }
        guard let text = reply.str else { return [] }
        return [String(decoding: UnsafeRawBufferPointer(start: text, count: reply.len), as: UTF8.self)]
    }

    /// Reads all records of `app-ap` on one replica: by key, the fields in which all replicas must agree.
    /// - Returns: nil if the replica did not answer.
    static func records(port: UInt16, password: String) -> [String: [String: String]]? {
        guard let client = RedisClient(port: port, password: password, timeoutMs: 10_000),
            let keys = client.ask([["KEYS", "ap:*"]])?.first
        else { return nil }
        var records: [String: [String: String]] = [:]
        for start in stride(from: 0, to: keys.count, by: keysPerBatch) {
            let batch = keys[start..<min(start + keysPerBatch, keys.count)]
            guard let replies = client.ask(batch.map { ["HGETALL", $0] }) else { return nil }
            for (key, reply) in zip(batch, replies) { records[key] = fields(reply) }
        }
        return records
    }

    /// The fields without `at`: the time on the replica's own clock when it last changed the record. It differs between
    /// replicas.
    private static func fields(_ flat: [String]) -> [String: String] {
        let pairs = stride(from: 0, to: flat.count - 1, by: 2).map { (flat[$0], flat[$0 + 1]) }
        return Dictionary(pairs) { $1 }.filter { $0.key != "at" }
    }
}

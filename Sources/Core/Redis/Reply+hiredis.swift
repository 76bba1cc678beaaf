import CHiredis
import Replication

extension Reply {
    /// Copies a hiredis reply, which lives only as long as the callback that got it. A kind that is unknown or nested too
    /// deep becomes an error reply, never a trap.
    init(_ pointer: UnsafeMutablePointer<redisReply>, depth: Int = 0) {
        let reply = pointer.pointee
        switch reply.type {
        case REDIS_REPLY_STRING: self = .bulk(Self.bytes(of: reply))
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_NIL: self = .null
        case REDIS_REPLY_STATUS: self = .status(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ERROR: self = .error(String(decoding: Self.bytes(of: reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY where depth < 8:
            var elements: [Reply] = []
            elements.reserveCapacity(reply.elements)
            for index in 0..<reply.elements {
                if let element = reply.element[index] { elements.append(Reply(element, depth: depth + 1)) }
            }
            self = .array(elements)
        default: self = .error("ERR unexpected kind of reply")
        }
    }

    private static let oneByte: [Bytes] = (0...255).map { [UInt8($0)] }

    private static func bytes(of reply: redisReply) -> Bytes {
        guard let start = reply.str, reply.len > 0 else { return [] }
        // Flags and small numbers are most of what comes back: they need no allocation.
        if reply.len == 1 { return oneByte[Int(UInt8(bitPattern: start[0]))] }
        return Bytes(UnsafeRawBufferPointer(start: start, count: Int(reply.len)))
    }
}

import CHiredis
import Replication

/// Builds ``Reply`` values while hiredis parses, in place of hiredis' own objects, which would have to be converted.
///
/// One per connection; hiredis calls it through its reader's table of functions. For every reply it returns the same
/// object of the kind "error". It is read only when a reply arrives that no command asked for, such as "max number of
/// clients reached". Then hiredis closes the connection with the text of the reply.
final class ReplyBuilder {
    private struct OpenArray {
        var elements: [Reply]
        let count: Int
    }

    private var open: [OpenArray] = []
    private var complete: Reply?
    /// About how many bytes of memory the parts of the incomplete reply need.
    private(set) var byteCount = 0
    private let object: UnsafeMutablePointer<redisReply>
    private let text: UnsafeMutablePointer<CChar>

    private static let maxTextBytes = 120
    private static let elementByteCount = 48
    /// Bounds the memory reserved for the announced length of an array before its elements arrive.
    private static let maxReserved = 1_024
    private static let oneByte: [Bytes] = (0...255).map { [UInt8($0)] }

    init() {
        text = .allocate(capacity: Self.maxTextBytes + 1)
        object = .allocate(capacity: 1)
        object.initialize(to: redisReply())
        object.pointee.type = REDIS_REPLY_ERROR
        object.pointee.str = text
        note("a reply that no command asked for".utf8)
    }

    deinit {
        object.deallocate()
        text.deallocate()
    }

    /// Makes `reader` use this builder, which must outlive it.
    func attach(to reader: UnsafeMutablePointer<redisReader>) {
        reader.pointee.fn = Self.functions
        reader.pointee.privdata = Unmanaged.passUnretained(self).toOpaque()
    }

    /// The reply that hiredis has just completed, and about how many bytes of memory it needs.
    func take() -> (reply: Reply, byteCount: Int) {
        defer { byteCount = 0 }
        return (complete.take() ?? .error("ERR no reply"), byteCount)
    }

    // MARK: Building

    private func add(_ value: Reply) -> UnsafeMutableRawPointer {
        var value = value
        byteCount += Self.elementByteCount
        while let last = open.indices.last {
            open[last].elements.append(value)
            guard open[last].elements.count == open[last].count else { return UnsafeMutableRawPointer(object) }
            value = .array(open.removeLast().elements)
        }
        complete = value
        if case .error(let message) = value { note(message.utf8) }
        return UnsafeMutableRawPointer(object)
    }

    private func begin(count: Int) -> UnsafeMutableRawPointer {
        guard count > 0 else { return add(.array([])) }
        var elements: [Reply] = []
        elements.reserveCapacity(min(count, Self.maxReserved))
        open.append(OpenArray(elements: elements, count: count))
        return UnsafeMutableRawPointer(object)
    }

    private func string(_ start: UnsafeMutablePointer<CChar>?, _ count: Int, type: Int32) -> Reply {
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        byteCount += count
        switch type {
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes, as: UTF8.self))
        default:
            // Many replies are flags and small numbers: they need no allocation.
            return .bulk(count == 1 ? Self.oneByte[Int(bytes[0])] : Bytes(bytes))
        }
    }

    private func note(_ message: some Collection<UInt8>) {
        var count = 0
        for byte in message.prefix(Self.maxTextBytes) {
            text[count] = CChar(bitPattern: byte)
            count += 1
        }
        text[count] = 0
    }

    // MARK: Called by hiredis

    // Unretained: the builder outlives the reader (see `attach`).
    private static func of(_ task: UnsafePointer<redisReadTask>?) -> ReplyBuilder {
        Unmanaged<ReplyBuilder>.fromOpaque(task!.pointee.privdata).takeUnretainedValue()
    }

    // Safe to share: it is filled once, before its first use, and never written again.
    private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        table.initialize(to: redisReplyObjectFunctions())
        table.pointee.createString = { task, start, count in
            let builder = ReplyBuilder.of(task)
            return builder.add(builder.string(start, count, type: task!.pointee.type))
        }
        table.pointee.createArray = { task, count in ReplyBuilder.of(task).begin(count: Int(count)) }
        table.pointee.createInteger = { task, value in ReplyBuilder.of(task).add(.integer(value)) }
        table.pointee.createNil = { task in ReplyBuilder.of(task).add(.null) }
        table.pointee.freeObject = { _ in }
        return table
    }()
}

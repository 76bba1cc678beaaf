import CHiredis
import Replication

/// Builds ``Reply`` values while hiredis parses. They replace hiredis' own objects, which would have to be converted.
///
/// Each connection has one builder, which hiredis calls through the function table of its reader. For every reply the
/// builder returns the same object, of the type "error". Only a reply that no command asked for makes hiredis read that
/// object, for example "max number of clients reached". Then hiredis closes the connection with the text of that reply.
final class ReplyBuilder {
    fileprivate struct OpenArray {
        var elements: [Reply]
        let count: Int
    }

    /// The state that hiredis' callbacks change for each element of a reply.
    fileprivate struct State {
        var open: [OpenArray] = []
        var complete: Reply?
        var byteCount = 0
        let object: UnsafeMutablePointer<redisReply>
        let text: UnsafeMutablePointer<CChar>
    }

    /// The callbacks get this pointer directly, because Swift would check each access to a variable of a class for
    /// exclusivity.
    private let state: UnsafeMutablePointer<State>

    fileprivate static let maxTextBytes = 120
    fileprivate static let elementByteCount = 48
    /// The most elements of an array for which memory is reserved before they arrive.
    fileprivate static let maxReserved = 1_024
    /// How deep arrays may be nested, as in hiredis 0.14; hiredis 1.x has no limit.
    fileprivate static let maxDepth = 8
    fileprivate static let oneByte: [Bytes] = (0...255).map { [UInt8($0)] }

    init() {
        let text = UnsafeMutablePointer<CChar>.allocate(capacity: Self.maxTextBytes + 1)
        let object = UnsafeMutablePointer<redisReply>.allocate(capacity: 1)
        object.initialize(to: redisReply())
        object.pointee.type = REDIS_REPLY_ERROR
        object.pointee.str = text
        state = .allocate(capacity: 1)
        state.initialize(to: State(object: object, text: text))
        state.pointee.note("a reply that no command asked for".utf8)
    }

    deinit {
        state.pointee.object.deallocate()
        state.pointee.text.deallocate()
        state.deinitialize(count: 1)
        state.deallocate()
    }

    /// Makes `reader` use this builder. The builder must outlive the reader.
    func attach(to reader: UnsafeMutablePointer<redisReader>) {
        reader.pointee.fn = Self.functions
        reader.pointee.privdata = UnsafeMutableRawPointer(state)
    }

    /// About how many bytes of memory the incomplete reply needs so far.
    var byteCount: Int { state.pointee.byteCount }

    /// The reply that hiredis has just completed, and about how many bytes of memory it needs.
    func take() -> (reply: Reply, byteCount: Int) {
        defer { state.pointee.byteCount = 0 }
        return (state.pointee.complete.take() ?? .error("ERR no reply"), state.pointee.byteCount)
    }

    // MARK: Called by hiredis

    private static func state(of task: UnsafePointer<redisReadTask>?) -> UnsafeMutablePointer<State> {
        task!.pointee.privdata.assumingMemoryBound(to: State.self)
    }

    // The table is safe to share: it is filled once, before its first use, and never written again.
    private nonisolated(unsafe) static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        table.initialize(to: redisReplyObjectFunctions())
        table.pointee.createString = { task, start, count in
            let state = ReplyBuilder.state(of: task)
            return state.pointee.add(state.pointee.string(start, count, type: task!.pointee.type))
        }
        table.pointee.createArray = { task, count in ReplyBuilder.state(of: task).pointee.begin(count: Int(count)) }
        table.pointee.createInteger = { task, value in ReplyBuilder.state(of: task).pointee.add(.integer(value)) }
        table.pointee.createNil = { task in ReplyBuilder.state(of: task).pointee.add(.null) }
        table.pointee.freeObject = { _ in }
        chiredis_reject_resp3(table)
        return table
    }()
}

fileprivate extension ReplyBuilder.State {
    /// Adds a value to the innermost open array, or completes the reply with it. The value is moved, because a copy
    /// would change its reference counts.
    mutating func add(_ value: consuming Reply) -> UnsafeMutableRawPointer {
        byteCount += ReplyBuilder.elementByteCount
        guard !open.isEmpty else {
            if case .error(let message) = value { note(message.utf8) }
            complete = value
            return UnsafeMutableRawPointer(object)
        }
        open[open.count - 1].elements.append(value)
        while let last = open.last, last.elements.count == last.count {
            open.removeLast()
            guard !open.isEmpty else {
                complete = .array(last.elements)
                break
            }
            open[open.count - 1].elements.append(.array(last.elements))
        }
        return UnsafeMutableRawPointer(object)
    }

    /// - Returns: nil if arrays are nested too deeply. hiredis takes that for a lack of memory.
    mutating func begin(count: Int) -> UnsafeMutableRawPointer? {
        guard open.count < ReplyBuilder.maxDepth else { return nil }
        guard count > 0 else { return add(.array([])) }
        var elements: [Reply] = []
        elements.reserveCapacity(min(count, ReplyBuilder.maxReserved))
        open.append(ReplyBuilder.OpenArray(elements: elements, count: count))
        return UnsafeMutableRawPointer(object)
    }

    mutating func string(_ start: UnsafeMutablePointer<CChar>?, _ count: Int, type: Int32) -> Reply {
        let bytes = UnsafeRawBufferPointer(start: start, count: count)
        byteCount += count
        switch type {
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(String(decoding: bytes, as: UTF8.self))
        default:
            // Many replies are single bytes, such as flags and digits. They share an array and need no allocation.
            return .bulk(count == 1 ? ReplyBuilder.oneByte[Int(bytes[0])] : Bytes(bytes))
        }
    }

    func note(_ message: some Collection<UInt8>) {
        var count = 0
        for byte in message.prefix(ReplyBuilder.maxTextBytes) {
            text[count] = CChar(bitPattern: byte)
            count += 1
        }
        text[count] = 0
    }
}

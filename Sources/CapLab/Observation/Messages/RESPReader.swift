/// Parses RESP2 from a stream of bytes that arrive in pieces of any size.
///
/// It keeps only the first bytes of long elements and the first elements of long arrays, so its memory is bounded. If
/// the bytes are not RESP2 or exceed a limit of the parser, it sets ``isLost`` and ignores all further input.
struct RESPReader {
    /// How much of a message is kept.
    struct Limits {
        var elements = 512
        var bytesPerElement = 160
        var bytes = 16 << 10
    }

    private static let maxDepth = 8
    private static let maxLineBytes = 64 << 10
    private static let maxElements = 4 << 20
    /// The longest bulk string that Redis accepts.
    private static let maxBulkBytes = 512 << 20

    private let limits: Limits
    private(set) var isLost = false
    private var message = RESPMessage()
    /// The first bytes of the line that is being read.
    private var line: [UInt8] = []
    /// How many bytes of that line have been read.
    private var lineBytes = 0
    /// How many bytes of a bulk string are still to come, with its line end; 0 outside of a bulk string.
    private var bulkLeft = 0
    private var bulkStart = 0
    private var bulkBytes = 0
    /// For each array that is not complete, how many of its elements are still to come.
    private var open: [Int] = []

    init(limits: Limits = Limits()) { self.limits = limits }

    /// True if no message is incomplete.
    var isBetweenMessages: Bool { message.byteCount == 0 }

    /// - Parameter onMessage: called with each message that ends in `input`, and with the position of its end in
    ///   `input`.
    mutating func read(_ input: UnsafeRawBufferPointer, onMessage: (RESPMessage, _ end: Int) -> Void) {
        var index = 0
        while index < input.count, !isLost {
            let start = index
            let isDone =
                bulkLeft > 0 ? readBulk(input, &index) : readLine(input, &index) && readHeader()
            message.byteCount += index - start
            guard isDone, !isLost, closeElement() else { continue }
            let complete = message
            message = RESPMessage()
            onMessage(complete, index)
        }
    }

    // MARK: Elements

    /// - Returns: true if the message is complete.
    private mutating func closeElement() -> Bool {
        while let left = open.last {
            guard left <= 1 else {
                open[open.count - 1] = left - 1
                return false
            }
            open.removeLast()
        }
        return true
    }

    private mutating func add(_ kind: RESPMessage.Kind, count: Int, keptFrom start: Int) {
        guard message.elements.count < limits.elements else { return }
        message.elements.append(
            RESPMessage.Element(kind: kind, depth: open.count, count: count, range: start..<message.kept.count))
    }

    /// How many more bytes of an element may be kept, if `kept` bytes are already kept.
    private func room(after kept: Int) -> Int {
        guard message.elements.count < limits.elements else { return 0 }
        return max(0, min(limits.bytesPerElement - kept, limits.bytes - message.kept.count))
    }

    // MARK: Lines

    /// - Returns: true if the line is complete.
    private mutating func readLine(_ input: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
        while index < input.count {
            let byte = input[index]
            index += 1
            lineBytes += 1
            if byte == UInt8(ascii: "\n") {
                guard line.last == UInt8(ascii: "\r") || lineBytes > line.count + 1 else { return fail() }
                return true
            }
            if line.count <= limits.bytesPerElement + 24 { line.append(byte) }
            guard lineBytes <= Self.maxLineBytes else { return fail() }
        }
        return false
    }

    /// - Returns: true if the line was a complete element.
    private mutating func readHeader() -> Bool {
        defer {
            line.removeAll(keepingCapacity: true)
            lineBytes = 0
        }
        guard let kind = line.first.flatMap(RESPMessage.Kind.init), kind != .null else { return fail() }
        let isCut = lineBytes > line.count + 1
        let text = line.dropFirst().prefix(line.count - (isCut ? 1 : 2))
        switch kind {
        case .simple, .error, .integer:
            let start = message.kept.count
            message.kept += text.prefix(room(after: 0))
            add(kind, count: isCut ? lineBytes - 3 : text.count, keptFrom: start)
            return true
        case .array: return readCount(of: text, limit: Self.maxElements).map { beginArray($0) } ?? fail()
        case .bulk: return readCount(of: text, limit: Self.maxBulkBytes).map { beginBulk($0) } ?? fail()
        case .null: return fail()
        }
    }

    /// Parses a length; -1 stands for null. Returns nil if the text is not a valid length.
    private func readCount(of text: ArraySlice<UInt8>, limit: Int) -> Int? {
        guard !text.isEmpty, text.count <= 10 else { return nil }
        if text.elementsEqual("-1".utf8) { return -1 }
        var count = 0
        for byte in text {
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else { return nil }
            count = count * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return count <= limit ? count : nil
    }

    private mutating func beginArray(_ count: Int) -> Bool {
        add(count < 0 ? .null : .array, count: max(0, count), keptFrom: message.kept.count)
        guard count > 0 else { return true }
        guard open.count < Self.maxDepth else { return fail() }
        open.append(count)
        return false
    }

    private mutating func beginBulk(_ count: Int) -> Bool {
        guard count >= 0 else {
            add(.null, count: 0, keptFrom: message.kept.count)
            return true
        }
        bulkLeft = count + 2
        bulkBytes = count
        bulkStart = message.kept.count
        return false
    }

    // MARK: Bulk strings

    private mutating func readBulk(_ input: UnsafeRawBufferPointer, _ index: inout Int) -> Bool {
        if bulkLeft > 2 {
            let count = min(bulkLeft - 2, input.count - index)
            let kept = min(count, room(after: message.kept.count - bulkStart))
            if kept > 0 { message.kept += input[index..<(index + kept)] }
            index += count
            bulkLeft -= count
        }
        while bulkLeft > 0, bulkLeft <= 2, index < input.count {
            guard input[index] == UInt8(ascii: bulkLeft == 2 ? "\r" : "\n") else { return fail() }
            index += 1
            bulkLeft -= 1
        }
        guard bulkLeft == 0 else { return false }
        add(.bulk, count: bulkBytes, keptFrom: bulkStart)
        return true
    }

    private mutating func fail() -> Bool {
        isLost = true
        return false
    }
}

/// One complete command or reply in RESP2: its elements in order of appearance, each with its first bytes.
struct RESPMessage {
    enum Kind: UInt8 {
        case array = 0x2A
        case bulk = 0x24
        case simple = 0x2B
        case error = 0x2D
        case integer = 0x3A
        /// A bulk string or array of length -1.
        case null = 0
    }

    struct Element {
        let kind: Kind
        /// 0 for the message itself, 1 for the elements of its array.
        let depth: Int
        /// Of an array its elements, of anything else its bytes.
        let count: Int
        /// The place of its first bytes in ``kept``.
        let range: Range<Int>

        /// All bytes were kept.
        var isWhole: Bool { kind == .array || range.count == count }
    }

    /// The first elements; the limits are those of ``RESPReader``.
    var elements: [Element] = []
    var kept: [UInt8] = []
    /// The length of the whole message.
    var byteCount = 0

    func bytes(_ index: Int) -> ArraySlice<UInt8> {
        elements.indices.contains(index) ? kept[elements[index].range] : []
    }

    /// The text of an element that was kept as a whole; nil for arrays, nulls, and bytes that are not UTF-8.
    func text(_ index: Int) -> String? {
        guard elements.indices.contains(index), elements[index].isWhole, elements[index].kind != .array,
            elements[index].kind != .null
        else { return nil }
        return String(validating: bytes(index), as: UTF8.self)
    }

    /// The whole number in an element.
    func number(_ index: Int) -> Int? { text(index).flatMap { Int($0) } }

    /// The index of the element at `position` in the array at `parent`; nil if it was not kept.
    func child(_ position: Int, of parent: Int) -> Int? {
        guard elements.indices.contains(parent), elements[parent].kind == .array else { return nil }
        let depth = elements[parent].depth + 1
        var position = position
        for index in elements.indices.dropFirst(parent + 1) {
            guard elements[index].depth >= depth else { return nil }
            guard elements[index].depth == depth else { continue }
            if position == 0 { return index }
            position -= 1
        }
        return nil
    }
}

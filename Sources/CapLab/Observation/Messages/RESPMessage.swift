/// A command or reply in RESP2 that was received to its end. To limit memory, only a part is kept: the first elements,
/// in order, and the first bytes of each.
struct RESPMessage {
    enum Kind: UInt8 {
        case array = 0x2A
        case bulk = 0x24
        case simple = 0x2B
        case error = 0x2D
        case integer = 0x3A
        /// A bulk string or array with length -1.
        case null = 0
    }

    struct Element {
        let kind: Kind
        /// 0 for the message itself; 1 for the elements of its array, and so on.
        let depth: Int
        /// For an array the number of its elements, otherwise the number of bytes.
        let count: Int
        /// The position of the element's first bytes in ``kept``.
        let range: Range<Int>

        /// True if all bytes of the element were kept. Always true for an array.
        var isWhole: Bool { kind == .array || range.count == count }
    }

    /// The first elements of the message. ``RESPReader/Limits`` limits their number and size.
    var elements: [Element] = []
    var kept: [UInt8] = []
    /// The length of the message in bytes, including those that were not kept.
    var byteCount = 0

    func bytes(_ index: Int) -> ArraySlice<UInt8> {
        elements.indices.contains(index) ? kept[elements[index].range] : []
    }

    /// The text of an element. Nil for an array or null, for bytes that are not UTF-8, and for an element that was not
    /// kept completely.
    func text(_ index: Int) -> String? {
        guard elements.indices.contains(index), elements[index].isWhole, elements[index].kind != .array,
            elements[index].kind != .null
        else { return nil }
        return String(validating: bytes(index), as: UTF8.self)
    }

    /// The element as an integer; nil if it is not one.
    func number(_ index: Int) -> Int? { text(index).flatMap { Int($0) } }

    /// The index of the element at `position` in the array at index `parent`; nil if the element was not kept.
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

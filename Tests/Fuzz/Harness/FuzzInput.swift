/// Draws decisions and data from the bytes of an input. Every input is valid: after the last byte, all draws are zero.
///
/// The same input always gives the same draws, and a small change of the input changes few of them, which is what lets
/// the fuzzer learn.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isEmpty: Bool { rest.isEmpty }

    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    mutating func bool() -> Bool { byte() & 1 == 1 }

    /// A number from 0 to `bound - 1`. A bound above 256 costs two bytes.
    mutating func below(_ bound: Int) -> Int {
        precondition(bound > 0)
        return (bound > 256 ? Int(byte()) << 8 | Int(byte()) : Int(byte())) % bound
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    mutating func number() -> UInt64 { (0..<8).reduce(0) { number, _ in number << 8 | UInt64(byte()) } }

    /// Up to `most` bytes; the first byte says how many.
    mutating func bytes(atMost most: Int) -> [UInt8] {
        let count = min(below(most + 1), rest.count)
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// Everything up to the next `separator`, which is dropped; or the rest.
    mutating func text(until separator: UInt8) -> [UInt8] {
        let end = rest.firstIndex(of: separator) ?? rest.endIndex
        defer { rest = rest[min(end + 1, rest.endIndex)...] }
        return Array(rest[..<end])
    }

    mutating func remainder() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }
}

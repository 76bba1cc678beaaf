/// A reply of Redis (RESP2).
enum RedisReply: Equatable {
    case text(String)
    case array([RedisReply])
    case null
    case error(String)

    var strings: [String] {
        guard case .array(let elements) = self else { return [] }
        return elements.compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    /// Reads one reply from `bytes` at `place` and moves on; nil, and `place` anywhere, where it is not all there yet.
    static func read(_ bytes: [UInt8], at place: inout Int) -> RedisReply? {
        guard place < bytes.count, let end = bytes[place...].firstIndex(of: 13), end + 1 < bytes.count else {
            return nil
        }
        let line = String(decoding: bytes[(place + 1)..<end], as: UTF8.self)
        let kind = bytes[place]
        place = end + 2
        switch kind {
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: "$"):
            guard let count = Int(line), count >= 0 else { return .null }
            guard place + count + 2 <= bytes.count else { return nil }
            defer { place += count + 2 }
            return .text(String(decoding: bytes[place..<(place + count)], as: UTF8.self))
        case UInt8(ascii: "*"):
            guard let count = Int(line), count >= 0 else { return .null }
            var elements: [RedisReply] = []
            for _ in 0..<count {
                guard let element = read(bytes, at: &place) else { return nil }
                elements.append(element)
            }
            return .array(elements)
        default: return .text(line)
        }
    }

    /// A command as an array of bulk strings.
    static func command(_ words: [String]) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        return bytes
    }
}

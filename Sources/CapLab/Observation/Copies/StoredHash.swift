/// The fields of a Redis hash, in the order of `HGETALL`.
struct StoredHash: Equatable {
    let fields: [(name: [UInt8], value: [UInt8])]

    init(_ fields: [(name: [UInt8], value: [UInt8])]) { self.fields = fields }

    /// Nil if `reply` is not a complete reply to `HGETALL`.
    init?(_ reply: RESPMessage) {
        guard let first = reply.elements.first, first.kind == .array, first.count.isMultiple(of: 2),
            reply.elements.count == first.count + 1
        else { return nil }
        fields = stride(from: 1, to: reply.elements.count, by: 2).map {
            (Array(reply.bytes($0)), Array(reply.bytes($0 + 1)))
        }
    }

    static func == (left: StoredHash, right: StoredHash) -> Bool {
        left.fields.elementsEqual(right.fields) { $0 == $1 }
    }

    subscript(name: String) -> String? {
        fields.first { $0.name.elementsEqual(name.utf8) }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    /// All fields as `name=value`, sorted by name, truncated to ``Copy/maxRawCharacters``.
    var raw: String {
        let parts = fields.map { (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)) }
            .sorted { $0.0 < $1.0 }.map { "\($0)=\($1)" }
        return String(parts.joined(separator: " ").prefix(Copy.maxRawCharacters))
    }
}

import Replication

/// One page of keys that hold more than one value.
public struct ConflictPage: Sendable, Equatable {
    public let keys: [Bytes]
    /// The cursor for the next page; nil at the end.
    public let next: Bytes?
}

/// Lists keys with conflicts. Scripts update the list in the same step as the records. So the cost of a page depends on
/// the keys listed, not on the number of records.
struct ConflictList {
    let reader: Reader

    private static let maxKeys = 1_000

    /// See ``AvailableEngine/conflicts(after:limit:deadlineNs:)``.
    func page(after cursor: Bytes?, limit: Int, deadlineNs: UInt64) async throws(AvailableFailure) -> ConflictPage {
        let limit = min(max(1, limit), Self.maxKeys)
        let from = cursor.map { [UInt8(ascii: "(")] + RedisKeys.record($0) } ?? Bytes("-".utf8)
        let arguments = [
            Bytes("ZRANGEBYLEX".utf8), RedisKeys.conflicts, from, Bytes("+".utf8), Bytes("LIMIT".utf8),
            Arguments.zero, Bytes(decimal: UInt64(limit)),
        ]
        let query = Reader.Query(command: Command(.plain(arguments), checksIdentity: true), deadlineNs: deadlineNs)
        return try await reader.first(query) { reply, replica in
            reader.replies.content(of: reply, from: replica).flatMap { Self.page(of: $0.reply, limit: limit) }
        }
    }

    private static func page(of reply: Reply, limit: Int) -> Result<ConflictPage, AttemptFailure> {
        if let error = reply.error { return .failure(.badReply(error)) }
        guard let names = reply.array else { return .failure(.badReply(.malformed("not a list of keys"))) }
        let keys = names.compactMap { $0.bytes.flatMap(RedisKeys.key(ofRecord:)) }
        return .success(ConflictPage(keys: keys, next: names.count == limit ? keys.last : nil))
    }
}

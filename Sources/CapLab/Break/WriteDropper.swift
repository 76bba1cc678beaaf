import JSON

/// Acknowledges every second write without forwarding it, like a write-behind buffer that crashes.
struct WriteDropper: RequestTampering {
    private var writes = 0

    mutating func answer(to request: MessageHead, nowNs: UInt64) -> [UInt8]? {
        guard request.method == "POST", request.target.hasPrefix("/write/") else { return nil }
        writes += 1
        return writes.isMultiple(of: 2) ? Self.acknowledgement : nil
    }

    func wantsAnswer(to request: MessageHead) -> Bool { false }

    mutating func note(_ answer: [UInt8], to request: MessageHead, nowNs: UInt64) {}

    /// An answer like that of `app-ap` to a write, but without the members that only the store knows, such as the
    /// version.
    private static let acknowledgement: [UInt8] = {
        var json = JSONWriter()
        json.beginObject()
        json.member("mode", "ap")
        json.member("outcome", "applied")
        json.member("replicas_acked", 1)
        json.endObject()
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(json.bytes.count)\r\n\r\n"
        return Array(head.utf8) + json.bytes
    }()
}

import HTTP

/// The ID of the trace to which a request belongs (W3C Trace Context, "traceparent").
struct TraceParent: Equatable {
    /// 32 hexadecimal digits.
    let traceID: String

    init?(_ request: Request) {
        guard let text = request.header("traceparent") else { return nil }
        self.init(text)
    }

    /// - Parameter text: such as `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. A version after 00 may have
    ///   further parts.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, Self.isHex(parts[0], 2), parts[0] != "ff", parts.count == 4 || parts[0] != "00",
            Self.isHex(parts[1], 32), Self.isHex(parts[2], 16), Self.isHex(parts[3], 2),
            parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" })
        else { return nil }
        traceID = String(parts[1])
    }

    private static func isHex(_ text: Substring, _ count: Int) -> Bool {
        text.utf8.count == count
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
    }
}

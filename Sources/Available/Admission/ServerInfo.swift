import Replication

/// The reply of Redis' `INFO`.
struct ServerInfo {
    private let text: Bytes

    init(_ text: Bytes) { self.text = text }

    /// The value of one line; nil if there is none.
    subscript(name: String) -> Bytes? {
        let prefix = Bytes("\(name):".utf8)
        let isLineEnd = { (byte: UInt8) in byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") }
        return text.split(whereSeparator: isLineEnd).first { $0.starts(with: prefix) }
            .map { Bytes($0.dropFirst(prefix.count)) }
    }

    /// Why a replica must not be used that may drop keys when its memory is full: not only values would go without a trace,
    /// but also hints and its identity. Nil if it drops at most keys that expire, which are leases.
    var evictionProblem: String? {
        guard let policy = self["maxmemory_policy"], policy.starts(with: Bytes("allkeys-".utf8)),
            let limit = self["maxmemory"], limit != Arguments.zero
        else { return nil }
        return
            "its maxmemory-policy \(String(decoding: policy, as: UTF8.self)) drops records when its memory is full: set "
            + "it to noeviction"
    }
}

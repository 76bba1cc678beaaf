@testable import Available
@testable import Consistent
@testable import Redis
@testable import Replication

/// Numbers and short texts that replicas and clients send.
struct NumbersTarget: FuzzTarget {
    func check(_ input: FuzzInput) throws(Finding) {
        var input = input
        let bytes = input.remainder()
        let text = String(decoding: bytes, as: UTF8.self)
        try checkDecimal(bytes, text)
        if let ballot = Ballot(text: bytes) {
            try require(Ballot(text: ballot.text) == ballot, "\(text) is no longer the ballot \(ballot)")
            try require(ballot < ballot.next && Ballot.zero <= ballot, "the order of \(ballot)")
        }
        if let dot = Dot(text: bytes) { try require(Dot(text: dot.text) == dot, "the dot \(text)") }
        if let vector = VersionVector(text: bytes) {
            try require(VersionVector(text: vector.text) == vector, "the vector \(text)")
            try require(vector.covers(vector) && vector.joined(vector) == vector, "the vector \(text) and itself")
        }
        if let sibling = Sibling(packed: bytes), sibling.expiresMs ?? 0 >= 0 {
            try require(Sibling(packed: sibling.packed) == sibling, "the sibling \(text)")
        }
        if let writers = RegisterState.writers(from: bytes) {
            let state = RegisterState(
                value: [], version: 0, isDeleted: true, expiresMs: nil, writers: writers, evictedAt: 0)
            try require(RegisterState.writers(from: state.writersText) == writers, "the writers \(text)")
        }
        let names = ["g1", "g2"]
        if let configuration = GroupConfiguration(text: bytes, names: names) {
            try require(
                GroupConfiguration(text: configuration.text, names: names) == configuration, "configuration \(text)")
            let next = configuration.replacing(1, with: [], isVoter: false)
            try require(next.epoch == configuration.epoch + 1, "the epoch after \(configuration.epoch)")
        }
        _ = ServerError(text)
        let info = ServerInfo(bytes)
        _ = (info["run_id"], info["maxmemory_policy"])
        if let endpoint = try? RedisEndpoint(url: text) {
            try require(!endpoint.host.isEmpty && endpoint.port > 0, "\(text) names no server")
        }
    }

    private func checkDecimal(_ bytes: [UInt8], _ text: String) throws(Finding) {
        let digits = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes[...]
        let isDecimal = !digits.isEmpty && digits.count <= 19 && digits.allSatisfy { (0x30...0x39).contains($0) }
        // The lowest number is not needed, and is refused.
        let expected = isDecimal ? Int64(text).flatMap { $0 == .min ? nil : $0 } : nil
        try require(Int64(decimal: bytes) == expected, "\(text.debugDescription) as a decimal number")
        if let expected, expected >= 0 {
            try require(
                Int64(decimal: Bytes(decimal: UInt64(expected))) == expected, "\(expected) in decimal digits")
        }
        try require(Reply.bulk(bytes).int64 == expected, "\(text.debugDescription) as a reply")
    }
}

import Replication

/// Steps of one batchable script for one replica, collected during a loop turn and sent as one call.
struct StepBatch {
    /// The part of the call that all steps of a batch share.
    struct Header: Equatable {
        let script: Script
        let sha: Bytes
        let shared: [Bytes]
        let tail: [Bytes]
    }

    struct Step {
        let key: Bytes
        let argumentCount: Int
        /// The step's own arguments in RESP.
        let encodedArguments: Bytes
    }

    /// The bounds of a batch. Redis runs one script at a time, so a longer batch would block other clients.
    static let maxSteps = 128
    static let maxBytes = 256 << 10

    let header: Header
    private(set) var sinks: [any ReplySink] = []
    private var keys: [Bytes] = []
    private var encodedArguments: Bytes = []
    private var argumentCount = 0
    private(set) var byteCount = 0

    init(header: Header) { self.header = header }

    func accepts(_ header: Header) -> Bool {
        sinks.count < Self.maxSteps && byteCount < Self.maxBytes && self.header == header
    }

    mutating func add(_ step: Step, to sink: any ReplySink) {
        sinks.append(sink)
        keys.append(step.key)
        encodedArguments += step.encodedArguments
        argumentCount += step.argumentCount
        byteCount += step.key.count + step.encodedArguments.count
    }

    /// The complete call: `EVALSHA sha count keys… shared… tail… arguments…`
    var encoded: Bytes {
        var encoder = CommandEncoder()
        encoder.begin(
            sha: header.sha, keys: keys, argumentCount: header.shared.count + header.tail.count + argumentCount)
        encoder.append(header.shared)
        encoder.append(header.tail)
        encoder.append(encoded: encodedArguments)
        return encoder.encoded
    }
}

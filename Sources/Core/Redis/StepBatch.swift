import Replication

/// Steps of one batchable script for one replica, gathered during a loop turn to go as one call.
struct StepBatch {
    /// What all steps of a batch have in common.
    struct Header: Equatable {
        let script: Script
        let sha: Bytes
        let shared: [Bytes]
        let tail: [Bytes]
    }

    struct Step {
        let key: Bytes
        let wordCount: Int
        /// The key's own arguments as RESP words.
        let encodedArguments: UnsafeBufferPointer<UInt8>
    }

    /// A script runs alone: a batch must not keep other clients of that Redis waiting.
    static let maxSteps = 128
    static let maxBytes = 256 << 10

    let header: Header
    private(set) var sinks: [any ReplySink] = []
    private var keys: [Bytes] = []
    private var arguments: [UInt8] = []
    private var wordCount = 0
    private(set) var byteCount = 0

    init(header: Header) { self.header = header }

    func canTake(_ header: Header) -> Bool {
        sinks.count < Self.maxSteps && byteCount < Self.maxBytes && self.header == header
    }

    mutating func add(_ step: Step, to sink: any ReplySink) {
        sinks.append(sink)
        keys.append(step.key)
        arguments.append(contentsOf: step.encodedArguments)
        wordCount += step.wordCount
        byteCount += step.key.count + step.encodedArguments.count
    }

    /// `EVALSHA sha count keys… shared… tail… arguments…`
    func encode(into encoder: CommandEncoder) {
        encoder.reset()
        encoder.begin(words: 3 + keys.count + header.shared.count + header.tail.count + wordCount)
        encoder.word("EVALSHA")
        encoder.word(header.sha)
        encoder.word(Bytes(String(keys.count).utf8))
        for key in keys { encoder.word(key) }
        for word in header.shared { encoder.word(word) }
        for word in header.tail { encoder.word(word) }
        encoder.encodedWords(arguments)
    }
}

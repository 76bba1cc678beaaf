/// The parts of one answer that the summary of a run needs.
struct AnswerSample: Equatable, Sendable {
    enum Result: Sendable {
        case answered, refused, failed
    }

    let service: String
    /// When the request was sent, in milliseconds since the start of the recording.
    let sentMs: Double
    let tookMs: Float
    let result: Result
    var isStale = false
    /// The staleness of an AP read; nil if it is unknown.
    var stalenessMs: Float?
}

extension AnswerSample {
    init(_ answer: AnswerEvent) {
        let result: Result =
            switch answer.reply.result {
            case .ok: .answered
            case .refused: .refused
            case .error: .failed
            }
        self.init(
            service: answer.request.service, sentMs: answer.tMs, tookMs: Float(answer.tookMs), result: result,
            isStale: answer.reply.isStale, stalenessMs: answer.reply.stalenessMs.map { Float($0) })
    }
}

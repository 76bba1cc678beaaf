import EventLoop
import JSON

/// Passes on every answer to a request from the page or its load generator: to the open pages, the series, and other
/// observers.
///
/// Pages get at most one batch per 100 ms. It has all answers to the page's own requests, and a sample of those to the
/// load generator.
final class AnswerLog {
    /// The default of the limit on answers to the load generator per batch.
    static let maxSampled = 20
    /// The most answers to the load generator per batch. A recording sets a lower limit.
    var maxSampled = AnswerLog.maxSampled
    /// The most answers to the page's own requests per batch. Further ones are left out.
    static let maxOwn = 1_000
    static let batchMs: UInt64 = 100

    /// Called for every answer.
    var onAnswer: (AnswerEvent) -> Void = { _ in }

    private let scheduler: any Scheduler
    private let sink: any EventSink
    private var own: [AnswerEvent] = []
    private var sample: [AnswerEvent] = []
    /// How many answers to the load generator have arrived since the last batch.
    private var seen: UInt64 = 0
    private var timer: LoopTimer?
    private var lastID = 0

    init(on scheduler: any Scheduler, sink: any EventSink) {
        self.scheduler = scheduler
        self.sink = sink
    }

    func nextID() -> Int {
        lastID += 1
        return lastID
    }

    func answered(_ event: AnswerEvent) {
        onAnswer(event)
        switch event.by {
        case .page: if own.count < Self.maxOwn { own.append(event) }
        case .load: addToSample(event)
        }
        guard timer == nil else { return }
        timer = LoopTimer(on: scheduler, atNs: scheduler.nowNs + Self.batchMs * nsPerMs) { [weak self] in
            self?.publish()
        }
    }

    /// Adds an answer to the sample. Each answer has the same chance to be in it (Vitter's algorithm R).
    private func addToSample(_ event: AnswerEvent) {
        seen += 1
        guard sample.count >= maxSampled else { return sample.append(event) }
        let index = scheduler.random(in: 0...(seen - 1))
        if index < UInt64(maxSampled) { sample[Int(index)] = event }
    }

    private func publish() {
        timer = nil
        let events = (own + sample).sorted { $0.id < $1.id }
        own.removeAll(keepingCapacity: true)
        sample.removeAll(keepingCapacity: true)
        seen = 0
        var json = JSONWriter(capacity: 1_024 * events.count)
        json.beginArray()
        for event in events { event.write(to: &json) }
        json.endArray()
        sink.publish("answers", json.bytes)
    }
}

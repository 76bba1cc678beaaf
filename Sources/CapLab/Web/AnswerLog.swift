import EventLoop
import JSON

/// Every answer of the page and its load passes here: to the pages, to the series, and to whoever else observes.
///
/// A batch goes out each 100 ms at most. It has all answers to the page's own requests and a sample of the load's.
final class AnswerLog {
    /// Answers to the load per batch.
    static let maxSampled = 20
    /// The same of this log: a recording has fewer.
    var maxSampled = AnswerLog.maxSampled
    /// Answers to the page per batch; more cannot arrive, see ``Asker``.
    static let maxOwn = 1_000
    static let batchMs: UInt64 = 100

    /// Called for every answer.
    var onAnswer: (AnswerEvent) -> Void = { _ in }

    private let scheduler: any Scheduler
    private let sink: any EventSink
    private var own: [AnswerEvent] = []
    private var sample: [AnswerEvent] = []
    /// Of the load, since the last batch.
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

    /// Each answer has the same chance to be in the sample (Vitter's algorithm R).
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

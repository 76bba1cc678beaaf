import EventLoop
import JSON

/// An open-loop load on each service: it sends at a fixed rate even if answers are slow, as independent users do.
///
/// A closed loop would wait for slow answers, and so hide them. At most ``maxInFlight`` requests per service wait for
/// their answer. Further requests that are due are counted as not sent.
final class LoadGenerator {
    static let maxInFlight = 64

    private final class Stream {
        let service: String
        var pacer: LoadPacer?
        var timer: LoopTimer?
        var inFlight = 0
        var sent = 0
        var notSent = 0

        init(_ service: String) { self.service = service }
    }

    private let scheduler: any Scheduler
    private let streams: [Stream]
    private let send: (AskRequest) async -> Void
    /// If set, performs one operation at a service instead of a random request. Used by clients that record their
    /// history.
    var perform: ((_ service: String) async -> Void)?
    /// Called when a request is due while ``maxInFlight`` others wait for the same service.
    var onFull: (_ service: String) -> Void = { _ in }
    private(set) var plan = LoadPlan()
    private var nextValue = 0

    /// - Parameter send: sends a request, and returns when it was answered or has timed out.
    init(services: [String], on scheduler: any Scheduler, send: @escaping (AskRequest) async -> Void) {
        self.scheduler = scheduler
        self.send = send
        streams = services.map(Stream.init)
        plan.rates = Dictionary(uniqueKeysWithValues: services.map { ($0, 0) })
    }

    var isRunning: Bool { streams.contains { $0.pacer != nil } }

    func apply(_ plan: LoadPlan) {
        let old = self.plan
        self.plan = plan
        for stream in streams where plan.rates[stream.service] != old.rates[stream.service] {
            stream.timer?.cancel()
            stream.timer = nil
            stream.pacer = nil
            guard let rate = plan.rates[stream.service], rate > 0 else { continue }
            stream.pacer = LoadPacer(ratePerS: rate, nowNs: scheduler.nowNs)
            schedule(stream)
        }
    }

    func stop() {
        var plan = plan
        plan.rates = plan.rates.mapValues { _ in 0 }
        apply(plan)
    }

    /// How many requests to a service were sent, were due but not sent, and are in flight.
    func counts(_ service: String) -> (sent: Int, notSent: Int, inFlight: Int) {
        streams.first { $0.service == service }.map { ($0.sent, $0.notSent, $0.inFlight) } ?? (0, 0, 0)
    }

    // MARK: Sending

    private func schedule(_ stream: Stream) {
        guard let pacer = stream.pacer else { return }
        stream.timer = LoopTimer(on: scheduler, atNs: pacer.nextNs) { [weak self] in self?.sendDue(stream) }
    }

    private func sendDue(_ stream: Stream) {
        guard var pacer = stream.pacer else { return }
        let due = pacer.due(atNs: scheduler.nowNs)
        stream.pacer = pacer
        stream.notSent += due.missed
        for _ in 0..<due.now {
            guard stream.inFlight < Self.maxInFlight else {
                stream.notSent += 1
                onFull(stream.service)
                continue
            }
            stream.sent += 1
            stream.inFlight += 1
            let request = perform == nil ? draw(stream.service) : nil
            scheduler.spawn { [send, perform] in
                if let request { await send(request) } else { await perform?(stream.service) }
                stream.inFlight -= 1
            }
        }
        schedule(stream)
    }

    private func draw(_ service: String) -> AskRequest {
        let key = "load-\(scheduler.random(in: 1...UInt64(plan.keys)))"
        let isRead = Double(scheduler.random(in: 0...999_999)) < plan.readShare * 1_000_000
        return AskRequest(service: service, op: isRead ? .read : .write, key: key, value: isRead ? nil : drawValue())
    }

    /// A value to write. Most values are unique, so that the checkers can find a lost write. Some are one of the two
    /// values that have a colour on the page.
    private func drawValue() -> String {
        switch scheduler.random(in: 0...7) {
        case 0: return "ana"
        case 1: return "bob"
        default:
            nextValue += 1
            return "v\(nextValue)"
        }
    }

    // MARK: The event `load`

    func event(atUs timeUs: Int64) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginEvent(atUs: timeUs)
        json.counts("rates", streams.map { ($0.service, plan.rates[$0.service] ?? 0) })
        json.key("mix")
        json.beginObject()
        json.key("read")
        json.thousandths(Int64((plan.readShare * 1_000).rounded()))
        json.endObject()
        json.member("keys", plan.keys)
        json.counts("sent", streams.map { ($0.service, $0.sent) })
        json.counts("notSent", streams.map { ($0.service, $0.notSent) })
        json.endObject()
        return json.bytes
    }
}

extension JSONWriter {
    fileprivate mutating func counts(_ name: StaticString, _ counts: [(name: String, count: Int)]) {
        key(name)
        beginObject()
        for (name, count) in counts {
            dynamicKey(name)
            integer(count)
        }
        endObject()
    }
}

import JSON

/// Figures that a service reports itself, in addition to its answers.
struct ServiceGauges: Equatable, Sendable {
    /// The staleness that a read would state now. Nil if it is unknown, and for a CP service.
    var stalenessMs: Double?
    /// How many hints the replicas have in total.
    var hints = 0
    var conflicts = 0
}

/// Per service and second of the last minute: how many requests from the page and its load generator were answered, and
/// how fast.
final class SeriesRecorder {
    static let keptSeconds = 60
    /// The most latencies per service and second. Further ones do not count in the percentiles.
    static let maxLatencies = 2_048

    private struct Counts {
        var ok = 0
        var refused = 0
        var error = 0
        /// The latencies of requests that got any answer, including refusals.
        var latenciesMs: [Double] = []
    }

    /// Returns the gauges of a service by its name.
    var gauges: (String) -> ServiceGauges = { _ in ServiceGauges() }

    private let services: [String]
    private let sink: any EventSink
    private var counts: [String: Counts] = [:]
    /// One JSON object per second, the oldest first.
    private var seconds: [[UInt8]] = []

    init(services: [String], sink: any EventSink) {
        self.services = services
        self.sink = sink
    }

    func note(_ event: AnswerEvent) {
        let service = event.request.service
        switch event.reply.result {
        case .ok: counts[service, default: Counts()].ok += 1
        case .refused: counts[service, default: Counts()].refused += 1
        case .error: counts[service, default: Counts()].error += 1
        }
        guard event.reply.status != 0, counts[service]!.latenciesMs.count < Self.maxLatencies else { return }
        counts[service]!.latenciesMs.append(event.tookMs)
    }

    /// Publishes the figures of the second that has just ended.
    func endSecond(_ second: Int64, atUs timeUs: Int64) {
        var json = JSONWriter(capacity: 1_024)
        json.beginEvent(atUs: timeUs)
        json.member("second", second)
        json.key("services")
        json.beginObject()
        for service in services {
            json.dynamicKey(service)
            write(counts[service] ?? Counts(), gauges(service), to: &json)
        }
        json.endObject()
        json.endObject()
        counts.removeAll(keepingCapacity: true)
        if seconds.count == Self.keptSeconds { seconds.removeFirst() }
        seconds.append(json.bytes)
        sink.publish("series", json.bytes)
    }

    private func write(_ counts: Counts, _ gauges: ServiceGauges, to json: inout JSONWriter) {
        let sorted = counts.latenciesMs.sorted()
        json.beginObject()
        json.member("ok", counts.ok)
        json.member("refused", counts.refused)
        json.member("error", counts.error)
        json.milliseconds("p50Ms", Self.percentile(50, of: sorted))
        json.milliseconds("p99Ms", Self.percentile(99, of: sorted))
        json.milliseconds("stalenessMs", gauges.stalenessMs)
        json.member("hints", gauges.hints)
        json.member("conflicts", gauges.conflicts)
        json.endObject()
    }

    /// The percentile by nearest rank: the smallest of `sorted` that at least `percent` of them do not exceed. Nil if
    /// `sorted` is empty.
    static func percentile(_ percent: Int, of sorted: [Double]) -> Double? {
        sorted.isEmpty ? nil : sorted[max(0, (sorted.count * percent + 99) / 100 - 1)]
    }

    /// The seconds of the last minute as a JSON array, for a new client.
    var lastMinute: [UInt8] {
        Array("[".utf8) + Array(seconds.joined(separator: ",".utf8)) + Array("]".utf8)
    }
}

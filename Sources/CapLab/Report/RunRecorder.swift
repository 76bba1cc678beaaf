import EventLoop
import FoundationEssentials

/// Records a run of a lab: the events that a page would receive, and for the summary an ``AnswerSample`` of each
/// answer.
///
/// The lab treats it like another viewer of the page. Confined to the thread of the lab's reactor.
final class RunRecorder: EventSink {
    struct Limits: Sendable {
        /// For how long events are recorded, in milliseconds. The summary covers the whole run.
        var durationMs: Int
        /// The most bytes of the recording's JSON.
        var maxBytes = 1_500_000

        /// The bytes per second for messages and answers. Other events take about 7 KB per second.
        var sampleBytesPerSecond: Int {
            let seconds = max(1, durationMs / 1_000)
            return max(maxBytes / 5, maxBytes - 7_000 * seconds) / seconds
        }
        /// The most messages per event. There are ten events per second, and a message has about 160 bytes. Messages
        /// get three fifths of the bytes for messages and answers.
        var messages: Int { min(12, max(2, sampleBytesPerSecond / 10 * 3 / 5 / 160)) }
        var stateBytesPerSecond: Int { min(6_000, max(2_000, maxBytes / 2 / max(1, durationMs / 1_000))) }
        /// In a small recording, states that differ only in numbers are further apart.
        var stateIntervalMs: Int { maxBytes < 500_000 ? 3_000 : 1_000 }
    }

    private static let maxSamples = 2_000_000
    private static let maxConflictKeys = 100_000
    private static let sampledAnswers = 1
    private static let warmUpMs: UInt64 = 15_000

    let page: LabPage
    private let lab: Lab
    private let observation: Observation
    private let limits: Limits
    private var endUs: Int64 = 0
    private var recorded: RecordedEvents
    private var isRecording = false
    private(set) var samples: [AnswerSample] = []
    private(set) var conflictKeys: Set<String> = []
    private(set) var startedAt = Date()

    /// - Parameter key: the recording shows the records of this key.
    init(_ lab: Lab, limits: Limits, key: String) {
        self.lab = lab
        self.limits = limits
        // Keep the clock at zero until the recording begins.
        lab.restartClock(inMs: 600_000)
        page = LabPage(lab, PageSettings(address: PageAddress(port: lab.pagePort), isReadOnly: true))
        observation = Observation(lab, page.hub)
        recorded = RecordedEvents(
            bytesPerSecond: limits.sampleBytesPerSecond, stateBytesPerSecond: limits.stateBytesPerSecond,
            stateIntervalMs: limits.stateIntervalMs, chosenKey: key)
        page.show(observation)
        page.choose(key: key)
        page.answers.maxSampled = Self.sampledAnswers
        observation.messageLimit = limits.messages
        page.addAnswerObserver { [unowned self] in note($0) }
        page.load.onFull = { [unowned self] in noteNotSent(to: $0) }
        page.hub.recorder = self
    }

    /// Waits until services and replicas have answered, so that the first events of a page are complete. Then starts
    /// the lab's clock and the recording.
    func begin() async throws(LabError) {
        observation.start()
        let endNs = lab.reactor.nowNs + Self.warmUpMs * nsPerMs
        var names: Set<String> = []
        while !names.isSuperset(of: ["state", "copies"]) {
            try lab.checkNotStopping()
            guard lab.reactor.nowNs < endNs else { throw LabError("the lab could not be observed in time") }
            await lab.reactor.sleep(forNs: 50 * nsPerMs)
            names = Set(page.firstEvents.map { "\($0.0)" })
        }
        lab.restartClock(inMs: 0)
        startedAt = Date()
        page.startEvents()
        isRecording = true
        for (name, json) in page.firstEvents { publish(name, json) }
    }

    /// Ends the recording, and stops the observation and the page.
    func end() {
        guard page.hub.recorder != nil else { return }
        recorded.end()
        endUs = lab.elapsedUs
        isRecording = false
        page.hub.recorder = nil
        observation.stop()
        page.stop()
    }

    func publish(_ name: StaticString, _ json: [UInt8]) {
        let timeUs = lab.elapsedUs
        guard isRecording, timeUs <= Int64(limits.durationMs) * 1_000 else { return }
        recorded.add("\(name)", json, atUs: timeUs)
    }

    private func note(_ answer: AnswerEvent) {
        guard isRecording else { return }
        if samples.count < Self.maxSamples { samples.append(AnswerSample(answer)) }
        if answer.reply.conflicts.count > 1, conflictKeys.count < Self.maxConflictKeys {
            conflictKeys.insert(answer.request.key)
        }
    }

    /// Counts a request of the load as failed if it was not sent, because too many others wait for the service.
    private func noteNotSent(to service: String) {
        guard isRecording, samples.count < Self.maxSamples else { return }
        samples.append(
            AnswerSample(service: service, sentMs: Double(lab.elapsedUs) / 1_000, tookMs: 0, result: .failed))
    }

    /// - Parameter title: one line that the page shows.
    func recording(
        name: String, title: String, description: String, steps: [Recording.Step], summary: RunSummary
    ) -> [UInt8] {
        let leftOut = Recording.LeftOut(
            messages: recorded.leftOutMessages, answers: max(0, samples.count - recorded.keptAnswers))
        let recording = Recording(
            recordedAt: startedAt.formatted(.iso8601), name: name, title: title, description: description, steps: steps,
            durationMs: min(limits.durationMs, Int(endUs / 1_000)), summary: summary, leftOut: leftOut)
        return recording.json(recorded.events)
    }
}

import EventLoop
import JSON

/// Publishes the messages between services and replicas, as the relays see them, in the events `messages`.
///
/// The events contain only a sample, at most ``limit`` messages each. Messages about the chosen key come first,
/// background traffic last. A reply is shown only if its command was shown.
final class MessageTap {
    /// A message that may be shown. It is complete, and waits for the next event.
    private struct Sample {
        let message: TappedMessage
        let link: Link
        let atUs: Int64
        let isHeld: Bool
        let id: Int
    }

    static let maxShown = 40
    private static let intervalMs: UInt64 = 100
    private static let maxProposers = 64

    private let lab: Lab
    private weak var sink: (any EventSink)?
    private let interpreter = CommandInterpreter(scripts: ScriptNames())
    /// The key that the page shows.
    var chosenKey = ""
    /// The most messages per event. A recording uses a lower limit.
    var limit = MessageTap.maxShown
    /// The names of services by the proposer number in their ballots.
    private(set) var proposers: [String: String] = [:]
    private(set) var isOn = false

    private var seen = 0
    private var commands = 0
    private var foreground: [Sample] = []
    private var background: [Sample] = []
    private var calls = 0
    private var messages = 0
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: lab.reactor) { [unowned self] in flush() }

    init(_ lab: Lab, _ sink: any EventSink) {
        self.lab = lab
        self.sink = sink
    }

    func start() {
        guard !isOn else { return }
        isOn = true
        for relay in lab.relays.values { relay.tap = self }
        repeater.start()
    }

    func stop() {
        guard isOn else { return }
        isOn = false
        for relay in lab.relays.values { relay.tap = nil }
        repeater.stop()
        clear()
    }

    /// Empty: messages are not kept for new viewers.
    func firstEvents() -> [(StaticString, [UInt8])] { [] }

    /// The most commands per event. It leaves room for their replies.
    private var maxCommands: Int { limit / 2 + limit / 20 }

    // MARK: Called by the taps of connections

    func interpret(_ message: RESPMessage) -> TappedCommand? { interpreter.interpret(message, chosenKey: chosenKey) }

    func nextCall() -> Int {
        calls += 1
        return calls
    }

    /// Notes the proposer number of a service: each service draws a random one at its start and puts it into its
    /// ballots.
    func note(proposer: String, of service: String) {
        if proposers.count >= Self.maxProposers, proposers[proposer] == nil { proposers = [:] }
        proposers[proposer] = service
    }

    /// - Parameter isHeld: true if the message has reached a cut; false if it was forwarded.
    func add(_ message: TappedMessage, on link: Link, isHeld: Bool) {
        guard isOn else { return }
        seen += 1
        messages += 1
        let command = message.call.command
        // Use the lab's clock: the reactor's clock stands still within a turn of its loop.
        let sample = Sample(message: message, link: link, atUs: lab.elapsedUs, isHeld: isHeld, id: messages)
        let isChosen = command.key == chosenKey && command.key != nil
        if command.isBackground {
            if background.count < limit { background.append(sample) }
            return
        }
        if message.reply == nil {
            if commands >= maxCommands || foreground.count >= limit {
                guard isChosen, makeRoom() else { return }
            }
            commands += 1
            message.call.isShown = true
        } else {
            guard message.call.isShown else { return }
            if foreground.count >= limit {
                guard isChosen, makeRoom() else { return }
            }
        }
        foreground.append(sample)
    }

    /// Makes room by dropping the latest sample about a key other than the chosen one. Returns false if there is none.
    private func makeRoom() -> Bool {
        guard let last = foreground.lastIndex(where: { $0.message.call.command.key != chosenKey }) else { return false }
        if foreground[last].message.reply == nil { commands -= 1 }
        foreground.remove(at: last)
        return true
    }

    // MARK: Publishing

    private func clear() {
        seen = 0
        commands = 0
        foreground = []
        background = []
    }

    private func flush() {
        guard seen > 0 else { return }
        let samples = (foreground + background.prefix(max(0, limit - foreground.count)))
            .sorted { $0.id < $1.id }
        var json = JSONWriter(capacity: 64 + 200 * samples.count)
        json.beginObject()
        json.member("seen", seen)
        json.member("shown", samples.count)
        json.key("list")
        json.beginArray()
        for sample in samples { Self.write(sample, to: &json) }
        json.endArray()
        json.endObject()
        clear()
        sink?.publish("messages", json.bytes)
    }

    private static func write(_ sample: Sample, to json: inout JSONWriter) {
        let (message, command) = (sample.message, sample.message.call.command)
        json.beginObject()
        json.member("id", sample.id)
        json.key("tMs")
        json.thousandths(sample.atUs)
        json.member("link", sample.link.id)
        json.member("toReplica", message.reply == nil)
        json.member("kind", command.kind)
        json.member("key", command.key)
        if command.keys > 1 { json.member("keys", command.keys) }
        json.member("value", message.reply.map { $0.value } ?? command.value)
        json.member("call", message.call.id)
        json.member("bytes", message.byteCount)
        if let reply = message.reply { json.member("result", reply.result.rawValue) }
        if sample.isHeld { json.member("held", true) }
        json.endObject()
    }
}

import EventLoop

/// Publishes the messages between services and replicas, which the relays forward or hold, in the events `messages`.
///
/// The events contain only a sample, see ``MessageBatch``.
final class MessageTap {
    static let maxShown = 40
    private static let intervalMs: UInt64 = 100
    private static let maxProposers = 64

    private let lab: Lab
    private weak var sink: (any EventSink)?
    private let interpreter = CommandInterpreter(scripts: ScriptNames())
    /// The names of services by the proposer number in their ballots.
    private(set) var proposers: [String: String] = [:]
    private(set) var isOn = false

    private var batch = MessageBatch(limit: MessageTap.maxShown)
    private var calls = 0
    private lazy var repeater = Repeater(everyMs: Self.intervalMs, on: lab.reactor) { [unowned self] in flush() }

    init(_ lab: Lab, _ sink: any EventSink) {
        self.lab = lab
        self.sink = sink
    }

    /// The key that the page shows.
    var chosenKey: String {
        get { batch.chosenKey }
        set { batch.chosenKey = newValue }
    }

    /// The most messages per event. A recording uses a lower limit.
    var limit: Int {
        get { batch.limit }
        set { batch.limit = newValue }
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
        batch.clear()
    }

    /// Empty: messages are not kept for new viewers.
    func firstEvents() -> [(StaticString, [UInt8])] { [] }

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

    /// - Parameter isHeld: true if a fault holds the message; false if it was forwarded.
    func add(_ message: TappedMessage, on link: Link, isHeld: Bool) {
        guard isOn else { return }
        // Use the lab's clock: the reactor's clock stands still within a turn of its loop.
        batch.add(message, on: link, atUs: lab.elapsedUs, isHeld: isHeld)
    }

    private func flush() {
        guard batch.seen > 0 else { return }
        let event = batch.event
        batch.clear()
        sink?.publish("messages", event)
    }
}

/// Gathers the data of a running pair that the lab page shows: state, faults, messages, records of a key, and verdict.
///
/// Confined to the thread of the pair's reactor. Create it after ``Lab/start()``, because relays and ports must exist.
final class Observation {
    private static let viewersIntervalMs: UInt64 = 100

    private let pair: any ObservedPair
    private let faults: FaultLog
    private let states: NodeStates
    /// Nil if the pair has no relays, which are needed to read messages.
    private let messages: MessageTap?
    private let copies: CopyReader
    private let verdict: Verdict
    private lazy var viewers = Repeater(everyMs: Self.viewersIntervalMs, on: pair.reactor) { [unowned self] in
        followViewers()
    }
    /// Returns how many pages are connected. While there are none, only faults are observed.
    var viewerCount: () -> Int = { 1 }
    /// Calls `report` with the error when a replica begins to reject reads, or a service the token.
    func onRejection(_ report: @escaping (Node, String) -> Void) {
        copies.onRejection = report
        states.onRejection(report)
    }

    private(set) var key = ""
    /// The most messages per event, at most ``MessageTap/maxShown``.
    var messageLimit: Int {
        get { messages?.limit ?? 0 }
        set { messages?.limit = newValue }
    }

    convenience init(_ lab: Lab, _ sink: any EventSink) { self.init(lab, messages: MessageTap(lab, sink), sink) }

    /// - Parameter messages: the tap that reads the pair's messages; nil if there is none.
    init(_ pair: any ObservedPair, messages: MessageTap?, _ sink: any EventSink) {
        self.pair = pair
        self.messages = messages
        faults = FaultLog(pair, sink)
        states = NodeStates(pair, sink)
        copies = CopyReader(pair, sink)
        verdict = Verdict(pair, copies, sink)
        states.roles = { [unowned copies] in copies.roles }
        faults.onChange = { [unowned verdict] in verdict.faultsChanged(atUs: $0) }
        copies.proposers = { [weak messages] in messages?.proposers ?? [:] }
    }

    /// From now on, detects faults, and observes everything else while there are viewers.
    func start() {
        faults.start()
        viewers.start()
        followViewers()
    }

    func stop() {
        faults.stop()
        viewers.stop()
        stopViewing()
    }

    private func followViewers() {
        guard viewerCount() > 0 else { return stopViewing() }
        states.start()
        messages?.start()
        copies.start()
        verdict.start()
    }

    private func stopViewing() {
        states.stop()
        messages?.stop()
        copies.stop()
        verdict.stop()
    }

    /// The events that a newly connected page gets, in this order.
    func firstEvents() -> [(StaticString, [UInt8])] {
        states.firstEvents() + copies.firstEvents() + faults.firstEvents() + (messages?.firstEvents() ?? [])
            + verdict.firstEvents()
    }

    /// Chooses the key whose records are shown, and whose messages are preferred.
    func setKey(_ key: String) {
        self.key = key
        messages?.chosenKey = key
        copies.setKey(key)
    }

    /// Called when a request from the page or its load generator was answered, or has timed out.
    func answered(_ answer: AnswerEvent) { verdict.answered(answer) }

    /// True if a node has not answered the last few requests.
    func isSilent(_ node: Node) -> Bool { node.isService ? states.isSilent(node) : copies.isSilent(node) }

    /// True if a service reports that it can use the replica, false if it cannot; nil if unknown.
    func reaches(_ link: Link) -> Bool? { states.reaches(link) }

    /// The number of hints, the staleness in milliseconds and the number of conflicts of an AP service; nil for other
    /// nodes.
    func figures(of service: String) -> (hints: Int, stalenessMs: Double?, conflicts: Int)? {
        states.figures(of: service)
    }
}

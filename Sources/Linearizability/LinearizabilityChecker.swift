/// Tells whether a history of one key is linearizable: whether its operations can be put in one order that the sequential
/// specification allows and in which no operation comes before one that had ended when it began (Herlihy and Wing, 1990).
///
/// The search is that of Wing and Gong (1993) with Lowe's memory of configurations seen (*Testing for linearizability*,
/// 2017): a configuration is the set of operations already placed, and the state they led to.
public struct LinearizabilityChecker {
    public enum Verdict: Equatable, Sendable {
        case linearizable
        /// No order exists. Where it was stuck at its best: the operations that could have come next there.
        case violation(stuckAt: [RecordedOperation])
        /// More than the bound of configurations would have to be looked at.
        case undecided
    }

    /// The most configurations that are remembered.
    public var maxConfigurations = 2_000_000

    public init() {}

    /// Checks each key by itself: linearizability is local, a history is linearizable where each key's is. What the others
    /// were deleted at tells where the versions of a key may go on.
    /// - Parameter history: of a whole group from its beginning, in any order.
    public func check(_ history: [RecordedOperation]) -> [(key: String, verdict: Verdict)] {
        let byKey = Dictionary(grouping: history, by: \.key)
        let tombstones = TombstoneVersions(byKey)
        return byKey.keys.sorted().map { ($0, check(byKey[$0]!, tombstones)) }
    }

    /// Checks the operations of one key, in any order, of a group that has no other key.
    public func check(key operations: [RecordedOperation]) -> Verdict { check(operations, TombstoneVersions()) }

    func check(_ operations: [RecordedOperation], _ tombstones: TombstoneVersions) -> Verdict {
        // What had no effect and saw nothing constrains nothing.
        let relevant = operations.filter { operation in
            switch operation.result {
            case .notApplied: false
            case .unknown: operation.call != .read
            default: true
            }
        }
        var search = Search(relevant, tombstones, maxConfigurations: maxConfigurations)
        return search.run()
    }
}

/// A depth-first search over the orders.
private struct Search {
    /// An operation's call or its return, in a doubly linked list by time.
    private struct Event {
        let operation: Int
        let isCall: Bool
        var previous: Int
        var next: Int
    }

    private struct Configuration: Hashable {
        let placed: [UInt64]
        let state: RegisterModel
    }

    private let operations: [RecordedOperation]
    private let tombstones: TombstoneVersions
    private let maxConfigurations: Int
    private let unknownCalls: UnknownCalls
    private var events: [Event] = []
    /// By operation: its two events; no return event for one whose outcome is unknown.
    private var callEvent: [Int] = []
    private var returnEvent: [Int?] = []
    private var placed: [UInt64]
    private var state: RegisterModel
    private var seen: Set<Configuration> = []
    private var trail: [(operation: Int, state: RegisterModel)] = []
    private var openReturns = 0
    private var best = -1
    private var stuckAt: [RecordedOperation] = []

    private static let head = 0

    init(_ operations: [RecordedOperation], _ tombstones: TombstoneVersions, maxConfigurations: Int) {
        self.operations = operations
        self.tombstones = tombstones
        self.maxConfigurations = maxConfigurations
        unknownCalls = UnknownCalls(operations)
        state = RegisterModel(mayRise: operations.first.map { tombstones.hasAny(besides: $0.key) } ?? false)
        placed = Array(repeating: 0, count: (operations.count + 63) / 64)
        var times: [(timeNs: UInt64, isCall: Bool, operation: Int)] = []
        for (index, operation) in operations.enumerated() {
            times.append((operation.callNs, true, index))
            if operation.result != .unknown { times.append((operation.returnNs, false, index)) }
        }
        // At one time calls come first: two operations that touch are taken as overlapping.
        times.sort { ($0.timeNs, $0.isCall ? 0 : 1, $0.operation) < ($1.timeNs, $1.isCall ? 0 : 1, $1.operation) }
        callEvent = Array(repeating: 0, count: operations.count)
        returnEvent = Array(repeating: nil, count: operations.count)
        events.append(Event(operation: -1, isCall: false, previous: -1, next: -1))
        for time in times {
            let index = events.count
            events[index - 1].next = index
            events.append(Event(operation: time.operation, isCall: time.isCall, previous: index - 1, next: -1))
            if time.isCall {
                callEvent[time.operation] = index
            } else {
                returnEvent[time.operation] = index
                openReturns += 1
            }
        }
    }

    mutating func run() -> LinearizabilityChecker.Verdict {
        var event = events[Self.head].next
        while openReturns > 0 {
            if event >= 0, events[event].isCall {
                let index = events[event].operation
                if isWorthTrying(index), let next = applied(operations[index]), isNew(index, next) {
                    if seen.count > maxConfigurations { return .undecided }
                    trail.append((index, state))
                    state = next
                    lift(index)
                    event = events[Self.head].next
                } else {
                    event = events[event].next
                }
            } else {
                // An operation has ended that is not placed: what was placed last was wrong.
                noteStuck()
                guard let last = trail.popLast() else { return .violation(stuckAt: stuckAt) }
                state = last.state
                unlift(last.operation)
                event = events[callEvent[last.operation]].next
            }
        }
        return .linearizable
    }

    private func applied(_ operation: RecordedOperation) -> RegisterModel? {
        // What is unknown may take effect at any time.
        let untilNs = operation.result == .unknown ? UInt64.max : operation.returnNs
        return state.applying(operation.call, operation.result) { version in
            tombstones.mayHold(version, besides: operation.key, untilNs: untilNs)
        }
    }

    private func isWorthTrying(_ index: Int) -> Bool {
        guard operations[index].result == .unknown else { return true }
        return unknownCalls.isWorthTrying(index, operations[index].call, in: state) { other in
            placed[other / 64] & (1 << UInt64(other % 64)) != 0
        }
    }

    private mutating func isNew(_ index: Int, _ next: RegisterModel) -> Bool {
        placed[index / 64] |= 1 << UInt64(index % 64)
        let isNew = seen.insert(Configuration(placed: placed, state: next)).inserted
        if !isNew { placed[index / 64] &= ~(1 << UInt64(index % 64)) }
        return isNew
    }

    private mutating func noteStuck() {
        guard trail.count > best else { return }
        best = trail.count
        stuckAt = []
        var event = events[Self.head].next
        while event >= 0 {
            guard events[event].isCall else { break }
            stuckAt.append(operations[events[event].operation])
            event = events[event].next
        }
    }

    private mutating func lift(_ index: Int) {
        unlink(callEvent[index])
        if let event = returnEvent[index] {
            unlink(event)
            openReturns -= 1
        }
    }

    private mutating func unlift(_ index: Int) {
        placed[index / 64] &= ~(1 << UInt64(index % 64))
        if let event = returnEvent[index] {
            link(event)
            openReturns += 1
        }
        link(callEvent[index])
    }

    private mutating func unlink(_ event: Int) {
        events[events[event].previous].next = events[event].next
        if events[event].next >= 0 { events[events[event].next].previous = events[event].previous }
    }

    /// Undoes ``unlink(_:)``; to be called in the opposite order.
    private mutating func link(_ event: Int) {
        events[events[event].previous].next = event
        if events[event].next >= 0 { events[events[event].next].previous = event }
    }
}

/// A depth-first search over the orders of the operations of one object.
struct Search<M: Model> {
    /// A configuration that was visited and need not be searched again.
    private struct Configuration: Hashable {
        let linearized: OperationSet
        let state: M.State
    }

    private let operations: [Operation<M>]
    private let model: M
    private let maxConfigurations: Int
    private var events: EventList
    private var linearized: OperationSet
    private var state: M.State
    private var visited: Set<Configuration> = []
    /// The order so far, with the state before each operation.
    private var trail: [(operation: Int, state: M.State)] = []
    private var longestTrail = -1
    private var stuckAt: [Operation<M>] = []

    init(_ operations: [Operation<M>], _ model: M, maxConfigurations: Int) {
        self.operations = operations
        self.model = model
        self.maxConfigurations = maxConfigurations
        events = EventList(operations)
        linearized = OperationSet(count: operations.count)
        state = model.initialState
    }

    mutating func run() -> LinearizabilityChecker.Verdict<M> {
        var event = events.first
        while events.openReturns > 0 {
            if let index = events.call(at: event) {
                if let next = step(index), isNew(index, next) {
                    if visited.count > maxConfigurations { return .undecided }
                    trail.append((index, state))
                    state = next
                    events.lift(index)
                    event = events.first
                } else {
                    event = events.next(after: event)
                }
            } else {
                // The next event is the return of an operation that is not linearized yet. So the order so far cannot
                // be continued: undo the last choice.
                noteStuck()
                guard let last = trail.popLast() else { return .violation(stuckAt: stuckAt) }
                state = last.state
                linearized.remove(last.operation)
                event = events.unlift(last.operation)
            }
        }
        return .linearizable
    }

    private func step(_ index: Int) -> M.State? {
        let operation = operations[index]
        if operation.isPending,
            !model.isWorthTrying(index, operation, in: state, isLinearized: { linearized.contains($0) })
        {
            return nil
        }
        return model.step(state, operation)
    }

    /// Adds the operation to the linearized ones. Returns false, without adding it, if the resulting configuration was
    /// already visited.
    private mutating func isNew(_ index: Int, _ next: M.State) -> Bool {
        linearized.insert(index)
        let isNew = visited.insert(Configuration(linearized: linearized, state: next)).inserted
        if !isNew { linearized.remove(index) }
        return isNew
    }

    private mutating func noteStuck() {
        guard trail.count > longestTrail else { return }
        longestTrail = trail.count
        stuckAt = []
        var event = events.first
        while let index = events.call(at: event) {
            stuckAt.append(operations[index])
            event = events.next(after: event)
        }
    }
}

/// A circular list of the calls and returns that are not linearized yet, in the order of time. A pending operation has
/// no return.
private struct EventList {
    private struct Event {
        let operation: Int
        let isCall: Bool
        var previous: Int
        var next: Int
    }

    /// The first event is the head of the list and belongs to no operation.
    private var events = [Event(operation: -1, isCall: false, previous: 0, next: 0)]
    private var callEvents: [Int]
    private var returnEvents: [Int?]
    /// The number of return events that are still in the list.
    private(set) var openReturns = 0

    init<M: Model>(_ operations: [Operation<M>]) {
        callEvents = Array(repeating: 0, count: operations.count)
        returnEvents = Array(repeating: nil, count: operations.count)
        var times: [(timeNs: UInt64, isCall: Bool, operation: Int)] = []
        for (index, operation) in operations.enumerated() {
            times.append((operation.callNs, true, index))
            if !operation.isPending { times.append((operation.returnNs, false, index)) }
        }
        // Of events with the same time, calls come first. So two operations count as concurrent if one begins when the
        // other ends.
        times.sort { ($0.timeNs, $0.isCall ? 0 : 1, $0.operation) < ($1.timeNs, $1.isCall ? 0 : 1, $1.operation) }
        for time in times {
            let index = events.count
            events[index - 1].next = index
            events.append(Event(operation: time.operation, isCall: time.isCall, previous: index - 1, next: 0))
            if time.isCall {
                callEvents[time.operation] = index
            } else {
                returnEvents[time.operation] = index
                openReturns += 1
            }
        }
    }

    var first: Int { events[0].next }
    func next(after event: Int) -> Int { events[event].next }

    /// The operation of a call event; nil for a return, and at the end of the list.
    func call(at event: Int) -> Int? { events[event].isCall ? events[event].operation : nil }

    mutating func lift(_ operation: Int) {
        unlink(callEvents[operation])
        if let event = returnEvents[operation] {
            unlink(event)
            openReturns -= 1
        }
    }

    /// Undoes ``lift(_:)``. Operations must be unlifted in the opposite order, because each event is linked again
    /// between the neighbours that it had.
    ///
    /// - Returns: the event after the operation's call.
    mutating func unlift(_ operation: Int) -> Int {
        if let event = returnEvents[operation] {
            link(event)
            openReturns += 1
        }
        link(callEvents[operation])
        return events[callEvents[operation]].next
    }

    private mutating func unlink(_ event: Int) {
        events[events[event].previous].next = events[event].next
        events[events[event].next].previous = events[event].previous
    }

    private mutating func link(_ event: Int) {
        events[events[event].previous].next = event
        events[events[event].next].previous = event
    }
}

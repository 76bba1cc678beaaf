import DequeModule
import HeapModule

/// Deadlines of one thread.
///
/// Almost every timer is a request's deadline that settles long before it is due, and timers of one kind are added in
/// the order of their deadlines. They are kept in a few first-in-first-out lanes, whose settled fronts are dropped in
/// each turn: a lane stays about as long as the number of requests in flight. A timer that fits no lane goes to a heap.
struct TimerQueue {
    private struct Entry: Comparable {
        let deadlineNs: UInt64
        let timer: any Expirable

        static func < (left: Entry, right: Entry) -> Bool { left.deadlineNs < right.deadlineNs }
        static func == (left: Entry, right: Entry) -> Bool { left.deadlineNs == right.deadlineNs }
    }

    private struct Lane {
        var entries: Deque<Entry>
        /// The last deadline, kept when the lane is empty: keeps timers of one kind in one lane.
        var lastNs: UInt64
        /// The length at which settled entries are removed next.
        var sweepAt = minSweep
    }

    private static let maxLanes = 8
    private static let minSweep = 512
    private var lanes: [Lane] = []
    private var heap = Heap<Entry>()

    /// Entries that have not been dropped.
    var count: Int { lanes.reduce(heap.count) { $0 + $1.entries.count } }

    mutating func add(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        let entry = Entry(deadlineNs: deadlineNs, timer: timer)
        // The lane that ends closest before it, so that short and long timers do not mix.
        var best = -1
        for lane in lanes.indices where lanes[lane].lastNs <= deadlineNs {
            if best < 0 || lanes[lane].lastNs > lanes[best].lastNs { best = lane }
        }
        if best >= 0 {
            lanes[best].entries.append(entry)
            lanes[best].lastNs = deadlineNs
            if lanes[best].entries.count >= lanes[best].sweepAt { sweep(best) }
        } else if lanes.count < Self.maxLanes {
            lanes.append(Lane(entries: [entry], lastNs: deadlineNs))
        } else {
            heap.insert(entry)
        }
    }

    /// Drops settled entries behind an unsettled front: otherwise one slow request would keep the entries of all later
    /// ones. A sweep waits until the lane has doubled, which bounds its cost per entry.
    private mutating func sweep(_ lane: Int) {
        lanes[lane].entries.removeAll { $0.timer.isSettled }
        lanes[lane].sweepAt = max(Self.minSweep, lanes[lane].entries.count * 2)
    }

    /// The earliest deadline of an unsettled timer. Drops settled fronts.
    mutating func nextDeadlineNs() -> UInt64? { earliest()?.deadlineNs }

    /// Removes and returns the due timer with the earliest deadline: after a pause of the process many are due, and
    /// code that set two of them relies on their order.
    mutating func popDue(nowNs: UInt64) -> (any Expirable)? {
        guard let (deadlineNs, lane) = earliest(), deadlineNs <= nowNs else { return nil }
        return lane.map { lanes[$0].entries.removeFirst().timer } ?? heap.removeMin().timer
    }

    /// The earliest deadline and its lane; nil for the heap.
    private mutating func earliest() -> (deadlineNs: UInt64, lane: Int?)? {
        var earliest: (deadlineNs: UInt64, lane: Int?)?
        for lane in lanes.indices {
            while lanes[lane].entries.first?.timer.isSettled == true { lanes[lane].entries.removeFirst() }
            guard let first = lanes[lane].entries.first else { continue }
            if first.deadlineNs < earliest?.deadlineNs ?? .max { earliest = (first.deadlineNs, lane) }
        }
        while heap.min?.timer.isSettled == true { heap.removeMin() }
        if let first = heap.min, first.deadlineNs < earliest?.deadlineNs ?? .max { earliest = (first.deadlineNs, nil) }
        return earliest
    }
}

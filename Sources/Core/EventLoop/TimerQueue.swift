import DequeModule
import HeapModule

/// The timers of one thread.
///
/// Almost every timer is the deadline of a request that is answered long before. Timers of one kind are added in the
/// order of their deadlines, so first-in-first-out lanes keep them sorted. Each turn drops the settled timers at the
/// front of a lane. So a lane is about as long as the number of requests in flight. A timer that fits no lane goes to a
/// heap.
struct TimerQueue {
    private struct Entry: Comparable {
        let deadlineNs: UInt64
        let timer: any Expirable

        static func < (left: Entry, right: Entry) -> Bool { left.deadlineNs < right.deadlineNs }
        static func == (left: Entry, right: Entry) -> Bool { left.deadlineNs == right.deadlineNs }
    }

    private struct Lane {
        var entries: Deque<Entry>
        /// The deadline of the timer added last. It is kept when the lane is empty, so that timers of one kind stay in
        /// one lane.
        var lastNs: UInt64
        /// When the lane reaches this length, its settled entries are removed.
        var sweepAt = minSweep
    }

    private static let maxLanes = 8
    private static let minSweep = 512
    private var lanes: [Lane] = []
    private var heap = Heap<Entry>()

    /// The number of entries that have not been dropped, including settled ones.
    var count: Int { lanes.reduce(heap.count) { $0 + $1.entries.count } }

    mutating func add(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        let entry = Entry(deadlineNs: deadlineNs, timer: timer)
        // Choose the lane whose last deadline is the closest one before this deadline, so that short and long timers do
        // not mix.
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

    /// Removes all settled entries of a lane, because one slow request at the front would keep the entries of all later
    /// ones. The next sweep waits until the lane has doubled, and has at least 512 entries. This bounds the cost per
    /// entry.
    private mutating func sweep(_ lane: Int) {
        lanes[lane].entries.removeAll { $0.timer.isSettled }
        lanes[lane].sweepAt = max(Self.minSweep, lanes[lane].entries.count * 2)
    }

    /// The earliest deadline of an unsettled timer. Drops settled timers at the front of each lane.
    mutating func nextDeadlineNs() -> UInt64? { earliest()?.deadlineNs }

    /// Removes and returns the due timer with the earliest deadline. After a pause of the process many timers are due
    /// at once, and code that sets two timers relies on the earlier one expiring first.
    mutating func popDue(nowNs: UInt64) -> (any Expirable)? {
        guard let (deadlineNs, lane) = earliest(), deadlineNs <= nowNs else { return nil }
        return lane.map { lanes[$0].entries.removeFirst().timer } ?? heap.removeMin().timer
    }

    /// The earliest deadline of an unsettled timer, and its lane; a nil lane means the heap.
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

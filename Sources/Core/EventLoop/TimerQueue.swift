import DequeModule
import HeapModule

/// Deadlines of one thread.
///
/// Almost every timer is a request's deadline that settles long before it is due, and timers of one kind are added in the
/// order of their deadlines. They are kept in a few first-in-first-out lanes, whose settled fronts are dropped in each turn:
/// a lane stays about as long as the number of requests in flight. A timer that fits no lane goes to a heap.
struct TimerQueue {
    private struct Entry: Comparable {
        let deadlineNs: UInt64
        let timer: any Expirable

        static func < (left: Entry, right: Entry) -> Bool { left.deadlineNs < right.deadlineNs }
        static func == (left: Entry, right: Entry) -> Bool { left.deadlineNs == right.deadlineNs }
    }

    private static let maxLanes = 8
    private var lanes: [Deque<Entry>] = []
    /// The last deadline of each lane, kept when the lane is empty: keeps timers of one kind in one lane.
    private var lastNs: [UInt64] = []
    /// The length at which settled entries of a lane are removed next.
    private var sweepAt: [Int] = []
    private var heap = Heap<Entry>()
    private static let minSweep = 512

    /// Entries that have not been dropped.
    var count: Int { lanes.reduce(heap.count) { $0 + $1.count } }

    mutating func add(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        let entry = Entry(deadlineNs: deadlineNs, timer: timer)
        // The lane that ends closest before it, so that short and long timers do not mix.
        var best = -1
        for lane in 0..<lanes.count where lastNs[lane] <= deadlineNs {
            if best < 0 || lastNs[lane] > lastNs[best] { best = lane }
        }
        if best >= 0 {
            lanes[best].append(entry)
            lastNs[best] = deadlineNs
            if lanes[best].count >= sweepAt[best] { sweep(best) }
        } else if lanes.count < Self.maxLanes {
            lanes.append([entry])
            lastNs.append(deadlineNs)
            sweepAt.append(Self.minSweep)
        } else {
            heap.insert(entry)
        }
    }

    /// Drops settled entries behind an unsettled front: otherwise one slow request would keep the entries of all later ones.
    /// A sweep waits until the lane has doubled, which bounds its cost per entry.
    private mutating func sweep(_ lane: Int) {
        lanes[lane].removeAll { $0.timer.isSettled }
        sweepAt[lane] = max(Self.minSweep, lanes[lane].count * 2)
    }

    /// The earliest deadline of an unsettled timer. Drops settled fronts.
    mutating func nextDeadlineNs() -> UInt64? { earliest()?.deadlineNs }

    /// Removes and returns the due timer with the earliest deadline: after a pause of the process many are due, and code that
    /// set two of them relies on their order.
    mutating func popDue(nowNs: UInt64) -> (any Expirable)? {
        guard let (deadlineNs, lane) = earliest(), deadlineNs <= nowNs else { return nil }
        return lane.map { lanes[$0].removeFirst().timer } ?? heap.removeMin().timer
    }

    /// The earliest deadline and its lane; nil for the heap.
    private mutating func earliest() -> (deadlineNs: UInt64, lane: Int?)? {
        var earliest: (deadlineNs: UInt64, lane: Int?)?
        for lane in 0..<lanes.count {
            while let first = lanes[lane].first {
                if first.timer.isSettled {
                    lanes[lane].removeFirst()
                    continue
                }
                if first.deadlineNs < earliest?.deadlineNs ?? .max { earliest = (first.deadlineNs, lane) }
                break
            }
        }
        while let first = heap.min {
            if first.timer.isSettled {
                heap.removeMin()
                continue
            }
            if first.deadlineNs < earliest?.deadlineNs ?? .max { earliest = (first.deadlineNs, nil) }
            break
        }
        return earliest
    }
}

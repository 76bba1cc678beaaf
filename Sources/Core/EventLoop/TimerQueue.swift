import HeapModule

/// Deadlines of one thread, earliest first.
///
/// Settled timers are dropped when they reach the front, not searched for: a request's deadline is almost always settled
/// long before it comes due, and requests that start later come due later, so that the queue stays about as long as the
/// number of requests in flight.
struct TimerQueue {
    private struct Entry: Comparable {
        let deadlineNs: UInt64
        let order: UInt64
        let timer: any Expirable

        static func < (left: Entry, right: Entry) -> Bool {
            (left.deadlineNs, left.order) < (right.deadlineNs, right.order)
        }
        static func == (left: Entry, right: Entry) -> Bool {
            left.order == right.order
        }
    }

    private var heap = Heap<Entry>()
    private var nextOrder: UInt64 = 0

    var count: Int { heap.count }

    mutating func add(_ timer: any Expirable, atNs deadlineNs: UInt64) {
        heap.insert(Entry(deadlineNs: deadlineNs, order: nextOrder, timer: timer))
        nextOrder &+= 1
    }

    /// The earliest deadline that still matters.
    mutating func nextDeadlineNs() -> UInt64? {
        while let first = heap.min {
            guard first.timer.isSettled else { return first.deadlineNs }
            heap.removeMin()
        }
        return nil
    }

    /// Removes and returns the next timer that has come due, in order of deadline.
    mutating func popDue(nowNs: UInt64) -> (any Expirable)? {
        guard let deadlineNs = nextDeadlineNs(), deadlineNs <= nowNs else { return nil }
        return heap.removeMin().timer
    }
}

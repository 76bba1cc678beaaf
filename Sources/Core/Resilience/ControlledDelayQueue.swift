import DequeModule

/// Work that waits for capacity, bounded by how long it waits.
///
/// A queue that is empty now and then absorbs a burst: work may wait for ``Settings/intervalNs``. A queue that has not
/// been empty for that long only adds delay: work may then wait for ``Settings/targetNs``, and what has waited longer
/// is shed. This is the rule of CoDel (Nichols and Jacobson, *Controlling Queue Delay*, ACM Queue 2012). It has the
/// form for requests, whose senders do not slow down when one is dropped (Maurer, *Fail at Scale*, ACM Queue 2015).
///
/// A value without a clock: time is passed in as monotonic nanoseconds.
///
/// ```swift
/// if queue.start(cost: bytes) { run() } else if !queue.wait(request, cost: bytes, nowNs: now) { refuse() }
/// ...
/// queue.finish(cost: bytes)
/// while let decision = queue.next(nowNs: later) { ... }      // after each finish, and every few milliseconds
/// ```
public struct ControlledDelayQueue<Element> {
    public struct Settings: Sendable {
        /// The cost of all work that runs at a time. Work that costs more runs alone.
        public var capacity: Int
        /// How long work may wait while the queue does not drain, in nanoseconds.
        public var targetNs: UInt64 = 50_000_000
        /// How long work may wait otherwise, and how long a queue may stay without being empty before it counts as
        /// overloaded, in nanoseconds.
        public var intervalNs: UInt64 = 100_000_000
        /// Waiting elements; further ones are shed at once.
        public var maxCount = 1_024

        public init(capacity: Int) { self.capacity = capacity }
    }

    public enum Decision {
        /// It runs now: call ``finish(cost:)`` when it is done.
        case start(Element)
        /// It has waited too long.
        case shed(Element)
    }

    private struct Entry {
        let element: Element
        let cost: Int
        let sinceNs: UInt64
    }

    public var settings: Settings
    private var waiting = Deque<Entry>()
    private var runningCost = 0
    private var lastEmptyNs: UInt64 = 0

    public init(settings: Settings) { self.settings = settings }

    public var isEmpty: Bool { waiting.isEmpty }

    /// True if work of this cost runs now, because nothing waits and there is capacity.
    public mutating func start(cost: Int) -> Bool {
        guard waiting.isEmpty, fits(cost) else { return false }
        runningCost += cost
        return true
    }

    /// Queues work that ``start(cost:)`` did not start. False if it is shed at once.
    public mutating func wait(_ element: Element, cost: Int, nowNs: UInt64) -> Bool {
        guard waiting.count < settings.maxCount else { return false }
        if waiting.isEmpty { lastEmptyNs = nowNs }
        waiting.append(Entry(element: element, cost: cost, sinceNs: nowNs))
        return true
    }

    /// Work that was started is done.
    public mutating func finish(cost: Int) {
        precondition(cost <= runningCost, "work was finished twice")
        runningCost -= cost
    }

    /// What happens to the element that has waited longest; nil if it goes on waiting.
    public mutating func next(nowNs: UInt64) -> Decision? {
        guard let first = waiting.first else { return nil }
        let isOverloaded = nowNs > lastEmptyNs + settings.intervalNs
        guard nowNs <= first.sinceNs + (isOverloaded ? settings.targetNs : settings.intervalNs) else {
            waiting.removeFirst()
            return .shed(first.element)
        }
        guard fits(first.cost) else { return nil }
        waiting.removeFirst()
        runningCost += first.cost
        return .start(first.element)
    }

    private func fits(_ cost: Int) -> Bool { runningCost == 0 || runningCost + cost <= settings.capacity }
}

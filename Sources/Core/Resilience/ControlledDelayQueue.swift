import DequeModule

/// A queue of work that waits for capacity. It bounds how long work waits.
///
/// A queue that is empty now and then absorbs a burst: work may wait for up to ``Settings/intervalNs``. A queue that
/// has not been empty for that long only adds delay: work may then wait for up to ``Settings/targetNs``. Work that has
/// waited longer is shed. This is the rule of CoDel (Nichols and Jacobson, *Controlling Queue Delay*, ACM Queue 2012).
/// Here it is a variant for requests, whose senders do not slow down when one is dropped (Maurer, *Fail at Scale*, ACM
/// Queue 2015).
///
/// Clients get equal shares of the capacity, measured by the cost of their work, however much they send. Each piece of
/// work gets a start tag: the total cost of its client's earlier work. The tag is at least that of the work that had
/// started last when this piece arrived. The work with the lowest tag runs first. This is start-time fair queueing
/// (Goyal, Vin and Cheng, SIGCOMM 1996).
///
/// The queue is a value without a clock: the caller passes the time in monotonic nanoseconds.
///
/// ```swift
/// if queue.start(cost: bytes, for: client) {
///     run()
/// } else if !queue.wait(request, cost: bytes, for: client, nowNs: now) {
///     refuse()
/// }
/// ...
/// queue.finish(cost: bytes)
/// while let decision = queue.next(nowNs: later) { ... }      // after each finish, and every few milliseconds
/// ```
public struct ControlledDelayQueue<Element, Client: Hashable> {
    public struct Settings: Sendable {
        /// The highest total cost of the work that runs at the same time. Work that costs more runs alone.
        public var capacity: Int
        /// How long work may wait in an overloaded queue, in nanoseconds.
        public var targetNs: UInt64 = 50_000_000
        /// How long work may wait in a queue that is not overloaded, in nanoseconds. A queue counts as overloaded if it
        /// has not been empty for this time.
        public var intervalNs: UInt64 = 100_000_000
        /// The most waiting elements. Further ones are shed at once. One client may have at most half as many.
        public var maxCount = 1_024

        public init(capacity: Int) { self.capacity = capacity }
    }

    public enum Decision {
        /// The work may run now. Call ``finish(cost:)`` when it is done.
        case start(Element)
        /// The work has waited too long and must be rejected.
        case shed(Element)
    }

    private struct Entry {
        let element: Element
        let client: Client
        let cost: Int
        let sinceNs: UInt64
        /// The ``virtualTime`` when the work arrived.
        let sinceTag: Int
    }

    /// One client: how many of its elements wait, and the tag at which its last started work ends. Work that is shed
    /// costs the client nothing.
    private struct Account {
        var waitingCount = 0
        var finishTag = 0
    }

    public var settings: Settings
    /// The waiting work, longest wait first.
    private var waiting = Deque<Entry>()
    private var accounts: [Client: Account] = [:]
    /// The start tag of the work that started last.
    private var virtualTime = 0
    private var runningCost = 0
    private var lastEmptyNs: UInt64 = 0

    public init(settings: Settings) { self.settings = settings }

    public var isEmpty: Bool { waiting.isEmpty }

    /// Starts work of this cost if nothing waits and there is capacity. Returns false if it must wait.
    public mutating func start(cost: Int, for client: Client) -> Bool {
        guard waiting.isEmpty, fits(cost) else { return false }
        run(cost: cost, for: client, sinceTag: virtualTime)
        return true
    }

    /// Queues work that ``start(cost:for:)`` did not start. Returns false if the work is shed at once.
    public mutating func wait(_ element: Element, cost: Int, for client: Client, nowNs: UInt64) -> Bool {
        let waitingCount = accounts[client]?.waitingCount ?? 0
        guard waiting.count < settings.maxCount, waitingCount < max(1, settings.maxCount / 2) else { return false }
        if waiting.isEmpty { lastEmptyNs = nowNs }
        accounts[client, default: Account()].waitingCount += 1
        waiting.append(Entry(element: element, client: client, cost: cost, sinceNs: nowNs, sinceTag: virtualTime))
        return true
    }

    /// Records that started work is done.
    public mutating func finish(cost: Int) {
        precondition(cost <= runningCost, "work was finished twice")
        runningCost -= cost
        if runningCost == 0, waiting.isEmpty {
            accounts.removeAll(keepingCapacity: true)
            virtualTime = 0
        }
    }

    /// Decides about one of the waiting elements: it starts or is shed. Returns nil if all continue to wait.
    public mutating func next(nowNs: UInt64) -> Decision? {
        guard let longest = waiting.first else { return nil }
        let isOverloaded = nowNs > lastEmptyNs + settings.intervalNs
        guard nowNs <= longest.sinceNs + (isOverloaded ? settings.targetNs : settings.intervalNs) else {
            return .shed(remove(at: 0).element)
        }
        let index = indexOfLowestTag
        guard fits(waiting[index].cost) else { return nil }
        let entry = remove(at: index)
        run(cost: entry.cost, for: entry.client, sinceTag: entry.sinceTag)
        return .start(entry.element)
    }

    // MARK: Parts

    private func fits(_ cost: Int) -> Bool { runningCost == 0 || runningCost + cost <= settings.capacity }

    /// The start tag of a client's next work, which arrived at `sinceTag`.
    private func startTag(of client: Client, sinceTag: Int) -> Int { max(sinceTag, accounts[client]?.finishTag ?? 0) }

    private mutating func run(cost: Int, for client: Client, sinceTag: Int) {
        let tag = startTag(of: client, sinceTag: sinceTag)
        runningCost += cost
        virtualTime = max(virtualTime, tag)
        accounts[client, default: Account()].finishTag = tag + cost
        if accounts.count > 2 * settings.maxCount { removeIdleAccounts() }
    }

    /// Removes the accounts of clients whose work has ended in virtual time. Such clients are treated like new ones
    /// anyway.
    private mutating func removeIdleAccounts() {
        accounts = accounts.filter { $0.value.waitingCount > 0 || $0.value.finishTag > virtualTime }
    }

    private var indexOfLowestTag: Int {
        guard accounts.count > 1 else { return 0 }
        var lowest = (index: 0, tag: Int.max)
        for (index, entry) in waiting.enumerated() {
            let tag = startTag(of: entry.client, sinceTag: entry.sinceTag)
            if tag < lowest.tag { lowest = (index, tag) }
        }
        return lowest.index
    }

    private mutating func remove(at index: Int) -> Entry {
        let entry = waiting.remove(at: index)
        accounts[entry.client]?.waitingCount -= 1
        return entry
    }
}

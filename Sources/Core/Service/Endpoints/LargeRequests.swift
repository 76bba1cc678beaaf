import EventLoop
import Replication
import Resilience

/// The entrance of requests with large values. A few of them at a time use the replicas; the others wait here, where they
/// delay no small request, and are shed when they have waited too long.
///
/// A read or delete moves what its key has, which is known only after the first answer. Until then the key counts as
/// unknown. How many requests of unknown keys may run follows their answers, as a TCP window follows acknowledgements (RFC
/// 5681): one more for each small answer, half as many after a large one or a failure.
final class LargeRequests: Expirable {
    typealias Queue = ControlledDelayQueue<UnsafeContinuation<Bool, Never>>

    /// The place of one request, for ``leave(_:)``.
    enum Place: Equatable {
        case small
        case large(byteCount: Int)
        case unknown
    }

    private let scheduler: any Scheduler
    private var large: Queue
    private var unknown: Queue
    private var sizes = KnownSizes()
    private var isTimerSet = false

    /// Requests up to this many bytes never wait.
    static let smallByteCount = ReplyBudget.shortByteCount
    /// How often requests that wait are checked; they are also checked when another one is done.
    private static let checkNs = 5 * nsPerMs
    private static let unknownWindow = 4...4_096
    private static let firstUnknownWindow = 8

    /// - Parameter capacity: bytes of the large requests that use the replicas at a time.
    init(scheduler: any Scheduler, capacity: Int = 5 << 19) {
        self.scheduler = scheduler
        large = Queue(settings: .init(capacity: capacity))
        var settings = Queue.Settings(capacity: Self.firstUnknownWindow)
        // They wait only until the sizes are known, and a small one among them should not be shed.
        settings.targetNs = 500 * nsPerMs
        settings.intervalNs = 500 * nsPerMs
        unknown = Queue(settings: settings)
    }

    /// Waits for its turn. Call ``leave(_:)`` at the end of the request; nil means that the request is shed.
    func enter(byteCount: Int) async -> Place? {
        guard byteCount > Self.smallByteCount else { return .small }
        guard !large.start(cost: byteCount) else { return .large(byteCount: byteCount) }
        return await wait(in: \.large, cost: byteCount) ? .large(byteCount: byteCount) : nil
    }

    /// The same for a request that moves what `key` has.
    func enter(key: Bytes) async -> Place? {
        if let byteCount = sizes[key] { return await enter(byteCount: byteCount) }
        guard !unknown.start(cost: 1) else { return .unknown }
        guard await wait(in: \.unknown, cost: 1) else { return nil }
        guard let byteCount = sizes[key] else { return .unknown }
        // Another request has found out meanwhile.
        leave(.unknown)
        return await enter(byteCount: byteCount)
    }

    private func wait(in queue: ReferenceWritableKeyPath<LargeRequests, Queue>, cost: Int) async -> Bool {
        await withUnsafeContinuation { continuation in
            guard self[keyPath: queue].wait(continuation, cost: cost, nowNs: scheduler.nowNs) else {
                continuation.resume(returning: false)
                return
            }
            setTimer()
        }
    }

    func leave(_ place: Place) {
        switch place {
        case .small: return
        case .large(let byteCount): large.finish(cost: byteCount)
        case .unknown: unknown.finish(cost: 1)
        }
        advance()
    }

    /// A request of `key` has moved so many bytes; nil if it failed.
    func note(_ key: Bytes, byteCount: Int?, from place: Place) {
        if let byteCount { sizes[key] = byteCount }
        guard case .unknown = place else { return }
        let window = unknown.settings.capacity
        let isSmall = byteCount.map { $0 <= Self.smallByteCount } ?? false
        unknown.settings.capacity =
            isSmall
            ? min(window + 1, Self.unknownWindow.upperBound) : max(window / 2, Self.unknownWindow.lowerBound)
    }

    private func advance() {
        advance(\.large)
        advance(\.unknown)
    }

    private func advance(_ queue: ReferenceWritableKeyPath<LargeRequests, Queue>) {
        while let decision = self[keyPath: queue].next(nowNs: scheduler.nowNs) {
            switch decision {
            case .start(let continuation): continuation.resume(returning: true)
            case .shed(let continuation): continuation.resume(returning: false)
            }
        }
    }

    private func setTimer() {
        guard !isTimerSet, !large.isEmpty || !unknown.isEmpty else { return }
        isTimerSet = true
        scheduler.schedule(self, atNs: scheduler.nowNs + Self.checkNs)
    }

    // MARK: Expirable

    var isSettled: Bool { false }

    func expire() {
        isTimerSet = false
        advance()
        setTimer()
    }
}

/// The sizes of values by key, as this instance last saw them. A table of fixed size without chains: a key may lose its
/// entry to another one, and is then unknown. A small value does not replace another key's large one.
struct KnownSizes {
    private struct Entry {
        var hash: UInt64 = 0
        /// Nil for no entry.
        var byteCount: Int?
    }

    private var entries: [Entry]

    init(count: Int = 16_384) { entries = Array(repeating: Entry(), count: count) }

    /// Nil if it is unknown.
    subscript(key: Bytes) -> Int? {
        get {
            let hash = key.fnv1a
            let entry = entries[index(of: hash)]
            return entry.hash == hash ? entry.byteCount : nil
        }
        set {
            let hash = key.fnv1a
            let present = entries[index(of: hash)]
            let isPresentSmall = present.byteCount ?? 0 <= LargeRequests.smallByteCount
            guard present.hash == hash || isPresentSmall || newValue ?? 0 > LargeRequests.smallByteCount else { return }
            entries[index(of: hash)] = Entry(hash: hash, byteCount: newValue)
        }
    }

    private func index(of hash: UInt64) -> Int { Int(hash % UInt64(entries.count)) }
}

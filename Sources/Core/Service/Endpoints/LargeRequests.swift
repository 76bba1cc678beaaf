import EventLoop
import Replication
import Resilience

/// The entrance of requests with large values. A few of them at a time use the replicas; the others wait here, where they
/// delay no small request, and are shed when they have waited too long.
final class LargeRequests: Expirable {
    private let scheduler: any Scheduler
    private var queue: ControlledDelayQueue<UnsafeContinuation<Bool, Never>>
    private var sizes = KnownSizes()
    private var isTimerSet = false

    /// Requests up to this many bytes never wait.
    static let smallByteCount = ReplyBudget.shortByteCount
    /// How often requests that wait are checked; they are also checked when another one is done.
    private static let checkNs = 5 * nsPerMs

    /// - Parameter capacity: bytes of the large requests that use the replicas at a time.
    init(scheduler: any Scheduler, capacity: Int = 5 << 19) {
        self.scheduler = scheduler
        queue = ControlledDelayQueue(settings: .init(capacity: capacity))
    }

    /// Bytes that a read or delete of `key` probably moves: the size of its value when this instance last saw it.
    func expectedByteCount(of key: Bytes) -> Int { sizes[key] }

    func note(_ key: Bytes, byteCount: Int) { sizes[key] = byteCount }

    /// Waits for its turn. If it returns true, call ``leave(byteCount:)`` at the end of the request; false means that the
    /// request is shed.
    func enter(byteCount: Int) async -> Bool {
        guard byteCount > Self.smallByteCount, !queue.start(cost: byteCount) else { return true }
        return await withUnsafeContinuation { continuation in
            guard queue.wait(continuation, cost: byteCount, nowNs: scheduler.nowNs) else {
                continuation.resume(returning: false)
                return
            }
            setTimer()
        }
    }

    func leave(byteCount: Int) {
        guard byteCount > Self.smallByteCount else { return }
        queue.finish(cost: byteCount)
        advance()
    }

    private func advance() {
        while let decision = queue.next(nowNs: scheduler.nowNs) {
            switch decision {
            case .start(let continuation): continuation.resume(returning: true)
            case .shed(let continuation): continuation.resume(returning: false)
            }
        }
    }

    private func setTimer() {
        guard !isTimerSet, !queue.isEmpty else { return }
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

/// The sizes of large values by key, as this instance last saw them. A table of fixed size without chains: a key may lose
/// its entry to another one, and then counts as small.
struct KnownSizes {
    private struct Entry {
        var hash: UInt64 = 0
        var byteCount = 0
    }

    private var entries: [Entry]

    init(count: Int = 4_096) { entries = Array(repeating: Entry(), count: count) }

    /// 0 if it is unknown or small.
    subscript(key: Bytes) -> Int {
        get {
            let hash = key.fnv1a
            let entry = entries[index(of: hash)]
            return entry.hash == hash ? entry.byteCount : 0
        }
        set {
            let hash = key.fnv1a
            let isLarge = newValue > LargeRequests.smallByteCount
            // A small value needs no entry, and does not replace that of a large one.
            guard isLarge || entries[index(of: hash)].hash == hash else { return }
            entries[index(of: hash)] = Entry(hash: hash, byteCount: isLarge ? newValue : 0)
        }
    }

    private func index(of hash: UInt64) -> Int { Int(hash % UInt64(entries.count)) }
}

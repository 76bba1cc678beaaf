import EventLoop
import HTTP
import Replication
import Resilience

/// Admits requests with large values. A few of them at a time use the replicas. The others wait here, where they do not
/// delay small requests, and are shed when they have waited too long. Waiting clients share the capacity by the cost of
/// their requests.
///
/// The cost of a read or delete is the size of its key's value, which is known only after the first answer. Until then
/// the key counts as unknown. The number of concurrent requests of unknown keys follows their answers, as a TCP window
/// follows acknowledgements (RFC 5681). It grows by one with each small answer, and halves after a large one or a
/// failure.
final class LargeRequestAdmission: Expirable {
    typealias Queue = ControlledDelayQueue<UnsafeContinuation<Bool, Never>, ClientAddress>

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

    /// Requests whose size is known to be at most this many bytes never wait.
    static let smallByteCount = ReplyBudget.shortByteCount
    /// How often requests that wait are checked; they are also checked when another one is done.
    private static let checkNs = 5 * nsPerMs
    private static let unknownWindow = 4...4_096
    private static let firstUnknownWindow = 8

    /// - Parameter capacity: the most bytes of the large requests that use the replicas at a time.
    init(scheduler: any Scheduler, capacity: Int = 5 << 19) {
        self.scheduler = scheduler
        large = Queue(settings: .init(capacity: capacity))
        var settings = Queue.Settings(capacity: Self.firstUnknownWindow)
        // These requests wait only until sizes are known, and those that turn out to be small should not be shed.
        settings.targetNs = 500 * nsPerMs
        settings.intervalNs = 500 * nsPerMs
        unknown = Queue(settings: settings)
    }

    /// Waits until a request may use the replicas. Call ``leave(_:)`` at the end of the request; nil means that the
    /// request is shed.
    func enter(byteCount: Int, from client: ClientAddress) async -> Place? {
        guard byteCount > Self.smallByteCount else { return .small }
        guard !large.start(cost: byteCount, for: client) else { return .large(byteCount: byteCount) }
        return await wait(in: \.large, cost: byteCount, for: client) ? .large(byteCount: byteCount) : nil
    }

    /// Waits until a request whose cost is the size of the value of `key` may use the replicas.
    func enter(key: Bytes, from client: ClientAddress) async -> Place? {
        if let byteCount = sizes[key] { return await enter(byteCount: byteCount, from: client) }
        guard !unknown.start(cost: 1, for: client) else { return .unknown }
        guard await wait(in: \.unknown, cost: 1, for: client) else { return nil }
        guard let byteCount = sizes[key] else { return .unknown }
        // The answer to another request has meanwhile shown the size.
        leave(.unknown)
        return await enter(byteCount: byteCount, from: client)
    }

    private func wait(
        in queue: ReferenceWritableKeyPath<LargeRequestAdmission, Queue>, cost: Int, for client: ClientAddress
    ) async -> Bool {
        await withUnsafeContinuation { continuation in
            guard self[keyPath: queue].wait(continuation, cost: cost, for: client, nowNs: scheduler.nowNs) else {
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

    /// Records the size of the value of `key` that a request has found; nil if the request failed.
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

    private func advance(_ queue: ReferenceWritableKeyPath<LargeRequestAdmission, Queue>) {
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

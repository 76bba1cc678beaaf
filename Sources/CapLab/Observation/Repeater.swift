import EventLoop

/// Calls a function periodically on the reactor's thread until it is stopped.
final class Repeater {
    private let reactor: Reactor
    private let intervalNs: UInt64
    private let body: () -> Void
    private var timer: LoopTimer?

    init(everyMs intervalMs: UInt64, on reactor: Reactor, _ body: @escaping () -> Void) {
        self.reactor = reactor
        self.body = body
        intervalNs = intervalMs * nsPerMs
    }

    var isRunning: Bool { timer != nil }

    /// Starts the calls. The first one comes after one interval.
    func start() {
        guard timer == nil else { return }
        schedule()
    }

    func stop() {
        timer?.cancel()
        timer = nil
    }

    private func schedule() {
        timer = LoopTimer(on: reactor, atNs: reactor.nowNs &+ intervalNs) { [weak self] in
            guard let self else { return }
            schedule()
            body()
        }
    }
}

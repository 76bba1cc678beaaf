import EventLoop

/// Calls a function once, at a given time, unless it is cancelled first.
final class LoopTimer: Expirable {
    private var action: (() -> Void)?

    init(on scheduler: any Scheduler, atNs deadlineNs: UInt64, _ action: @escaping () -> Void) {
        self.action = action
        scheduler.schedule(self, atNs: deadlineNs)
    }

    var isSettled: Bool { action == nil }
    func cancel() { action = nil }
    func expire() { action.take()?() }
}

/// A set of concurrent tasks on the reactor's thread.
final class TaskBundle {
    private let reactor: Reactor
    private var running = 0
    private var waiter: UnsafeContinuation<Void, Never>?

    init(on reactor: Reactor) { self.reactor = reactor }

    func add(_ body: @escaping () async -> Void) {
        running += 1
        reactor.spawn { [self] in
            await body()
            running -= 1
            if running == 0 { waiter.take()?.resume() }
        }
    }

    /// Waits until every task has ended. Only one task at a time may call this.
    func ended() async {
        guard running > 0 else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}

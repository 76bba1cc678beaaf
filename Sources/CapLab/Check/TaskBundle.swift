import EventLoop

/// Concurrent tasks on the reactor's thread.
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

    /// Returns when every task has ended. Only one task may await it.
    func ended() async {
        guard running > 0 else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}

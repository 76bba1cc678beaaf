import EventLoop

/// Tasks side by side on the reactor's thread, and the wait for the last of them.
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

    /// Returns when every task has ended. To be awaited by one task only.
    func ended() async {
        guard running > 0 else { return }
        await withUnsafeContinuation { waiter = $0 }
    }
}

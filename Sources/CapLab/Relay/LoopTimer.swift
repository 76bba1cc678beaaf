import EventLoop

/// Calls a function once at a deadline, unless it is cancelled before.
final class LoopTimer: Expirable {
    private var action: (() -> Void)?

    init(on reactor: Reactor, atNs deadlineNs: UInt64, _ action: @escaping () -> Void) {
        self.action = action
        reactor.schedule(self, atNs: deadlineNs)
    }

    var isSettled: Bool { action == nil }
    func cancel() { action = nil }
    func expire() { action.take()?() }
}

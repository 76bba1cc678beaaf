import EventLoop

/// One timer for several deadlines. It fires at the earliest deadline, and then forgets all of them.
struct EarliestTimer {
    private var timer: LoopTimer?
    private var deadlineNs = UInt64.max

    /// - Parameters:
    ///   - deadlineNs: in monotonic nanoseconds. Has no effect if the timer is already set to this time or an earlier
    ///     one.
    ///   - fire: called at the deadline. It must call ``fired()`` first.
    mutating func set(atNs deadlineNs: UInt64, on reactor: Reactor, _ fire: @escaping () -> Void) {
        guard deadlineNs < self.deadlineNs else { return }
        timer?.cancel()
        self.deadlineNs = deadlineNs
        timer = LoopTimer(on: reactor, atNs: deadlineNs, fire)
    }

    mutating func fired() { deadlineNs = .max }

    func cancel() { timer?.cancel() }
}

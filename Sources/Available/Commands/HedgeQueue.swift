import DequeModule
import EventLoop
import Replication

/// Reads in flight, in the order in which they become worth asking a second replica (Dean and Barroso, *The Tail at Scale*,
/// 2013). One timer for all of them.
final class HedgeQueue: Expirable {
    private struct Entry {
        let call: QuorumCall
        let command: Command
        let atNs: UInt64
    }

    private let scheduler: any Scheduler
    private var entries: Deque<Entry> = []
    private var isArmed = false
    /// Picks a second replica for a call that is late.
    var second: (QuorumCall) -> Int? = { _ in nil }

    init(scheduler: any Scheduler) { self.scheduler = scheduler }

    func add(_ call: QuorumCall, _ command: Command, atNs: UInt64) {
        // What has been answered goes first, so that no large value is kept alive here.
        while let first = entries.first, !first.call.answered.isEmpty { entries.removeFirst() }
        entries.append(Entry(call: call, command: command, atNs: atNs))
        arm()
    }

    private func arm() {
        guard !isArmed, let first = entries.first else { return }
        isArmed = true
        scheduler.schedule(self, atNs: first.atNs)
    }

    var isSettled: Bool { !isArmed }

    func expire() {
        isArmed = false
        let nowNs = scheduler.nowNs
        while let first = entries.first, first.atNs <= nowNs || !first.call.answered.isEmpty {
            entries.removeFirst()
            guard first.call.answered.isEmpty, !first.call.outstanding.isEmpty, let replica = second(first.call) else {
                continue
            }
            first.call.send(first.command, to: [replica])
        }
        arm()
    }
}

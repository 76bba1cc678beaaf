import EventLoop
import Replication

/// How long to pause before another round of a register after being preempted. Each register has a window, from which
/// pauses are drawn at random, so that rivals do not collide again.
///
/// A proposer with a cached promise needs one round trip and its rivals need two, so it could preempt them for ever. A
/// proposer that finds its own state still in place has overtaken a rival: it doubles its window until the rivals have
/// finished. Windows outlive a batch (as in Bharghavan et al., *MACAW*, SIGCOMM 1994).
final class ContentionBackoff {
    private struct Window {
        var lengthNs: UInt64
        /// When this proposer was preempted last.
        var preemptedNs: UInt64
    }

    private let acceptors: AcceptorGroup
    private let maxMs: UInt64
    private var windows: [Register: Window] = [:]

    /// Above it all windows are forgotten: that costs fairness only.
    private static let maxRegisters = 1_000
    /// How long a rival is remembered.
    private static let memoryNs = 1_000 * nsPerMs
    /// The window of a proposer that loses grows to this many shortest windows, that of one that wins to the maximum.
    /// So losers retry sooner.
    private static let maxLosses: UInt64 = 8
    private static let maxRoundTripNs = 100 * nsPerMs

    /// - Parameter maxMs: the longest pause, in milliseconds.
    init(_ acceptors: AcceptorGroup, maxMs: UInt64) {
        self.acceptors = acceptors
        self.maxMs = maxMs
    }

    private var nowNs: UInt64 { acceptors.scheduler.nowNs }

    /// A round was lost to a higher ballot.
    func wasPreempted(on register: Register) {
        if windows.count >= Self.maxRegisters, windows[register] == nil { windows.removeAll() }
        let range = rangeNs
        let knownNs = windowNs(register)
        let boundNs = min(range.lowerBound * Self.maxLosses, range.upperBound)
        windows[register] = Window(
            lengthNs: max(knownNs, min(max(knownNs * 2, range.lowerBound), boundNs)), preemptedNs: nowNs)
    }

    /// A quorum promised a ballot of this proposer.
    /// - Parameter isOvertaking: its own last state was still in place, so a rival in between had no time to finish.
    func didPrepare(_ register: Register, isOvertaking: Bool) {
        guard !windows.isEmpty, let window = windows[register] else { return }
        let range = rangeNs
        let lengthNs = isOvertaking ? window.lengthNs * 2 : window.lengthNs / 2
        windows[register]?.lengthNs = min(max(lengthNs, range.lowerBound), range.upperBound)
    }

    /// Lets rivals finish before an attempt that would overtake them.
    func waitForRivals(on register: Register, deadlineNs: UInt64) async {
        await pause(upToNs: windowNs(register), deadlineNs: deadlineNs)
    }

    /// Pauses between attempts that found no quorum.
    /// - Parameter failures: how many in a row.
    func waitAfterFailure(_ failures: UInt64, deadlineNs: UInt64) async {
        let longestMs = min(UInt64(1) << min(failures, 6), maxMs)
        await pause(upToNs: longestMs * nsPerMs, deadlineNs: deadlineNs)
    }

    /// 0 if no rival seems to change this register.
    private func windowNs(_ register: Register) -> UInt64 {
        guard !windows.isEmpty, let window = windows[register] else { return 0 }
        return nowNs - window.preemptedNs < Self.memoryNs ? window.lengthNs : 0
    }

    /// From what a rival needs between its two round trips, up to the longest pause.
    private var rangeNs: ClosedRange<UInt64> {
        let group = acceptors.replicas
        let timesNs = group.available.map { min(group.latencyNs($0), Self.maxRoundTripNs) }.sorted()
        let roundNs = timesNs.isEmpty ? 0 : timesNs[min(acceptors.majority, timesNs.count) - 1]
        let longestNs = max(maxMs, 1) * nsPerMs
        return min(max(2 * roundNs, 1 * nsPerMs), longestNs)...longestNs
    }

    private func pause(upToNs longestNs: UInt64, deadlineNs: UInt64) async {
        let delayNs = acceptors.scheduler.random(in: 0...longestNs)
        await acceptors.scheduler.sleep(forNs: min(delayNs, deadlineNs &- min(nowNs, deadlineNs)))
    }
}

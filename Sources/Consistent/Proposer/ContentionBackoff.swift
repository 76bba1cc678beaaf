import EventLoop
import Replication

/// Determines how long a preempted proposer pauses before its next round on a register. Each register has a window,
/// which is a length of time. A pause is a random time up to that length, so that rivals do not collide again.
///
/// A proposer with a cached promise needs one round trip and its rivals need two, so it could preempt them for ever. If
/// a preempted proposer prepares and finds its own last state unchanged, it has overtaken the rival, which has prepared
/// but not yet accepted. The proposer then doubles its window, so that the rival can finish. A window stays in force
/// for later batches of the register (as in Bharghavan et al., *MACAW*, SIGCOMM 1994).
final class ContentionBackoff {
    private struct Window {
        var lengthNs: UInt64
        /// When this proposer was last preempted on the register.
        var preemptedNs: UInt64
    }

    private let acceptors: AcceptorGroup
    private let maxMs: UInt64
    private var windows: [Register: Window] = [:]

    /// The most registers whose window is kept. If another register is preempted, all windows are forgotten. Proposers
    /// may then preempt each other more often for a while; no answer becomes wrong.
    private static let maxRegisters = 1_000
    /// How long after a preemption a rival is assumed to exist.
    private static let memoryNs = 1_000 * nsPerMs
    /// The window of a preempted proposer grows to at most this many times the shortest window. The window of a
    /// proposer that overtakes rivals may grow to the longest window, so preempted proposers retry sooner.
    private static let maxPreemptedFactor: UInt64 = 8
    private static let maxRoundTripNs = 100 * nsPerMs

    /// - Parameter maxMs: the longest pause, in milliseconds.
    init(_ acceptors: AcceptorGroup, maxMs: UInt64) {
        self.acceptors = acceptors
        self.maxMs = maxMs
    }

    private var nowNs: UInt64 { acceptors.scheduler.nowNs }

    /// Records that a round was preempted by a higher ballot.
    func wasPreempted(on register: Register) {
        if windows.count >= Self.maxRegisters, windows[register] == nil { windows.removeAll() }
        let range = rangeNs
        let knownNs = windowNs(register)
        let boundNs = min(range.lowerBound * Self.maxPreemptedFactor, range.upperBound)
        windows[register] = Window(
            lengthNs: max(knownNs, min(max(knownNs * 2, range.lowerBound), boundNs)), preemptedNs: nowNs)
    }

    /// Records that a quorum promised a ballot of this proposer.
    /// - Parameter isOvertaking: true if the register still held this proposer's last state. Then no rival had time to
    ///   finish.
    func didPrepare(_ register: Register, isOvertaking: Bool) {
        guard !windows.isEmpty, let window = windows[register] else { return }
        let range = rangeNs
        let lengthNs = isOvertaking ? window.lengthNs * 2 : window.lengthNs / 2
        windows[register]?.lengthNs = min(max(lengthNs, range.lowerBound), range.upperBound)
    }

    /// Pauses, so that rivals can finish before this proposer's next attempt would overtake them.
    func waitForRivals(on register: Register, deadlineNs: UInt64) async {
        await pause(upToNs: windowNs(register), deadlineNs: deadlineNs)
    }

    /// Pauses after an attempt that failed without being preempted, for example because it found no quorum.
    /// - Parameter failures: how many attempts in a row have failed.
    func waitAfterFailure(_ failures: UInt64, deadlineNs: UInt64) async {
        let longestMs = min(UInt64(1) << min(failures, 6), maxMs)
        await pause(upToNs: longestMs * nsPerMs, deadlineNs: deadlineNs)
    }

    /// The current window of a register; 0 if no rival seems to change it.
    private func windowNs(_ register: Register) -> UInt64 {
        guard !windows.isEmpty, let window = windows[register] else { return 0 }
        return nowNs - window.preemptedNs < Self.memoryNs ? window.lengthNs : 0
    }

    /// The shortest and the longest window. The shortest is about the time that a rival needs for its two round trips,
    /// and at least 1 ms.
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

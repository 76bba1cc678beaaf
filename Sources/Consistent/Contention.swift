import EventLoop

/// How long to keep off a register after being outbid: a window for each, from which pauses are drawn.
///
/// One who writes by the promise of its last round needs one round trip, and its rivals need two: each time that it is outbid
/// it could be back before they are through, for ever. So who finds that its own state is still the last one has overtaken
/// somebody, and gives way for twice as long from then on, until others have had their turns. That outlives the batch (as in
/// Bharghavan and others, *MACAW*, SIGCOMM 1994).
struct Contention {
    private struct Window {
        var lengthNs: UInt64
        /// When this proposer was outbid last.
        var outbidNs: UInt64
    }

    private var windows: [Register: Window] = [:]
    /// Past it all are forgotten: what is lost is courtesy.
    private static let maxRegisters = 1_000
    /// How long a rival is remembered.
    private static let memoryNs = 1_000 * nsPerMs
    /// Those who lose wait no longer than this many of the shortest windows, so that they come before those who win.
    private static let maxLosses: UInt64 = 8

    /// The present window; 0 where nobody else seems to write this register.
    func windowNs(_ register: Register, nowNs: UInt64) -> UInt64 {
        guard !windows.isEmpty, let window = windows[register] else { return 0 }
        return nowNs - window.outbidNs < Self.memoryNs ? window.lengthNs : 0
    }

    /// A round was lost to a higher ballot.
    mutating func wasOutbid(on register: Register, within rangeNs: ClosedRange<UInt64>, nowNs: UInt64) {
        if windows.count >= Self.maxRegisters, windows[register] == nil { windows.removeAll() }
        let knownNs = windowNs(register, nowNs: nowNs)
        let boundNs = min(rangeNs.lowerBound * Self.maxLosses, rangeNs.upperBound)
        windows[register] = Window(
            lengthNs: max(knownNs, min(max(knownNs * 2, rangeNs.lowerBound), boundNs)), outbidNs: nowNs)
    }

    /// A majority has promised. Where its state is the last one that this proposer made, whoever was there in between had no
    /// time to end.
    mutating func hasPrepared(
        on register: Register, isOvertaking: Bool, within rangeNs: @autoclosure () -> ClosedRange<UInt64>
    ) {
        guard !windows.isEmpty, let window = windows[register] else { return }
        let rangeNs = rangeNs()
        let lengthNs = isOvertaking ? window.lengthNs * 2 : window.lengthNs / 2
        windows[register]?.lengthNs = min(max(lengthNs, rangeNs.lowerBound), rangeNs.upperBound)
    }
}

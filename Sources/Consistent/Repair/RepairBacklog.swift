import DequeModule

/// The registers that ``Repair`` checks next: tombstones, and those whose accept a replica may have missed.
final class RepairBacklog {
    private var registers: Deque<Register> = []
    /// True if a replica may have missed accepts of unknown registers.
    private(set) var needsFullScan = true
    /// If there are more registers, a full scan replaces the list.
    private static let maxRegisters = 10_000

    var count: Int { registers.count }

    /// Adds a register that holds a tombstone, or whose last accept a replica missed.
    func add(_ register: Register) {
        guard registers.count < Self.maxRegisters else {
            needsFullScan = true
            return
        }
        registers.append(register)
    }

    /// Removes and returns the oldest registers, at most `limit`.
    func take(_ limit: Int) -> [Register] {
        let page = Array(registers.prefix(limit))
        registers.removeFirst(page.count)
        return page
    }

    func requestFullScan() { needsFullScan = true }
    func startFullScan() { needsFullScan = false }
}

import DequeModule

/// The registers that ``Repair`` checks next: tombstones, and those whose accept a replica may have missed.
final class RepairBacklog {
    private var registers: Deque<Register> = []
    /// A replica may have missed accepts of unknown registers.
    private(set) var needsFullScan = true
    /// Above it a full scan replaces the list.
    private static let maxRegisters = 10_000

    var count: Int { registers.count }

    /// Adds a register that is a tombstone, or whose last accept some replica missed.
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

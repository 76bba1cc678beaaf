import DequeModule

/// The registers that ``Repair`` checks next: those that hold a tombstone, and those whose last accept a replica may
/// have missed.
final class RepairBacklog {
    private var registers: Deque<Register> = []
    /// True if a replica may have missed accepts of registers that are not in the list.
    private(set) var needsFullScan = true
    /// The most registers in the list. If the list is full, ``add(_:)`` requests a full scan instead.
    private static let maxRegisters = 10_000

    var count: Int { registers.count }

    /// Adds a register that holds a tombstone, or whose last accept a replica may have missed.
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

/// An amount that all clients share. The share of each client address is limited.
///
/// An address may hold at most as much as is free: one address alone gets a half, two addresses get a third each. So a
/// part always remains free for new addresses. These are the dynamic thresholds, with α = 1, of Choudhury and Hahne
/// (IEEE/ACM Transactions on Networking 6(2), 1998).
struct FairShare {
    let total: Int
    private(set) var used = 0
    private var held: [ClientAddress: Int] = [:]

    init(total: Int) { self.total = total }

    func fits(_ count: Int, for client: ClientAddress) -> Bool {
        count <= total - used - (held[client] ?? 0)
    }

    func holds(_ client: ClientAddress) -> Bool { held[client] != nil }

    mutating func take(_ count: Int, for client: ClientAddress) {
        used += count
        held[client, default: 0] += count
    }

    mutating func release(_ count: Int, for client: ClientAddress) {
        guard count > 0 else { return }
        used -= count
        let left = (held[client] ?? 0) - count
        assert(used >= 0 && left >= 0, "nothing is released that was not taken")
        held[client] = left > 0 ? left : nil
    }
}

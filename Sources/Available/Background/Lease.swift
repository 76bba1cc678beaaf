import EventLoop
import Replication

/// A lease on one replica that keeps several instances from doing the same work. Only a hint: two at once do no harm.
struct Lease {
    private let client: ReplicaClient
    private let key: Bytes
    private let replica: Int
    private let holder: Bytes
    private let durationMs: UInt64
    /// Batches between two renewals.
    static let batchesPerRenewal = 16

    /// - Parameter holder: names this instance; see ``LeaseHolder``.
    init(_ key: Bytes, at replica: Int, holder: LeaseHolder, durationMs: UInt64) {
        client = holder.client
        self.key = key
        self.replica = replica
        self.holder = holder.name
        self.durationMs = durationMs
    }

    /// - Parameter isRequired: false for work that must also be done if the replica's memory is too full to store the lease.
    /// - Returns: false if another instance holds it, or the replica does not answer.
    func take(isRequired: Bool = true) async -> Bool {
        let arguments = [
            Bytes("SET".utf8), key, holder, Bytes("NX".utf8), Bytes("PX".utf8), Bytes(decimal: durationMs),
        ]
        let reply = await client.ask(Command(.plain(arguments)), of: replica)
        if reply == .null { await shorten() }
        if !isRequired, case .error(let text)? = reply, text.hasPrefix("OOM") { return true }
        return reply == .status("OK")
    }

    /// A lease from before the replica's clock was set back ends that much later. If its holder has died meanwhile, nobody
    /// would do its work until then.
    private func shorten() async {
        let reply = await client.ask(Command(.plain([Bytes("PTTL".utf8), key])), of: replica)
        guard let leftMs = reply?.int64, leftMs == -1 || leftMs > Int64(durationMs) else { return }
        await renew()
    }

    func renew() async {
        _ = await client.ask(
            Command(.plain([Bytes("PEXPIRE".utf8), key, Bytes(decimal: durationMs)])), of: replica)
    }

    /// Renews the lease now and then.
    func renew(afterBatch batch: Int) async {
        if batch.isMultiple(of: Self.batchesPerRenewal) { await renew() }
    }

    func end() async {
        _ = await client.ask(Command(.plain([Bytes("DEL".utf8), key])), of: replica)
    }
}

/// This instance as a holder of leases.
struct LeaseHolder {
    let client: ReplicaClient
    /// Unique: the node's name and random digits.
    let name: Bytes

    init(_ environment: Environment) {
        client = environment.client
        name =
            Bytes("\(environment.settings.nodeName):".utf8) + Bytes(hexadecimal: environment.scheduler.randomBits())
    }
}

import EventLoop
import Replication

/// A lease, stored on one replica, that keeps several instances from doing the same work. It only saves work: two
/// holders at once do no harm.
final class Lease {
    private let environment: Environment
    private let key: Bytes
    private let replica: Int
    private let holder: Bytes
    private let durationMs: UInt64
    private var renewedNs: UInt64 = 0

    /// - Parameter holder: the name of this instance, for people who read the lease.
    init(_ environment: Environment, _ key: Bytes, at replica: Int, holder: Bytes, durationMs: UInt64) {
        self.environment = environment
        self.key = key
        self.replica = replica
        self.holder = holder
        self.durationMs = durationMs
    }

    /// - Parameter isRequired: false if the work must also be done when the replica has no memory to store the lease.
    /// - Returns: false if another instance holds the lease, or the replica does not answer.
    func acquire(isRequired: Bool = true) async -> Bool {
        renewedNs = environment.nowNs
        let reply = await ask("SET", holder, Bytes("NX".utf8), Bytes("PX".utf8), Bytes(decimal: durationMs))
        if reply == .null { await shorten() }
        if !isRequired, reply?.error?.kind == .full { return true }
        return reply == .status("OK")
    }

    /// Shortens a lease that was stored before the replica's clock was set back, because it would end that much later.
    /// If its holder had crashed, no instance would do the work until then.
    private func shorten() async {
        let leftMs = await ask("PTTL")?.int64
        guard let leftMs, leftMs == -1 || leftMs > Int64(durationMs) else { return }
        await renew()
    }

    private func renew() async {
        renewedNs = environment.nowNs
        _ = await ask("PEXPIRE", Bytes(decimal: durationMs))
    }

    /// Renews the lease after a quarter of its duration: long before it ends, but not with every batch.
    func renewIfDue() async {
        if environment.nowNs - renewedNs >= durationMs * nsPerMs / 4 { await renew() }
    }

    func release() async { _ = await ask("DEL") }

    private func ask(_ verb: String, _ arguments: Bytes...) async -> Reply? {
        await environment.client.ask(Command(.plain([Bytes(verb.utf8), key] + arguments)), of: replica)
    }
}

import Available
import EventLoop

/// Measures how long it takes until every AP replica has everything that any of them had at the heal.
///
/// Under load the replicas are never equal. So the probe remembers the version vectors of all keys at the heal, and
/// waits until the vectors on each replica cover them.
final class ReplicationProbe {
    private static let intervalMs: UInt64 = 100
    private static let timeoutMs: UInt64 = 1_000
    /// The most keys per replica; a drill uses fewer.
    private static let maxKeys = 2_000
    private static let keysPerBatch = 100

    private let lab: Lab
    private let replicas: [(name: String, connection: ReplicaConnection)]
    /// The vectors of each replica's first answer after the heal, by replica and key.
    private var atHeal: [String: [String: VersionVector]] = [:]

    init(_ lab: Lab) {
        self.lab = lab
        replicas = lab.topology.replicas(of: .ap).map { node in
            (node.name, ReplicaConnection(to: lab.address(of: node), lab.redisLogin, on: lab.reactor))
        }
    }

    /// - Parameters:
    ///   - startNs: the time of the heal, in monotonic nanoseconds.
    ///   - untilNs: the time at which to give up.
    /// - Returns: milliseconds from the heal until convergence; nil if it took too long.
    func measure(sinceNs startNs: UInt64, untilNs: UInt64) async -> Double? {
        defer { for replica in replicas { replica.connection.close() } }
        while !lab.isStopping, monotonicNs() < untilNs {
            var now: [String: [String: VersionVector]] = [:]
            for (name, connection) in replicas { now[name] = await vectors(connection) }
            for (name, vectors) in now where atHeal[name] == nil { atHeal[name] = vectors }
            if now.count == replicas.count, Self.isCovered(Array(atHeal.values), by: Array(now.values)) {
                return Double((monotonicNs() - startNs) / 1_000) / 1_000
            }
            await lab.reactor.sleep(forNs: Self.intervalMs * nsPerMs)
        }
        return nil
    }

    /// True if the vectors on each replica cover all earlier vectors. A key that is on no replica any more was
    /// collected: that happens only if all replicas had its tombstone.
    static func isCovered(_ earlier: [[String: VersionVector]], by replicas: [[String: VersionVector]]) -> Bool {
        earlier.allSatisfy { vectors in
            vectors.allSatisfy { key, vector in
                replicas.allSatisfy { $0[key] == nil } || replicas.allSatisfy { $0[key]?.covers(vector) == true }
            }
        }
    }

    private func vectors(_ connection: ReplicaConnection) async -> [String: VersionVector]? {
        guard let reply = await connection.ask([["KEYS", "ap:*"]], timeoutMs: Self.timeoutMs)?.first,
            reply.elements.first?.kind == .array
        else { return nil }
        let keys = Array(reply.elements.indices.dropFirst().compactMap { reply.text($0) }.prefix(Self.maxKeys))
        var vectors: [String: VersionVector] = [:]
        for start in stride(from: 0, to: keys.count, by: Self.keysPerBatch) {
            let batch = keys[start..<min(start + Self.keysPerBatch, keys.count)]
            let commands = batch.map { ["HGET", $0, "vv"] }
            guard let replies = await connection.ask(commands, timeoutMs: Self.timeoutMs) else { return nil }
            for (key, reply) in zip(batch, replies) where reply.elements.first?.kind == .bulk {
                vectors[key] = VersionVector(text: Array(reply.bytes(0)))
            }
        }
        return vectors
    }
}

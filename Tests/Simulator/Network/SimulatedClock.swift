import EventLoop
import Replication

/// The wall clock of a replica. It may be ahead or behind, and may jump.
final class SimulatedClock {
    private let world: World
    private unowned let redis: MemoryRedis
    /// The offset from the world's clock, in microseconds.
    var skewUs: Int64 = 0 {
        didSet { noteSetBack(byUs: oldValue - skewUs) }
    }
    /// Each time the clock was set back by so little that perhaps no script detects it, and by how many microseconds.
    private(set) var setBacks: [(atNs: UInt64, byUs: Int64)] = []
    /// By how much the clock was set back since a script last read it, and which part of that is already in `setBacks`.
    private var unseenBack: (byUs: Int64, listedUs: Int64) = (0, 0)

    init(world: World, redis: MemoryRedis) {
        self.world = world
        self.redis = redis
    }

    /// The clock's time, in microseconds since 1970.
    var nowUs: Int64 { SimulatedProcess.epochMs * 1_000 + Int64(world.nowNs / 1_000) + skewUs }

    /// Notes that the clock was set back, if scripts may not detect it. They compare the clock with the time that they
    /// last stored in `cap:clock`. If the clock is less than 1.5 s behind that time, it may pass that time again, or be
    /// set forward, before the next script reads it.
    private func noteSetBack(byUs: Int64) {
        var seenUs: Int64 = 0
        if case .string(let text)? = redis.value(Bytes("cap:clock".utf8)) { seenUs = Int64(decimal: text) ?? 0 }
        let isUnseen = seenUs > nowUs + byUs
        if !isUnseen { unseenBack = (0, 0) }
        unseenBack.byUs = max(0, unseenBack.byUs + byUs)
        let moreUs = unseenBack.byUs - unseenBack.listedUs
        guard moreUs > 0, seenUs - nowUs < 1_500_000 else { return }
        setBacks.append((world.nowNs, moreUs))
        unseenBack.listedUs += moreUs
    }
}
